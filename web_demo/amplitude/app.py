"""The routes: Amplitude's own, a page for people, and a few for tests."""

import asyncio
import base64
import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates

from web_demo.amplitude import checks
from web_demo.amplitude.faults import KINDS, Faults, answer
from web_demo.amplitude.hanging_up import HangUpError, hang_up
from web_demo.amplitude.ledger import Ledger

TEMPLATES = Jinja2Templates(Path(__file__).parent / "templates")
STATIC = Path(__file__).parent / "static"
FORMS = {"/identify": "identification", "/groupidentify": "identification", "/usermap": "mapping"}
SLOW_S = {"slow": 2, "hang": 60}
"""For how many seconds these faults wait where they do not say so."""
RECENT_MS = 8 * 3600 * 1000
"""What the check of recent events looks back, by when they came."""
Clock = Callable[[], int]


class FakeAmplitude:
    """The endpoints over one ledger. ``now`` gives ms since the epoch."""

    def __init__(self, api_key: str | None = None, now: Clock = lambda: time.time_ns() // 1_000_000) -> None:
        self.ledger, self.faults = Ledger(), Faults()
        self._api_key, self._now = api_key, now

    async def upload(self, request: Request) -> Response:
        """Take a request to one of the upload endpoints."""
        try:
            body = await request.body()
        except ClientDisconnect:  # its sender was killed
            raise HangUpError from None
        path = request.url.path
        self.ledger.requests += 1
        try:
            if request.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            key, items, options = read(path, request, body)
        except (ValueError, KeyError, AttributeError, TypeError, OSError, EOFError):
            return reply(checks.refused("Invalid JSON request body", missing_field=None))
        if (made := await self._misbehaved(path, items)) is not None:
            return made
        if not key or (self._api_key and key != self._api_key):
            return reply(checks.refused("Invalid API key"))
        wrong = checks.too_much(path, len(body), len(items)) or self._check(path, items, options)
        if wrong:
            return reply(wrong)
        self.ledger.take(path, items, self._now())
        if path in FORMS:
            return Response("success", media_type="text/html")
        done = {"code": 200, "events_ingested": len(items), "payload_size_bytes": len(body)}
        return JSONResponse({**done, "server_upload_time": self._now()})

    async def _misbehaved(self, path: str, items: list[Any]) -> Response | None:
        """Do what the next fault says; return its answer, None where the request is treated as usual.

        Raises HangUpError where the connection ends without an answer.
        """
        fault = self.faults.next()
        kind = fault.get("kind", "")
        if kind in SLOW_S:
            await asyncio.sleep(fault.get("seconds", SLOW_S[kind]))
        if kind.startswith("taken"):
            self.ledger.take(path, items, self._now())
        if kind in ("hang", "reset", "taken and reset"):
            raise HangUpError
        if kind == "other":
            page = "<html><h1>Please log in</h1></html>"
            return Response(fault.get("text", page), fault.get("status", 200), media_type="text/html")
        made = answer(fault, items)
        return None if made is None else reply(made)

    def _check(self, path: str, items: list[Any], options: dict[str, Any]) -> checks.Answer | None:
        if path == "/identify":
            return checks.identifications(items, options)
        if path == "/groupidentify":
            return checks.groups(items)
        if path == "/usermap":
            return checks.mappings(items)
        return checks.events(path, items, options)

    async def delete_users(self, request: Request) -> Response:
        """Take a deletion of users: Basic authentication, at most 100 ids."""
        if not basic(request, self._api_key):
            return Response("Unauthorized", 401)
        try:
            wanted = await request.json()
            ids = [*wanted.get("user_ids", []), *wanted.get("amplitude_ids", [])]
        except (ValueError, AttributeError, TypeError):
            ids = []
        if not ids or len(ids) > 100:
            return reply(checks.refused("name 1 to 100 user_ids or amplitude_ids"))
        self.ledger.requests += 1
        self.ledger.take("/api/2/deletions/users", [wanted], self._now())
        return JSONResponse([{"day": "today", "status": "staging", "user_ids": ids}])

    async def search(self, request: Request) -> Response:
        """Answer the search for a user: Basic authentication with API key and secret."""
        if not basic(request, self._api_key):
            return Response("Unauthorized", 401)
        user = request.query_params.get("user", "")
        known = any(
            user in (one.item.get("user_id"), one.item.get("device_id")) for one in self.ledger.arrivals
        )
        matches = [{"user_id": user, "amplitude_id": 1}] if known else []
        return JSONResponse({"matches": matches, "type": "match_user_or_device_id"})

    async def recent(self, request: Request) -> Response:
        """Return whether events came in the last 8 hours; the API key alone is enough."""
        try:
            wanted = await request.json()
            key, polling = wanted.get("api_key"), wanted.get("polling_timeout_seconds")
        except (ValueError, AttributeError):
            key, polling = None, None
        if not (isinstance(key, str) and key.strip()) or checks.wrong_polling(polling):
            return JSONResponse({"error": "api_key, or polling_timeout_seconds (1 to 120)"}, 400)
        if self._api_key and key != self._api_key:
            return JSONResponse({"error": "Unauthorized"}, 401)
        end = self._now()
        observed = self.ledger.has_events(end - RECENT_MS)
        said: dict[str, Any] = {"status": "observed" if observed else "not_observed"}
        if polling is not None and not observed:
            said["poll_after_seconds"] = 1
        return JSONResponse({**said, "window": {"start": end - RECENT_MS, "end": end}})

    async def page(self, request: Request) -> Response:
        """Show what arrived."""
        context = {
            "groups": self.ledger.groups(),
            "ledger": self.ledger,
            "faults": self.faults.queue,
            "kinds": KINDS,
            "json": readable,
        }
        return TEMPLATES.TemplateResponse(request, "arrivals.html", context)

    async def arrivals(self, request: Request) -> Response:
        """Return what arrived, and how many faults are to come; ``after``: without so many arrivals."""
        after = request.query_params.get("after", "0")
        said = self.ledger.as_json(int(after) if after.isdecimal() else 0)
        return JSONResponse({**said, "faults": len(self.faults.queue)})

    async def misbehave(self, request: Request) -> Response:
        """Queue faults for the next requests: a list as JSON, or one by the page's form."""
        body = await request.body()
        says_form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
        # Some send JSON as a form without saying so, as curl's -d does.
        is_form = says_form and not body.lstrip().startswith((b"[", b"{"))
        wanted: Any
        if is_form:
            wanted = [{"kind": kind} for kind in parse_qs(body.decode()).get("kind", [])]
        else:
            wanted = json.loads(body)
        if wrong := self.faults.add(wanted):
            return JSONResponse({"error": wrong}, 400)
        return RedirectResponse("/", 303) if is_form else JSONResponse({"queued": len(self.faults.queue)})

    async def reset(self, request: Request) -> Response:
        """Forget everything that arrived and every fault."""
        self.ledger, self.faults = Ledger(), Faults()
        return RedirectResponse("/", 303)


def read(path: str, request: Request, body: bytes) -> tuple[str, list[Any], dict[str, Any]]:
    """Return a request's API key, items and options; raises what unreadable bodies make json raise."""
    if path not in FORMS:
        said = json.loads(body)
        items = said["events"]
        if not isinstance(items, list):
            raise ValueError("events must be a list")
        return said.get("api_key", ""), items, said.get("options") or {}
    form = {name: values[0] for name, values in parse_qs(body.decode() or request.url.query).items()}
    items = json.loads(form[FORMS[path]])
    options = json.loads(form.get("options", "{}"))
    return form.get("api_key", ""), items if isinstance(items, list) else [items], options


def clock(ms: int) -> str:
    """Return the time of day, UTC. ``ms``: since the epoch; the page's script says it in local time."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


TEMPLATES.env.filters["clock"] = clock


def readable(item: object) -> str:
    """Return an item as JSON of several lines."""
    return json.dumps(item, indent=2, ensure_ascii=False)


def basic(request: Request, api_key: str | None) -> bool:
    """Return whether the request has Basic authentication with a key (or just ``api_key``) and a secret."""
    kind, _, code = request.headers.get("authorization", "").partition(" ")
    try:
        key, _, secret = base64.b64decode(code).decode().partition(":")
    except ValueError:
        return False
    return kind.lower() == "basic" and bool(secret) and (key == api_key if api_key else bool(key))


def reply(made: checks.Answer) -> Response:
    """Return an answer as JSON."""
    return JSONResponse(made[1], made[0])


def create_app(api_key: str | None = None) -> Starlette:
    """Return the application; with ``api_key`` it takes no other."""
    fake = FakeAmplitude(api_key)
    uploads = [
        Route(path, fake.upload, methods=["POST", "GET"] if path in FORMS else ["POST"])
        for path in ("/2/httpapi", "/batch", *FORMS)
    ]
    app = Starlette(
        routes=[
            *uploads,
            Route("/api/2/deletions/users", fake.delete_users, methods=["POST"]),
            Route("/api/2/usersearch", fake.search),
            Route("/v1/events/check-recent-ingestion", fake.recent, methods=["POST"]),
            Route("/", fake.page),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/_/events", fake.arrivals),
            Route("/_/faults", fake.misbehave, methods=["POST"]),
            Route("/_/reset", fake.reset, methods=["POST"]),
        ],
        exception_handlers={HangUpError: hang_up},
    )
    app.state.fake = fake
    return app
