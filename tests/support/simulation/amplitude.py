"""An Amplitude that takes, refuses and loses: what it counted is what the checks go by."""

import random
from collections.abc import Sequence

import orjson

from forwarder.amplitude.wire.endpoints import Endpoint
from forwarder.amplitude.wire.responses import HOLD_MS, HOLD_OTHER_MS, HOLD_QUOTA_MS, UpstreamResponse
from forwarder.delivery.scheduler.batch import Batch

ANSWERS = {
    "500 taken": UpstreamResponse(500),
    "500": UpstreamResponse(500),
    "503": UpstreamResponse(503),
    "413": UpstreamResponse(413, b'{"code":413,"error":"Payload too large"}'),
    "429 all": UpstreamResponse(429, b'{"code":429,"error":"Too many requests"}'),
    "403": UpstreamResponse(403, b'{"code":403,"error":"Forbidden"}'),
    "key": UpstreamResponse(400, b'{"code":400,"error":"Invalid API key: k"}'),
    "login page": UpstreamResponse(200, b"<html>please log in</html>"),
    "moved": UpstreamResponse(302),
    "broken": UpstreamResponse(0, b"", "broken"),
    "broken taken": UpstreamResponse(0, b"", "broken"),
    "unreachable": UpstreamResponse(0, b"", "unreachable"),
}
LASTING = ("500", "503", "403", "key", "429 all", "login page", "broken", "unreachable")
"""Moods that may last for hours."""
MOODS = (
    ["well", "429", "quota", *ANSWERS],
    [12, 4, 0.2, 2, 2, 2, 1, 1, 1, 0.3, 0.5, 0.5, 2, 2, 2],
)
LARGE = 10_000
"""Items that fit into one request, unless a schedule says less."""


class Amplitude:
    """One project. ``moody``: it has bad days until ``calm``."""

    def __init__(self, chance: random.Random, *, moody: bool) -> None:
        self.chance = chance
        self.moody = moody
        self.lasting = ""
        self.most_items = chance.choice([LARGE, LARGE, 3, 1])
        self.counted: dict[tuple[str, str], tuple[int, int]] = {}
        """(endpoint, insert id) to its place in the order in which things were counted, and when."""
        self.repeats = 0
        self.ambiguous = False
        """Whether it took something without saying so, or said nothing."""
        self.throttled: dict[str, int] = {}
        self.bad: dict[str, str] = {}
        """Insert ids to why they are not taken: invalid, silenced, large, poison."""

    def receive(self, batch: Batch, now: int) -> UpstreamResponse:
        """Answer a request."""
        bodies = [orjson.loads(part.data) for part in batch.items]
        bad = {
            index: self.bad[body["insert_id"]]
            for index, body in enumerate(bodies)
            if body["insert_id"] in self.bad
        }
        if "poison" in bad.values():
            return UpstreamResponse(500)
        mood = self.lasting or (self.chance.choices(*MOODS)[0] if self.moody else "well")
        self.ambiguous |= mood in ("500 taken", "broken taken", "broken")
        if mood in ("500 taken", "broken taken"):
            self.count(batch, now)
        if mood == "429" or (mood == "quota" and any(body["user_id"] for body in bodies)):
            return self.throttle(batch, bodies, now, quota=mood == "quota")
        if mood in ANSWERS and (mood != "413" or len(bodies) > 1):
            return ANSWERS[mood]
        if len(bodies) > self.most_items or "large" in bad.values():
            return ANSWERS["413"]
        for kind in ("invalid", "silenced"):
            named = [index for index, why in bad.items() if why == kind]
            if named and kind == "silenced":
                return UpstreamResponse(400, orjson.dumps({"code": 400, "silenced_events": named}))
            if named:
                named = named[:1] if batch.endpoint is Endpoint.HTTPAPI else named
                return UpstreamResponse(
                    400, orjson.dumps({"code": 400, "events_with_invalid_fields": {"time": named}})
                )
        self.count(batch, now)
        return UpstreamResponse(200, b'{"code":200}')

    def count(self, batch: Batch, now: int) -> None:
        """Take what is good in a request."""
        for part in batch.items:
            key = part.endpoint, str(orjson.loads(part.data)["insert_id"])
            self.repeats += key in self.counted
            self.counted.setdefault(key, (len(self.counted), now))

    def throttle(
        self, batch: Batch, bodies: Sequence[dict[str, object]], now: int, *, quota: bool
    ) -> UpstreamResponse:
        """Refuse half of the users."""
        ids = sorted({str(body["user_id"]) for body in bodies if body["user_id"]})
        users = dict.fromkeys(self.chance.sample(ids, (len(ids) + 1) // 2), 40)
        hold = HOLD_QUOTA_MS if quota else HOLD_MS.get(batch.endpoint, HOLD_OTHER_MS)
        self.throttled.update(dict.fromkeys(users, now + hold))
        name = "exceeded_daily_quota_users" if quota else "throttled_users"
        return UpstreamResponse(429, orjson.dumps({"code": 429, name: users, "throttled_events": []}))
