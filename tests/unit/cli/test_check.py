"""What a usable configuration leaves open, and what serve cannot start with."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from forwarder.cli import checks, cli
from forwarder.config.settings import AmplitudeKeys, Destination, Server, Settings, Source, SpoolSettings


def keys() -> AmplitudeKeys:
    return AmplitudeKeys.model_validate({"apiKey": "api", "secretKey": "s", "endpoint": "europe"})


def doubts(folder: Path, **more: object) -> str:
    given = {"server": Server(assets=folder), "spool": SpoolSettings(path=str(folder / "spool.db")), **more}
    return "\n".join(checks.doubts_of(Settings.model_validate(given)))


def test_what_probably_is_not_meant_is_said(tmp_path: Path) -> None:
    sources = (Source(name="web", write_key="a"), Source(name="app", write_key="b"))
    only_web = Destination(name="d", settings=keys(), sources=("web",))
    said = doubts(tmp_path, sources=sources, destinations=(only_web,))
    assert "sources.app: no destination takes its events" in said
    assert "sources.web" not in said
    assert "server.assets" in said
    said = doubts(tmp_path / "none", sources=sources)
    assert "destinations: there is none" in said
    assert "spool.path" not in said, "a problem"
    session: dict[str, object] = {"sessionLength": 1800}
    said = doubts(tmp_path, session=session, sources=(Source(name="w", write_key="k", session=session),))
    assert "\nsession.sessionLength: 1800 ms are 1.8 s" in said
    assert "sources.w.session.sessionLength: 1800 ms" in said
    for url, doubted in (
        ("http://proxy.example.com/x", True),
        ("http://10.0.0.1", True),
        ("https://proxy.example.com", False),
        ("http://127.0.0.1:9000", False),
        ("http://[::1]:9000", False),
        ("http://localhost:9000", False),
    ):
        said = doubts(tmp_path, destinations=(Destination(name="d", settings=keys(), base_url=url),))
        assert ("destinations.d.base_url: keys and events travel unencrypted" in said) is doubted, url


@pytest.mark.parametrize(
    ("server", "doubted"),
    [
        ({"host": "0.0.0.0"}, True),
        ({"host": "::"}, True),
        ({"host": "192.168.1.7"}, True),
        ({"trusted_proxies": ["127.0.0.1"]}, True),
        ({"host": "0.0.0.0", "public_url": "https://events.example.com"}, False),
        ({"host": "::1"}, False),
        ({"host": "localhost"}, False),
        ({"host": "127.0.0.2"}, False),
    ],
)
def test_an_address_for_pages_is_asked_for_off_this_machine(
    tmp_path: Path, server: dict[str, object], doubted: bool
) -> None:
    said = doubts(tmp_path, server=Server.model_validate({"assets": tmp_path, **server}))
    lines = [line for line in said.split("\n") if line.startswith("server.public_url: is empty")]
    assert len(lines) == doubted
    assert all("https://events.example.com" in line for line in lines)


def test_what_is_meant_is_not_doubted(tmp_path: Path) -> None:
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "session-plugin.js").write_text("")
    assert doubts(tmp_path, destinations=(Destination(name="d", settings=keys()),)) == ""


def start(folder: Path, **more: object) -> str:
    given = {"server": {"port": 0}, "spool": {"path": str(folder / "spool.db")}, **more}
    return "\n".join(checks.start_problems(Settings.model_validate(given)))


def test_what_serve_cannot_start_with_is_a_problem(tmp_path: Path) -> None:
    assert start(tmp_path) == ""
    assert "spool.path: there is no folder" in start(tmp_path / "none")
    assert "is a folder; name a file in it" in start(tmp_path, spool={"path": str(tmp_path)})
    stream = {"path": "nats://127.0.0.1:1/events", "copy_path": str(tmp_path / "none" / "copy.db")}
    assert "spool.copy_path: there is no folder" in start(tmp_path, spool=stream)
    (tmp_path / "spool.db").write_bytes(b"this is no spool at all" * 100)
    assert "spool.path: " in start(tmp_path)
    assert "server: cannot listen on 203.0.113.7:0" in start(
        tmp_path / "x", server={"host": "203.0.113.7", "port": 0}
    )
    assert "server: cannot listen on no-such-host.invalid" in start(
        tmp_path, server={"host": "no-such-host.invalid", "port": 0}
    )


def test_a_port_that_is_in_use_may_be_the_running_forwarders(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert start(tmp_path, server={"port": listener.getsockname()[1]}) == ""


def test_check_ends_with_an_error_where_serve_would(tmp_path: Path) -> None:
    config = tmp_path / "forwarder.toml"
    config.write_text(f'[spool]\npath = "{tmp_path}/none/spool.db"\n')
    done = CliRunner().invoke(cli, ["check", "--config", str(config)])
    assert done.exit_code == 1
    assert "spool.path: there is no folder" in done.stderr
    assert "fine" not in done.output
