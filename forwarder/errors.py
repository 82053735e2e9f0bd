"""Every error the forwarder names.

ForwarderError                  base: str(error) is one line that says what, where and how to mend it
├── ConfigError                 the configuration cannot be used; ``problems`` lists every one
├── TriggerError                a trigger text cannot be used; ``position``, ``suggestion``
├── MappingError                a mapping cannot be used, or failed on an event; ``field``, ``directive``
├── PayloadError                an action's fields are invalid; ``fields`` names each with its reason
└── SpoolError                  the spool cannot do it
    ├── SpoolFull               the bound on rows, bytes or disk is reached; ``retry_after`` in seconds
    │   └── SpoolUnavailable    the stream accepts nothing for now; ``code`` says why
    ├── SpoolDamaged            the file or stream is not a spool we can read
    │   └── SpoolInUse          another process serves from the file
    └── SpoolLost               nothing can be written any more; the forwarder has to end
        └── SpoolTakenOver      for another forwarder writes the stream now
"""

from collections.abc import Sequence


class ForwarderError(Exception):
    """Base of all named errors."""


class ConfigError(ForwarderError):
    """The configuration cannot be used.

    ``problems``: one line each, all of them, naming the field and the mend.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(self.problems))


class TriggerError(ForwarderError):
    """A trigger text cannot be used. ``position``: characters from the start of the text."""

    def __init__(self, message: str, position: int, suggestion: str | None = None) -> None:
        self.position = position
        self.suggestion = suggestion
        tail = f"; {suggestion}" if suggestion else ""
        super().__init__(f"{message} at character {position}{tail}")


class MappingError(ForwarderError):
    """A mapping cannot be used, or failed on an event. ``field``: dotted place in the mapping."""

    def __init__(self, message: str, field: str = "", directive: str | None = None) -> None:
        self.field = field
        self.directive = directive
        place = ": ".join(part for part in (field, directive) if part)
        super().__init__(f"{place}: {message}" if place else message)


class PayloadError(ForwarderError):
    """An action's fields are invalid. ``fields``: place (as ``$.name``) to reason."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.fields = fields
        super().__init__("; ".join(f"{place} {reason}" for place, reason in fields.items()))


class SpoolError(ForwarderError):
    """The spool cannot do it."""


class SpoolFull(SpoolError):  # noqa: N818 - a state of the spool, as its users say it
    """The bound on rows, bytes or disk is reached. ``retry_after``: seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class SpoolUnavailable(SpoolFull):
    """The stream accepts nothing for now. ``code``: why, as a word for senders, metrics and health checks."""

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        self.code = code
        super().__init__(message, retry_after)


class SpoolDamaged(SpoolError):  # noqa: N818 - a state of the spool, as its users say it
    """The file or stream is not a spool we can read."""


class SpoolInUse(SpoolDamaged):
    """Another process serves from the file."""


class SpoolLost(SpoolError):  # noqa: N818 - as above
    """Nothing can be written any more; this forwarder has to end."""


class SpoolTakenOver(SpoolLost):
    """Another forwarder writes the stream now; started again, this one stands by."""
