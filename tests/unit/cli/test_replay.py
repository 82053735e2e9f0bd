"""``forwarder replay``: events of history go once more, by today's mappings, under insert ids they had."""

import asyncio
import json
import re
import time
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli, sending_again
from forwarder.config.settings import SpoolSettings
from forwarder.replay.scratch import scratch_paths
from forwarder.spool import NewEvent, Settlement, open_spool
from forwarder.spool.history import Ended
from forwarder.spool.suppression import marks_for
from tests.support.receiver import Receiver

HOUR = 3_600_000
CONFIG = """
[spool]
path = "{folder}/spool.db"
[[sources]]
name = "shop"
write_key = "k"
[[destinations]]
name = "amplitude"
base_url = "{url}"
linger_ms = 10
{more}
[destinations.settings]
apiKey = "key"
secretKey = "secret"
"""
EVENTS = 900
TRACKED = [f"m{number}" for number in range(1, EVENTS + 1) if number % 10 != 9]
BROKEN = 'subscriptions = [{ preset = "Track Calls", mapping = { event_type = { "@path" = "$.none" } } }]'


def made(number: int) -> NewEvent:
    """Return an event of one of seven users; every tenth is an identify."""
    body: dict[str, object] = {
        "type": "identify" if number % 10 == 9 else "track",
        "messageId": f"m{number}",
        "userId": f"user-{number % 7}",
        "timestamp": "2026-09-21T13:46:40.000Z",
        "integrations": {"Actions Amplitude": {"session_id": 1_790_000_000_000 + number % 3}},
    }
    if number % 10 == 9:
        body["traits"] = {"n": number}
    else:
        body |= {"event": "Bought", "properties": {"n": number}}
    return NewEvent("shop", f"m{number}", orjson.dumps(body))


def filled(path: Path, *, age_ms: int = HOUR, waiting: int = 30) -> None:
    """Fill a spool with events of which the last ``waiting`` have not ended; 11 to 20 were dead."""

    async def fill() -> None:
        now = time.time_ns() // 1_000_000 - age_ms
        spool = await open_spool(path, max_events=10_000, max_bytes=10**8)
        spool.bound_history(10**9, 10**12)
        await spool.attach(["amplitude"])
        for start in range(1, EVENTS + 1, 100):
            await spool.append([made(number) for number in range(start, start + 100)], now)
        upto = EVENTS - waiting
        ends = [Ended("delivered", "", 1, 10), Ended("dead", "mapping failed", 11, 20)]
        ends += [Ended("delivered", "", 21, upto)]
        await spool.settle("amplitude", Settlement(upto, ends=ends), now)
        await spool.close()

    asyncio.run(fill())


@pytest.fixture
def config(tmp_path: Path, amplitude: Receiver) -> Path:
    filled(tmp_path / "spool.db")
    return configured(tmp_path, amplitude)


def configured(folder: Path, amplitude: Receiver, more: str = "") -> Path:
    path = folder / "forwarder.toml"
    path.write_text(CONFIG.format(folder=folder, url=amplitude.url, more=more))
    return path


def run(config: Path, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(
        cli, ["replay", "--config", str(config), "--rate", "100000", *words], input=given
    )


def ids(amplitude: Receiver) -> list[str]:
    return [str(one["insert_id"]) for one in amplitude.events()]


def left(config: Path) -> list[Path]:
    return scratch_paths(SpoolSettings(path=str(config.parent / "spool.db")))


def test_all_go_once_more_by_the_batch_endpoint_in_order(config: Path, amplitude: Receiver) -> None:
    done = run(config)
    assert done.exit_code == 0, done.output
    assert f"amplitude: {EVENTS} delivered, 0 filtered, 0 dead" in done.output
    assert sorted(ids(amplitude)) == sorted(TRACKED)
    assert {path for path, _ in amplitude.items} == {"/batch", "/identify"}
    assert amplitude.events()[4]["session_id"] == 1_790_000_000_002
    by_user: dict[str, list[int]] = {}
    for _, item in amplitude.items:
        numbers = by_user.setdefault(item["user_id"], [])
        numbers.append((item.get("event_properties") or item["user_properties"])["n"])
    assert all(numbers == sorted(numbers) for numbers in by_user.values())
    assert not left(config)


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("--user user-3", [n for n in range(1, EVENTS + 1) if n % 7 == 3]),
        ("--message m77", [77]),
        ("--outcome dead", list(range(11, 21))),
        ("--outcome dead --session 1790000000001", [13, 16, 19]),
        ("--name identify", list(range(9, EVENTS + 1, 10))),
        ("--user nobody", []),
        ("--since 10m", []),
    ],
)
def test_filters_choose(config: Path, amplitude: Receiver, words: str, numbers: list[int]) -> None:
    done = run(config, *words.split())
    assert done.exit_code == 0, done.output
    sent = [(one.get("event_properties") or one["user_properties"])["n"] for _, one in amplitude.items]
    assert sorted(sent) == numbers
    assert ("history has no such event" in done.output) == (not numbers)


