"""``forwarder import-events``: events of files are checked, given their sessions and sent; none is lost."""

import asyncio
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli, sending_again
from forwarder.config.settings import SpoolSettings
from forwarder.replay.archived import as_sent_now
from forwarder.replay.lines import LONGEST
from forwarder.replay.scratch import scratch_paths
from forwarder.spool import open_spool
from forwarder.spool.suppression import FOR_EVER, marks_for
from tests.support.configuration import configuration, toml
from tests.support.receiver import Receiver

AT = "2026-01-05T10:00:00.000Z"
AT_MS = 1_767_607_200_000


@pytest.fixture
def config(tmp_path: Path, amplitude: Receiver) -> Path:
    path = tmp_path / "forwarder.toml"
    text = toml({"spool": {"path": tmp_path / "spool.db"}, "session": {"assign": "all"}})
    path.write_text(text + configuration(amplitude=amplitude.url))
    return path


def event(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Bought",
        "messageId": f"m{number}",
        "userId": f"user-{number % 7}",
        "timestamp": f"2026-01-05T10:{number // 60 % 60:02}:{number % 60:02}.000Z",
        **more,
    }


def lines(*events: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def run(config: Path, *words: str, given: bytes = b"") -> Result:
    command = ["import-events", "--config", str(config), "--rate", "100000", *words]
    return CliRunner().invoke(cli, command, input=given)


def ids(amplitude: Receiver) -> list[str]:
    return [str(one["insert_id"]) for one in amplitude.events()]


@pytest.mark.parametrize("how", ["plain", "gzip", "standard input", "gzip on standard input"])
def test_lines_go_to_amplitude_with_their_own_times_and_sessions(
    config: Path, amplitude: Receiver, tmp_path: Path, how: str
) -> None:
    content = lines(*(event(number) for number in range(250)))
    content = gzip.compress(content) if "gzip" in how else content
    file = tmp_path / "events"
    file.write_bytes(content)
    done = run(config, "-", given=content) if "input" in how else run(config, str(file))
    assert done.exit_code == 0, done.output
    assert "amplitude: 250 delivered, 0 filtered, 0 dead" in done.output
    found = amplitude.events()
    assert sorted(ids(amplitude)) == sorted(f"m{number}" for number in range(250))
    assert {one["time"] for one in found} == {AT_MS + number * 1000 for number in range(250)}
    assert {one["session_id"] for one in found} == {AT_MS + number * 1000 for number in range(7)}
    assert {path for path, _ in amplitude.items} == {"/batch"}
    assert not scratch_paths(SpoolSettings(path=str(tmp_path / "spool.db")))


def test_what_ingest_would_refuse_is_named_and_the_others_go(
    config: Path, amplitude: Receiver, tmp_path: Path
) -> None:
    bad: dict[int, tuple[bytes, str]] = {
        2: (b"{nonsense", "not_json"),
        3: (b"[1]", "not_json"),
        5: (lines(event(5, type="nothing")).strip(), "unknown_type"),
        7: (lines(event(7, timestamp="yesterday")).strip(), "unreadable_timestamp"),
        9: (lines(event(9, properties={"x": "y" * 40_000})).strip(), "event_too_large"),
        11: (lines(event(11, properties={"x": "y" * LONGEST})).strip(), "event_too_large"),
    }
    rows = [bad[n][0] if n in bad else b"" if n == 4 else lines(event(n)).strip() for n in range(1, 13)]
    file = tmp_path / "some.jsonl"
    file.write_bytes(b"\n".join(rows))
    done = run(config, str(file))
    assert done.exit_code == 1
    named = [line.split(": ")[:2] for line in done.output.splitlines() if line.startswith(str(file))]
    assert named == [[f"{file}:{number}", code] for number, (_, code) in sorted(bad.items())]
    assert "5 delivered" in done.output
    assert "6 events refused" in done.output
    assert sorted(ids(amplitude)) == ["m1", "m10", "m12", "m6", "m8"]


def test_the_same_file_again_has_the_same_insert_ids(
    config: Path, amplitude: Receiver, tmp_path: Path
) -> None:
    unnamed = event(1)
    del unnamed["messageId"]
    file = tmp_path / "some.jsonl"
    file.write_bytes(lines(unnamed, unnamed, event(2), event(2)))
    for _ in range(2):
        done = run(config, str(file))
        assert "1 event there twice" in done.output
    first, again = ids(amplitude)[:3], ids(amplitude)[3:]
    assert first == again
    assert len(set(first)) == 3


def test_where_it_was_stopped_it_goes_on(
    config: Path, amplitude: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "some.jsonl"
    file.write_bytes(lines("no event", *(event(number) for number in range(1500))))

    with monkeypatch.context() as patch:
        patch.setattr(sending_again, "_stop_by_signal", amplitude.stopping)
        assert run(config, "--rate", "100", str(file)).exit_code == 1
    assert len(amplitude.events()) < 1500
    content = file.read_bytes()
    file.write_bytes(content.replace(b"Bought", b"Sold.."))
    other = run(config, str(file))
    assert (other.exit_code, "is not what an earlier run" in other.output) == (1, True)
    assert {one["event_type"] for one in amplitude.events()} == {"Bought"}
    file.write_bytes(content)
    done = run(config, str(file))
    assert done.exit_code == 1, "a line was refused before"
    assert "1500 delivered" in done.output.replace(",", "")
    assert "1 event refused" in done.output
    assert "there twice" not in done.output, "what was read is not read again"
    assert sorted(ids(amplitude)) == sorted(f"m{number}" for number in range(1500))


def test_what_events_find_prints_can_be_imported(config: Path, amplitude: Receiver) -> None:
    kept = event(1, originalTimestamp="2020-01-01T00:00:00Z", receivedAt=AT, sentAt=AT, timestamp=AT)
    line = {"receivedAt": AT, "source": "web", "messageId": "m1", "seq": 1, "ended": {}, "event": kept}
    assert run(config, "-", given=lines(line)).exit_code == 0
    [sent] = amplitude.events()
    assert (sent["insert_id"], sent["time"]) == ("m1", AT_MS)


def test_users_whose_later_events_are_dropped_stay_away(config: Path, amplitude: Receiver) -> None:
    async def suppress() -> None:
        spool = await open_spool(config.parent / "spool.db", max_events=10, max_bytes=1000)
        await spool.mark_users(marks_for(["user-1"], [""], FOR_EVER), 1)
        await spool.mark_users(marks_for(["user-2"], [""], 0, await spool.marks()), 1)
        await spool.close()

    asyncio.run(suppress())
    done = run(config, "-", given=lines(event(1), event(2), event(3)))
    assert "2 delivered, 1 filtered (user deleted 1), 0 dead" in done.output
    assert ids(amplitude) == ["m2", "m3"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--source nobody", "there is no source 'nobody'; name one of web"),
        ("no-such-file.gz", "no-such-file.gz: No such file or directory; name a file that can be read"),
        ("--to nowhere", "there is no destination 'nowhere'; name one of amplitude"),
    ],
)
def test_unknown_names_are_said(config: Path, words: str, said: str) -> None:
    done = run(config, *words.split(), "-")
    assert (done.exit_code, said in done.output) == (1, True)


def test_a_cut_off_file_is_said(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "some.gz"
    file.write_bytes(
        gzip.compress(lines(*(event(number, x=os.urandom(99).hex()) for number in range(999))))[:-99]
    )
    done = run(config, str(file))
    assert (done.exit_code, "is no whole gzip file" in done.output) == (1, True)


@pytest.mark.parametrize(
    ("given", "time"),
    [
        ({"timestamp": AT}, AT),
        ({"timestamp": AT, "sentAt": "2026-01-05T11:00:00Z"}, AT),
        (
            {"timestamp": AT, "sentAt": "2026-01-05T11:00:00Z", "receivedAt": "2026-01-05T12:00:00Z"},
            "2026-01-05T11:00:00.000Z",
        ),
        (
            {
                "timestamp": AT,
                "originalTimestamp": "2020-01-01T00:00:00Z",
                "sentAt": "2020-01-01T00:00:01Z",
                "receivedAt": AT,
            },
            AT,
        ),
        ({"receivedAt": AT}, AT),
        ({"originalTimestamp": AT, "receivedAt": "2026-01-05T12:00:00Z"}, AT),
        ({"timestamp": "yesterday", "receivedAt": AT}, "yesterday"),
        ({}, None),
    ],
)
def test_an_archived_event_keeps_its_own_time(given: dict[str, Any], time: str | None) -> None:
    made = json.loads(as_sent_now(json.dumps({"type": "track", **given}).encode(), 1) or b"")
    assert (made.get("timestamp"), "sentAt" in made) == (time, False)
