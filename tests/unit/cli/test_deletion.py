"""Users are deleted as Segment's destination does it, by the operator alone."""

import asyncio
import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from forwarder.amplitude import AmplitudeDestination
from forwarder.cli import amplitude_api, cli
from forwarder.spool import NewDead, NewEvent, Parked, Settlement, open_spool
from forwarder.spool.suppression import FOR_EVER, UserMark

CONFIG = """
[spool]
path = "{folder}/spool.db"
[[destinations]]
name = "amplitude"
[destinations.settings]
apiKey = "key"
secretKey = "secret"
endpoint = "europe"
"""
ADDRESS = "https://analytics.eu.amplitude.com/api/2/deletions/users"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "forwarder.toml"
    path.write_text(CONFIG.format(folder=tmp_path))
    return str(path)


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Collect the requests; user "bad" is refused, the key of user "locked" as well."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        user_ids = json.loads(request.content)["user_ids"]
        return httpx.Response(400 if "bad" in user_ids else 401 if "locked" in user_ids else 200, text="no")

    client = httpx.Client
    monkeypatch.setattr(
        httpx, "Client", lambda **given: client(transport=httpx.MockTransport(handle), **given)
    )
    monkeypatch.setattr(amplitude_api, "_BETWEEN", 0)
    return seen


def run(config: str, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, ["delete", "--config", config, *words], input=given)


def body(request: httpx.Request) -> Any:
    return json.loads(request.content)


def test_users_are_deleted(config: str, answered: list[httpx.Request]) -> None:
    done = run(config, "user-1", "user-2", given="y\n")
    assert done.exit_code == 0, done.output
    assert "amplitude: taken: 2 users will" in done.output
    [request] = answered
    assert (request.method, str(request.url)) == ("POST", ADDRESS)
    assert request.headers["authorization"] == f"Basic {b64encode(b'key:secret').decode()}"
    assert body(request) == {"user_ids": ["user-1", "user-2"], "requester": "segment"}


def test_many_users_take_several_requests(config: str, answered: list[httpx.Request]) -> None:
    users = [f"user-{number}" for number in range(150)]
    assert run(config, "--yes", *users).exit_code == 0
    assert [user for request in answered for user in body(request)["user_ids"]] == users
    assert [len(body(request)["user_ids"]) for request in answered] == [100, 50]


@pytest.mark.parametrize(("user", "text"), [("bad", "answers 400: 'no'"), ("locked", "refuses the keys")])
def test_refusals_are_told(config: str, answered: list[httpx.Request], user: str, text: str) -> None:
    done = run(config, "--yes", user)
    assert done.exit_code == 1
    assert text in done.output
    assert "secret" not in done.output.replace("secretKey", "")


@pytest.mark.parametrize("given", ["n\n", ""])
def test_nothing_is_sent_without_consent(config: str, answered: list[httpx.Request], given: str) -> None:
    assert run(config, "user-1", given=given).exit_code == 1
    assert answered == []


def test_dry_run_shows_the_requests(config: str, answered: list[httpx.Request]) -> None:
    done = run(config, "--dry-run", "user-1")
    wanted = {"user_ids": ["user-1"], "requester": "segment"}
    assert json.loads(done.output) == {"method": "POST", "url": ADDRESS, "json": wanted}
    assert answered == []


def test_an_unknown_destination_is_one_message(config: str) -> None:
    done = run(config, "--destination", "other", "user-1")
    assert (done.exit_code, "no destination called 'other'" in done.output) == (1, True)


def test_no_event_deletes_anybody() -> None:
    destination = AmplitudeDestination({"apiKey": "key", "secretKey": "secret"})
    assert destination.plan({"type": "delete", "userId": "user-1"}) == []


def spool_with(folder: Path, *users: object) -> None:
    """Make a spool in which one event of each user waits, and one of each is parked and dead."""

    async def fill() -> None:
        spool = await open_spool(folder / "spool.db", max_events=100, max_bytes=10**6)
        await spool.attach(["amplitude"])
        bodies = [
            {"type": "track", "event": "E", "userId": user, "messageId": f"{kind}-{user}"}
            for kind in ("dead", "parked", "waits")
            for user in users
        ]
        await spool.append(
            [NewEvent("demo", str(body["messageId"]), json.dumps(body).encode()) for body in bodies], 1
        )
        rows = await spool.read(0, 100)
        dead = [NewDead(row, "why", b"{}", b"") for row in rows[: len(users)]]
        aside = rows[len(users) : 2 * len(users)]
        park = [Parked(row, "lane", (f"u{row.message_id[7:]}",), b"") for row in aside]
        await spool.settle("amplitude", Settlement(2 * len(users), park, dead=dead), 1)
        await spool.close()

    asyncio.run(fill())


def left(folder: Path) -> list[str]:
    """Return the message ids of the events that still have a body."""

    async def look() -> list[str]:
        spool = await open_spool(folder / "spool.db", max_events=100, max_bytes=10**6, tool=True)
        events = await spool.read(0, 100)
        events += [one.event for one in await spool.parked("amplitude", "lane", 0, 100)]
        events += [one.event for one in await spool.dead()]
        await spool.close()
        return sorted(one.message_id for one in events if one.body)

    return asyncio.run(look())


