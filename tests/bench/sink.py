"""A lean stand-in for Amplitude: takes everything, counts it, and knows how old it was.

``python -m tests.bench.sink``: prints its port; ``GET /_/counts`` answers requests, items, how many different
events these were of, and the ages in ms (from the property ``sentAt``) since it was last asked. What comes by
the Batch endpoint is counted apart: ``/_/came`` says of how many events, ``/_/order`` in which order.
"""

import asyncio
import json
import re
import socket
import time

import uvicorn
import uvloop

SENT_AT = re.compile(rb'sentAt(?:":|%22%3A)(\d+)')
MESSAGE = re.compile(rb"ajs-next-1790000000000-([0-9a-f]{32})")


class Sink:
    """An ASGI application without a framework."""

    def __init__(self) -> None:
        self.requests = self.items = 0
        self.messages: set[bytes] = set()
        self.ages: list[int] = []
        self.replayed: dict[bytes, None] = {}
        """Events that came by the Batch endpoint, in order, each once."""

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if scope["type"] == "lifespan":
            return
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        body = b"".join(chunks)
        answer = b'{"code":200}'
        if scope["path"] == "/_/counts":
            counts = {
                "requests": self.requests,
                "items": self.items,
                "events": len(self.messages),
                "ages": self.ages,
            }
            answer = json.dumps(counts).encode()
            self.ages = []
        elif scope["path"] == "/_/came":
            answer = b"%d" % len(self.replayed)
        elif scope["path"] == "/_/order":
            answer = json.dumps([one.decode() for one in self.replayed]).encode()
        else:
            now = time.time_ns() // 1_000_000
            self.requests += 1
            found = MESSAGE.findall(body)
            self.items += len(found)
            if scope["path"] == "/batch":
                self.replayed.update(dict.fromkeys(found))
            else:
                self.messages.update(found)
                self.ages += [now - int(at) for at in SENT_AT.findall(body)]
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def main() -> None:
    """Serve until ended."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(Sink(), access_log=False, log_config=None, lifespan="off")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
