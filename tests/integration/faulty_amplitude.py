"""An Amplitude that misbehaves on demand, for fault tests: ``python -m tests.integration.faulty_amplitude``.

It prints its port. ``POST /_/faults`` takes a JSON list of moods, one for each of the next requests;
``GET /_/taken`` answers what was counted, in order: what it knows by insert id and device it counts once, as
Amplitude does.
"""

import asyncio
import json
import socket
import sys
from collections import deque
from typing import Any
from urllib.parse import parse_qs

import uvicorn
import uvloop

FORMS = {"/identify", "/groupidentify", "/usermap"}


class Faulty:
    """An ASGI application. ``taken``: [path, insert id, user, device, n] of each event counted."""

    def __init__(self) -> None:
        self.taken: list[list[Any]] = []
        self.known: set[tuple[str, str, str]] = set()
        self.repeats = self.requests = 0
        self.moods: deque[dict[str, Any]] = deque()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        chunks = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # whoever asked died over it
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        path, body = scope["path"], b"".join(chunks)
        if path == "/_/faults":
            self.moods.extend(json.loads(body))
            status, answer = 200, {}
        elif path == "/_/taken":
            status, answer = 200, vars(self) | {"known": 0, "moods": len(self.moods)}
        else:
            status, answer = await self.amplitude(path, body)
        if status == 0:
            return  # uvicorn closes the connection without an answer
        text = json.dumps(answer).encode()
        headers = [(b"content-length", b"%d" % len(text)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    async def amplitude(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        self.requests += 1
        if path in FORMS:
            form = parse_qs(body.decode(), strict_parsing=True)
            items = json.loads(form["mapping" if path == "/usermap" else "identification"][0])
        else:
            items = json.loads(body)["events"]
        mood = self.moods.popleft() if self.moods else {}
        kind = mood.get("kind", "well")
        if kind == "hang":
            await asyncio.sleep(mood["seconds"])
            return 503, {}
        if kind == "slow":
            await asyncio.sleep(mood["seconds"])
        if kind == "taken and failed":
            self.count(path, items)
            return mood["status"], {"code": mood["status"]}
        if kind == "reset":
            return 0, {}
        if kind == "taken and reset":
            self.count(path, items)
            return 0, {}
        if kind == "answer":
            return mood["status"], mood.get("body", {})
        if kind == "first is bad":
            self.refused = items[0]["insert_id"]
            return 400, {"code": 400, "events_with_invalid_fields": {"time": [0]}}
        if kind == "throttle":
            return 429, {"code": 429, "throttled_users": {items[0]["user_id"]: 40}, "throttled_devices": {}}
        if kind == "large" and len(items) > 1:
            return 413, {"code": 413, "error": "Payload too large"}
        self.count(path, items)
        return 200, {"code": 200, "events_ingested": len(items)}

    def count(self, path: str, items: list[dict[str, Any]]) -> None:
        for item in items:
            properties = item.get("event_properties") or item.get("user_properties") or {}
            number = properties.get("n")
            key = (path, str(item.get("insert_id") or number), str(item.get("device_id")))
            if key in self.known:
                self.repeats += 1
                continue
            self.known.add(key)
            self.taken.append(
                [path, item.get("insert_id"), item.get("user_id"), item.get("device_id"), number]
            )


def main() -> None:
    """Serve until ended; a port may be given, to come back at the same address."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    listener = socket.create_server(("127.0.0.1", port))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(Faulty(), access_log=False, log_config=None, lifespan="off")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
