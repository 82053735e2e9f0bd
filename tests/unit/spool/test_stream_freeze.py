"""A process that stood still for a while: what was on its way meanwhile proves nothing of now."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from forwarder.spool.jetstream.control import ControlReply, ControlRequest
from forwarder.spool.jetstream.health import StreamHealth
from tests.support.fake_stream import FakeStream
from tests.support.stream_logs import One
from tests.unit.spool.test_stream_spool import One as OneSpool

pytestmark = pytest.mark.usefixtures("at_once")


def after(stream: FakeStream, name: str, then: Callable[[], None]) -> None:
    """Have something happen between an answer and its being read."""
    ask = getattr(stream, name)

    async def answer(*given: Any, **named: Any) -> Any:
        found = await ask(*given, **named)
        then()
        return found

    setattr(stream, name, answer)


class Frozen:
    """A log whose process stands still for some seconds while NATS' answer to a question is there already."""

    def __init__(self) -> None:
        self.one, self.now = One(), 100.0
        self.one.log.health = StreamHealth(cast(Any, self.one.connection), lambda: self.now)
        self.stands_s = 0.0
        for name in ("stream_info", "publish"):
            after(self.one.stream, name, self.stand_still)

    def stand_still(self) -> None:
        self.now += self.stands_s


@pytest.mark.parametrize("how", ["look", "append"])
async def test_an_answer_counts_from_when_it_was_asked_for(how: str) -> None:
    """While the process stood still another one may have taken over, of which this answer knows nothing."""
    frozen = Frozen()
    log = frozen.one.log
    await log.append(b"a")
    assert log.health.unsure_s == 0
    frozen.stands_s = 60
    await (log.look() if how == "look" else log.append(b"b"))
    assert log.health.unsure_s == 60
    frozen.stands_s = 0
    await log.look()
    assert log.health.unsure_s == 0


async def test_of_a_record_that_was_tried_again_the_last_question_counts() -> None:
    frozen = Frozen()
    log, stream = frozen.one.log, frozen.one.stream
    publish = stream.publish

    async def refused(*given: Any, **named: Any) -> None:
        frozen.now += 10
        stream.publish = publish  # type: ignore[method-assign]
        raise OSError("away")

    stream.publish = refused  # type: ignore[method-assign]
    await log.append(b"a")
    assert (frozen.now, log.health.unsure_s) == (110, 0)


async def test_who_stood_still_is_not_ready_until_the_stream_has_answered_anew(tmp_path: Path) -> None:
    one, now, stands_s = OneSpool(tmp_path), [100.0], [60.0]
    one.log.health.clock = lambda: now[0]
    one.log.health.ours_at = now[0]
    spool = await one.open()
    spool._watch.cancel()  # which would look by itself
    after(one.stream, "stream_info", lambda: now.__setitem__(0, now[0] + stands_s[0]))
    assert spool.unavailable() is None
    await one.log.look()  # is asked before the process stands still, and read afterwards
    away = spool.unavailable()
    assert away is not None
    assert away.code == "stream_silent"
    assert await one.ask(ControlRequest()) == [], "another look, through another freeze"
    stands_s[0] = 1
    assert await one.ask(ControlRequest()) == [ControlReply(0)]
    assert spool.unavailable() is None
    await spool.close()
