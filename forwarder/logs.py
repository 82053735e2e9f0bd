"""Logs on standard error, the server's own among them: one JSON object a line, or text for people."""

import json
import logging
import os
import sys
import time
from collections import Counter
from collections.abc import Callable

import structlog

from forwarder.faults import fault_of, frames_of
from forwarder.text import cell

_MOST_IN_A_SECOND = 20
"""Lines of one kind; whoever sends nonsense on purpose shall not fill the disk with what we say of it."""


class Sparing:
    """Lets few lines of each kind through in a second, and says with the next one how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._second = 0
        self._said: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def left_out_before(self, kind: str) -> int | None:
        """Count a line; return how many were left out before it, or None where it is to be left out."""
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._left_out += self._said - Counter(dict.fromkeys(self._said, _MOST_IN_A_SECOND))
            self._said.clear()
        self._said[kind] += 1
        return None if self._said[kind] > _MOST_IN_A_SECOND else self._left_out.pop(kind, 0)

    def __call__(
        self, logger: object, method: str, line: structlog.types.EventDict
    ) -> structlog.types.EventDict:
        """Work as a processor of our own lines."""
        left_out = self.left_out_before(str(line["event"]))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            line["left_out"] = left_out
        return line

    def filter(self, record: logging.LogRecord) -> bool:
        """Work as a filter of the server's lines."""
        return self.left_out_before(record.msg if isinstance(record.msg, str) else "") is not None


def without_contents(
    logger: object, method: str, line: structlog.types.EventDict
) -> structlog.types.EventDict:
    """Put an exception's type and places in the code in its stead: its message may quote an event.

    Works as a processor.
    """
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["fault"] = fault_of(error)
        line["trace"] = frames_of(error.__traceback__)
    return line


def visible(logger: object, method: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    """Escape what no terminal should get of texts that may come from outside. Works as a processor."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = cell(value)
        elif isinstance(value, (list, tuple, dict)):
            line[name] = cell(json.dumps(value, ensure_ascii=False, default=str))
    return line


def log_beside_output() -> None:
    """Send the log lines of a command to standard error, for what it prints is data."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            without_contents,
            visible,
            structlog.dev.ConsoleRenderer(colors=False, sort_keys=False),
        ],
        # Asked for at each line: whoever runs commands in one process may have put another stream there.
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


def configure_logs(level: str = "info", *, text: bool = False) -> None:
    """Send every log line of this process through structlog. No line holds keys, tokens or event contents.

    ``text``: for people, instead of JSON; in colours where standard error is a terminal.
    """
    sparing = Sparing()
    colours = text and sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    last: list[structlog.types.Processor] = (
        [visible, structlog.dev.ConsoleRenderer(colors=colours, sort_keys=False)]
        if text
        else [structlog.processors.JSONRenderer()]
    )
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            sparing,
            *shared,
            without_contents,
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(sparing.filter)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_contents,
                *last,
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # httpx logs a line per request at info: addresses only, but one per batch says nothing to an operator.
    logging.getLogger("httpx").setLevel(logging.WARNING)
