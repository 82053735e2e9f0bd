"""REF: the least a Python service does per request, to measure the machine by.

Starlette on uvicorn with uvloop and httptools; one route that decodes a 1 KB body into typed fields.
"""

import asyncio
import socket
from typing import Any

import msgspec
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


class Event(msgspec.Struct):
    """The fields REF decodes."""

    type: str
    messageId: str  # noqa: N815 - Segment's name
    context: dict[str, Any]
    properties: dict[str, Any] = {}


class Batch(msgspec.Struct):
    """A batch of them."""

    batch: list[Event]


ONE, MANY = msgspec.json.Decoder(Event), msgspec.json.Decoder(Batch)


async def track(request: Request) -> JSONResponse:
    """Decode one event."""
    ONE.decode(await request.body())
    return JSONResponse({"success": True})


async def batch(request: Request) -> JSONResponse:
    """Decode a batch."""
    MANY.decode(await request.body())
    return JSONResponse({"success": True})


def main() -> None:
    """Serve until ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    routes = [Route("/v1/batch", batch, methods=["POST"]), Route("/v1/{kind}", track, methods=["POST"])]
    config = uvicorn.Config(Starlette(routes=routes), access_log=False, log_config=None, lifespan="off")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