def test_a_dry_run_says_what_would_become_of_them_and_sends_nothing(
    config: Path, amplitude: Receiver
) -> None:
    configured(config.parent, amplitude, 'subscriptions = [{ preset = "Track Calls" }]')
    done = run(config, "--dry-run")
    assert done.output.splitlines() == [
        "amplitude: 900 events, 810 items; nothing is sent",
        "  810\tsent",
        "  90\tfiltered: no trigger matched",
    ]
    assert not amplitude.requests
    assert not left(config)


def test_older_ones_need_ids_of_their_own(tmp_path: Path, amplitude: Receiver) -> None:
    filled(tmp_path / "spool.db", age_ms=8 * 24 * HOUR, waiting=0)
    config = configured(tmp_path, amplitude)
    refused = run(config, "--user", "user-3")
    assert refused.exit_code == 1
    assert "129 of 129 events came so long ago" in refused.output
    assert run(config, "--user", "user-3", "--new-ids", given="n\n").exit_code == 1
    assert not amplitude.requests
    done = run(config, "--user", "user-3", "--new-ids", given="y\n")
    assert done.exit_code == 0, done.output
    found = ids(amplitude)
    assert len(set(found)) == len(found) == len([n for n in range(3, EVENTS + 1, 7) if n % 10 != 9])
    assert all(re.fullmatch(r"m\d+-again-[0-9a-f]+", one) for one in found)
    assert len({one.partition("-")[2] for one in found}) == 1


def test_what_is_dead_is_named_and_goes_alone_once_it_is_mended(config: Path, amplitude: Receiver) -> None:
    configured(config.parent, amplitude, BROKEN)
    done = run(config, "--user", "user-3", "--name", "Bought")
    assert done.exit_code == 1
    assert "0 delivered, 0 filtered, 116 dead (invalid fields 116)" in done.output
    assert "\n  dead\tm3\tinvalid fields" in done.output
    assert not amplitude.requests
    configured(config.parent, amplitude)
    again = run(config, "--user", "user-3", "--name", "Bought")
    assert again.exit_code == 0, again.output
    assert "116 delivered, 0 filtered, 0 dead" in again.output
    assert len(ids(amplitude)) == len(set(ids(amplitude))) == 116
    assert not left(config)


def test_where_it_was_stopped_it_goes_on(
    config: Path, amplitude: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sending_again, "_stop_by_signal", amplitude.stopping)
        stopped = run(config, "--rate", "100")
    assert stopped.exit_code == 1
    assert "the same command goes on from here" in stopped.output
    assert len(left(config)) == 1
    filled_later = made(EVENTS + 1)

    async def one_more() -> None:
        spool = await open_spool(config.parent / "spool.db", max_events=10_000, max_bytes=10**8)
        await spool.append([filled_later], time.time_ns() // 1_000_000)
        await spool.close()

    asyncio.run(one_more())
    done = run(config)
    assert done.exit_code == 0, done.output
    assert "taking up what an earlier run of this command began" in done.output
    assert f"amplitude: {EVENTS} delivered" in done.output
    assert sorted(ids(amplitude)) == sorted(TRACKED)


def test_anew_forgets_what_an_earlier_run_began(config: Path, amplitude: Receiver) -> None:
    configured(
        config.parent,
        amplitude,
        "subscriptions = [{ preset = 'Track Calls', mapping = { event_type = {} } }]",
    )
    run(config, "--message", "m1")
    assert len(left(config)) == 1
    configured(config.parent, amplitude)
    done = run(config, "--message", "m1", "--anew")
    assert "sending 1 event to amplitude" in done.output
    assert ids(amplitude) == ["m1"]


def test_an_unknown_destination_is_said(config: Path) -> None:
    assert "there is no destination 'b'; name one of amplitude" in run(config, "--to", "b").output


def test_events_of_deleted_users_stay_away(config: Path, amplitude: Receiver) -> None:
    """Where a user was deleted at one destination, history keeps the events; a replay passes over them."""

    async def mark() -> None:
        spool = await open_spool(config.parent / "spool.db", max_events=10_000, max_bytes=10**8)
        await spool.mark_users(marks_for(["user-3"], ["amplitude"], 0), 1)
        await spool.append([made(EVENTS + 6)], time.time_ns() // 1_000_000)
        await spool.close()

    asyncio.run(mark())
    done = run(config, "--user", "user-3")
    assert "129 events left out, their users were deleted" in done.output
    assert ids(amplitude) == [f"m{EVENTS + 6}"], "it came after the deletion"


def test_delete_removes_from_a_replay_that_was_cut_off(config: Path, amplitude: Receiver) -> None:
    configured(
        config.parent,
        amplitude,
        "subscriptions = [{ preset = 'Track Calls', mapping = { event_type = {} } }]",
    )
    run(config)
    [path] = left(config)

    async def users() -> set[str]:
        spool = await open_spool(path, max_events=1, max_bytes=1, tool=True)
        letters = await spool.dead(None, 0, 10_000)
        await spool.close()
        return {json.loads(one.event.body)["userId"] for one in letters}

    assert "user-3" in asyncio.run(users())
    CliRunner().invoke(cli, ["delete", "--config", str(config), "--yes", "user-3"])
    assert asyncio.run(users()) == {f"user-{n}" for n in range(7)} - {"user-3"}
