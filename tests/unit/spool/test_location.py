"""Where a spool is: a file, or a stream on servers; whatever else is said is refused with how to mend it."""

from pathlib import Path

import pytest

from forwarder.spool import Counts, jetstream, open_spool
from forwarder.spool.location import StreamUrl, is_stream_url, parse_stream_url
from forwarder.spool.sqlite.spool import SqliteSpool


@pytest.mark.parametrize(
    ("text", "servers", "stream"),
    [
        ("nats://one:4222/events", ["nats://one:4222"], "events"),
        ("tls://one,two:1/A-b_9", ["tls://one", "tls://two:1"], "A-b_9"),
        ("nats://[::1]:4222,10.0.0.7/e", ["nats://[::1]:4222", "nats://10.0.0.7"], "e"),
        (f"nats://a_b.c-d:65535/{'x' * 64}", ["nats://a_b.c-d:65535"], "x" * 64),
    ],
)
def test_streams_are_named_with_their_servers(text: str, servers: list[str], stream: str) -> None:
    place = parse_stream_url(text)
    assert place == StreamUrl(servers, stream)
    assert (place.log, place.ask, place.farewell) == (f"{stream}.log", f"{stream}.ask", f"{stream}.farewell")
    assert str(place) == f"{','.join(servers)}/{stream}"
    assert parse_stream_url(text.replace("nats://", "tls://")).servers[0].startswith("tls://")


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("spool.db", "must be a file's path"),
        ("http://one/events", "must be a file's path"),
        ("nats://me:secret@one/events", "must not hold a login"),
        ("nats:///events", "must name servers"),
        ("nats://one,/events", "must name servers"),
        ("nats://one:123456/events", "must name servers"),
        ("nats://one:/events", "must name servers"),
        ("nats://one two/events", "must name servers"),
        ("nats://one", "must end in the stream's name"),
        ("nats://one/", "must end in the stream's name"),
        ("nats://one/a/b", "must end in the stream's name"),
        ("nats://one/a.b", "must end in the stream's name"),
        ("nats://one/" + "x" * 65, "must end in the stream's name"),
    ],
)
def test_what_is_wrong_is_said(text: str, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        parse_stream_url(text)


def test_a_file_has_no_scheme() -> None:
    assert [is_stream_url(one) for one in ("spool.db", "/a/b:c", "nats://one/x", "http://x")] == [
        False,
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("tool", [False, True])
async def test_streams_are_opened_with_what_they_need(
    tool: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[tuple[object, ...]] = []

    async def serve(*given: object, **more: object) -> str:
        opened.append((*given, more))
        return "serving"

    async def look(*given: object) -> str:
        opened.append(given)
        return "looking"

    monkeypatch.setattr(jetstream, "open_jetstream", serve)
    monkeypatch.setattr(jetstream, "open_admin", look)
    stream = StreamUrl(["nats://one"], "events")
    copy = str(tmp_path / "copy.db")
    spool: object = await open_spool(
        "nats://one/events", max_events=5, max_bytes=7, tool=tool, copy=copy, token="t", replicas=3
    )
    if tool:
        assert (spool, opened) == ("looking", [(stream, "t")])
    else:
        more = {"token": "t", "replicas": 3, "max_events": 5, "max_bytes": 7}
        assert (spool, opened) == ("serving", [(stream, tmp_path / "copy.db", more)])
        opened.clear()
        await open_spool("nats://one/events", max_events=5, max_bytes=7)
        more = {**more, "token": "", "replicas": 1}
        assert opened == [(stream, Path("spool-copy.db"), more)]


async def test_a_path_is_opened_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    spool = await open_spool(str(path), max_events=5, max_bytes=7)
    assert isinstance(spool, SqliteSpool)
    await spool.close()
    tool = await open_spool(path, max_events=5, max_bytes=7, tool=True)
    await tool.close()
    assert path.is_file()


@pytest.mark.parametrize(("refused_at", "refusing"), [(None, False), (40_000, True), (39_999, False)])
def test_senders_count_as_refused_for_a_minute(refused_at: int | None, refusing: bool) -> None:
    assert Counts(0, 0, None, {}, refused_at).is_refusing(100_000) is refusing