def test_what_lies_here_goes_before_amplitude_is_asked(
    tmp_path: Path, config: str, answered: list[httpx.Request]
) -> None:
    spool_with(tmp_path, "user-1", "user-2", "user-3", 17)
    done = run(config, "--yes", "user-1", "17")
    assert done.exit_code == 0, done.output
    assert (
        "spool: removed 2 waiting events, 2 parked events, 2 dead letters, 4 events of history\n"
        in done.output
    )
    assert left(tmp_path) == [f"{kind}-user-{n}" for kind in ("dead", "parked", "waits") for n in (2, 3)]
    refused = run(config, "--yes", "user-2", "bad")
    assert (refused.exit_code, "1 dead letter, 2 events of history\n" in refused.output) == (1, True)
    assert left(tmp_path) == ["dead-user-3", "parked-user-3", "waits-user-3"]


def test_at_one_of_two_destinations_others_keep_their_events(
    tmp_path: Path, config: str, answered: list[httpx.Request]
) -> None:
    path = Path(config)
    path.write_text(path.read_text() + CONFIG[CONFIG.index("[[") :].replace("amplitude", "two"))
    spool_with(tmp_path, "user-1")
    assert run(config, "--yes", "--destination", "two", "user-1").exit_code == 0
    assert left(tmp_path) == ["dead-user-1", "parked-user-1", "waits-user-1"]
    done = run(config, "--yes", "--destination", "amplitude", "user-1")
    assert "spool: removed 1 parked event, 1 dead letter\n" in done.output
    assert left(tmp_path) == ["waits-user-1"], "it is passed over at this destination alone"
    marks = asyncio.run(marks_in(tmp_path))
    assert [(mark.destination, mark.upto) for mark in marks] == [("amplitude", 3), ("two", 3)]


async def marks_in(folder: Path) -> list[UserMark]:
    spool = await open_spool(folder / "spool.db", max_events=1, max_bytes=1, tool=True)
    marks = await spool.marks()
    await spool.close()
    return sorted(marks, key=lambda mark: mark.destination)


def test_ids_come_from_files_and_standard_input(
    tmp_path: Path, config: str, answered: list[httpx.Request]
) -> None:
    file = tmp_path / "ids"
    file.write_bytes("\ufeffuser-1\r\n\n  user-2 \nuser-1\nünï".encode())
    users = ["user-1", "user-2", "ünï"]
    ways = [
        run(config, "--yes", "--from", str(file)),
        run(config, "--yes", "--from", "-", given=file.read_text()),
        run(config, "--yes", "-", given=file.read_text()),
    ]
    assert [way.exit_code for way in ways] == [0, 0, 0], [way.output for way in ways]
    assert [body(request)["user_ids"] for request in answered] == [users] * 3
    assert run(config, "--yes", "user-2", "--from", str(file)).exit_code == 0
    assert body(answered[-1])["user_ids"] == ["user-2", "user-1", "ünï"]


@pytest.mark.parametrize(
    ("words", "given", "text"),
    [
        (("--yes",), "", "no user is given"),
        (("--yes", " ", "-"), "\n", "no user is given"),
        (("-",), "user-1\n", "give --yes"),
        (("--from", "-"), "user-1\n", "give --yes"),
        (("--suppress", "--suppress-days", "3", "user-1"), "", "not both"),
        (("--yes", "--suppress", "user-1"), "", "there is no spool"),
    ],
)
def test_mistakes_ask_nothing_of_amplitude(
    config: str, answered: list[httpx.Request], words: tuple[str, ...], given: str, text: str
) -> None:
    done = run(config, *words, given=given)
    assert (done.exit_code != 0, text in done.output) == (True, True), done.output
    assert answered == []


@pytest.mark.parametrize(
    ("words", "days"), [((), 0), (("--suppress",), None), (("--suppress-days", "2.5"), 2.5)]
)
def test_later_events_are_dropped_as_long_as_asked_for(
    tmp_path: Path, config: str, answered: list[httpx.Request], words: tuple[str, ...], days: float | None
) -> None:
    spool_with(tmp_path, "user-1")
    now = time.time() * 1000
    assert run(config, "--yes", *words, "user-1").exit_code == 0
    [mark] = asyncio.run(marks_in(tmp_path))
    if days:
        assert 0 <= mark.until - now - days * 86_400_000 < 60_000
    else:
        assert mark.until == (FOR_EVER if days is None else 0)


def test_a_spool_that_cannot_be_used_ends_it_before_amplitude(
    tmp_path: Path, config: str, answered: list[httpx.Request]
) -> None:
    (tmp_path / "spool.db").write_bytes(b"no database" * 1000)
    done = run(config, "--yes", "user-1")
    assert (done.exit_code, "Amplitude was not asked" in done.output) == (1, True)
    assert answered == []


def suppression(config: str, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, ["suppression", words[0], "--config", config, *words[1:]], input=given)


def test_suppressions_are_counted_and_lifted(
    tmp_path: Path, config: str, answered: list[httpx.Request]
) -> None:
    assert "there is no spool" in suppression(config, "count").output
    spool_with(tmp_path, "user-1")
    assert suppression(config, "count").output == "for ever: 0 users; for a time: 0 users\n"
    assert run(config, "--yes", "--suppress", "user-1", "user-2").exit_code == 0
    assert run(config, "--yes", "--suppress-days", "2", "user-2", "user-3").exit_code == 0
    assert run(config, "--yes", "user-4").exit_code == 0
    assert suppression(config, "count").output == "for ever: 2 users; for a time: 1 user\n"
    lifted = suppression(config, "lift", "--from", "-", "user-3", given="user-1\nuser-4\nnobody\n")
    assert (lifted.exit_code, lifted.output) == (
        0,
        "lifted the suppression of 2 users; 2 of those named had none\n",
    )
    assert suppression(config, "count").output == "for ever: 1 user; for a time: 0 users\n"
    assert suppression(config, "lift", "user-1").output.startswith("lifted the suppression of 0 users; 1 of")
    assert suppression(config, "lift").exit_code == 1, "nobody is named"
