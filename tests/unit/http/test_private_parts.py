"""What the forwarder uses of other libraries' inner parts is there, in the releases that it is pinned to."""

import inspect
import tomllib
from importlib.metadata import version
from pathlib import Path

import httpcore
import httpx
import pytest
from uvicorn import Config, Server
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from forwarder.delivery.network import BoundedBackend, bound_connections

PROJECT = tomllib.loads((Path(__file__).resolve().parents[3] / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("package", ["uvicorn", "httpx", "httpcore"])
def test_a_library_whose_inner_parts_are_used_is_pinned_exactly(package: str) -> None:
    assert f"{package}=={version(package)}" in PROJECT["dependencies"]


async def application(scope: object, receive: object, send: object) -> None:
    raise AssertionError("nobody asks")


async def test_uvicorns_protocol_has_the_parts_that_ours_goes_by() -> None:
    protocol = HttpToolsProtocol(Config(application, http="httptools"), ServerState(), {})
    for name in (
        *("loop", "logger", "parser", "transport", "flow", "cycle", "pipeline", "connections"),
        *("client", "headers", "expect_100_continue", "server_state"),
    ):
        assert hasattr(protocol, name), name
    for name in (
        *("connection_made", "connection_lost", "data_received", "on_message_begin", "on_header"),
        *("on_headers_complete", "on_body", "on_message_complete", "on_response_complete"),
        *("pause_writing", "resume_writing", "shutdown"),
    ):
        assert callable(getattr(HttpToolsProtocol, name)), name
    assert list(inspect.signature(HttpToolsProtocol._start_asgi_task).parameters) == ["self", "cycle", "app"]
    assert "_start_asgi_task(" in inspect.getsource(HttpToolsProtocol.on_headers_complete)
    assert callable(Server.shutdown)


def test_uvicorns_cycle_has_the_parts_that_a_coalesced_response_goes_by() -> None:
    source = inspect.getsource(RequestResponseCycle)
    for name in (
        *("disconnected", "flow", "keep_alive", "scope", "access_log", "default_headers", "transport"),
        *("response_started", "response_complete", "waiting_for_100_continue", "message_event"),
        "on_response",
    ):
        assert f"self.{name}" in source, name
    for name in ("HEADER_RE", "HEADER_VALUE_RE", "STATUS_LINE"):
        assert hasattr(httptools_impl, name), name


async def test_the_connections_of_a_client_and_its_proxies_are_bounded() -> None:
    async with httpx.AsyncClient(
        mounts={"https://": httpx.AsyncHTTPTransport(proxy="http://a.test")}
    ) as client:
        bound_connections(client)
        pools = [transport._pool for transport in (client._transport, *client._mounts.values())]  # type: ignore[union-attr]  # private parts are what this test is for
        assert len(pools) == 2
        assert all(isinstance(pool, httpcore.AsyncConnectionPool) for pool in pools)
        assert all(isinstance(pool._network_backend, BoundedBackend) for pool in pools)
