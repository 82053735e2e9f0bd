"""The calls that every library makes, in its own shape: the usual part of the payloads."""

from collections.abc import Iterator
from typing import Any

from tests.senders.expected import (
    ABSENT,
    EXCLUDED,
    delivered,
    ended,
    grouped,
    identified,
    logged,
    mapped,
    viewed,
)
from tests.senders.libraries import LIBRARIES
from tests.senders.shapes import NOW, Json, Library, Request, request

SESSION = NOW - 600_000
"""A session that began ten minutes before the forwarder's now."""
ON_THE_WAY = 2_000
"""Milliseconds from an event to its request."""
HAPPENED = NOW - ON_THE_WAY
"""When the events happened, by the forwarder's clock."""


class Payload:
    """One line of the data: a request, and what is right for it."""

    def __init__(
        self, sender: Library, call: str, oddity: str, sent: Request, events: list[Json], **more: Any
    ) -> None:
        self.sender = sender
        self.call = call
        self.oddity = oddity
        self.sent = sent
        self.expected = {"status": 200, **more, "events": events}

    def written(self, number: int) -> Json:
        """Return it for the file."""
        return {
            "id": f"{number:03} {self.sender.name}: {self.call}{f', {self.oddity}' if self.oddity else ''}",
            "library": self.sender.name,
            "call": self.call,
            "oddity": self.oddity,
            "request": self.sent.written(),
            "expected": self.expected,
        }


class Writer:
    """Events of one library; message ids count up."""

    def __init__(self, sender: Library, skew: int = 0, mark: str = "") -> None:
        """``skew``: ms by which the sender's clock is ahead of the forwarder's."""
        self.sender = sender
        self.skew = skew
        self._mark = mark
        self._count = 0

    def event(self, kind: str, **fields: Any) -> Json:
        """Return an event of a signed-in visitor as the library writes it; ``ABSENT`` takes a field out."""
        self._count += 1
        made = {
            "type": kind,
            "messageId": f"{self.sender.ids}{self._mark}{kind}-{self._count}",
            "anonymousId": "anon-6f1c-0001",
            "userId": "user-000042",
            self.sender.time_field: self.sender.time(HAPPENED + self.skew),
            "context": dict(self.sender.context) if "context" not in self.sender.beside else {},
            **self.sender.extra,
            **fields,
        }
        return {name: value for name, value in made.items() if value is not ABSENT}

    def stamped(self, event: Json, session: int = SESSION) -> Json:
        """Return the event with a session, in the library's own way."""
        if self.sender.session == "ours":
            options = {**event.get("integrations", {}), "Actions Amplitude": {"session_id": session}}
            return {**event, "integrations": options}
        if not self.sender.session:
            return event
        said = session // 1000 if "seconds" in self.sender.session else session
        return {**event, "context": {**event["context"], "sessionId": said, "sessionStart": True}}

    def post(self, *events: Json, **headers: Any) -> Request:
        """Return the request with these events, sent when they reach the forwarder."""
        return request(self.sender, list(events), NOW + self.skew, **headers)

    def session(self) -> object:
        """Return the session id that a stamped event is to have."""
        return SESSION if self.sender.session else ABSENT


def usual() -> Iterator[Payload]:
    """Yield the usual calls of every library."""
    for sender in LIBRARIES:
        yield from _calls(sender)


def _calls(sender: Library) -> Iterator[Payload]:
    write = Writer(sender)
    known = {"time": HAPPENED, "session_id": write.session()}

    def payload(call: str, oddity: str, event: Json, outcome: Json, writer: Writer = write) -> Payload:
        return Payload(sender, call, oddity, writer.post(event), [outcome])

    event = write.stamped(write.event("track", event="Cup Viewed", properties={"sku": "c-1", "price": 12.5}))
    yield payload("track", "", event, delivered(logged(sender, event, "Cup Viewed", **known)))
    event = write.stamped(write.event("track", event="Cup Viewed", userId=None, properties={}))
    yield payload(
        "track", "of nobody yet: userId null", event, delivered(logged(sender, event, "Cup Viewed", **known))
    )
    event = write.event("identify", traits={"plan": "pro", "email": "ada@example.com"})
    yield payload("identify", "", event, delivered(identified(sender, event)))
    event = write.stamped(write.event(sender.screen, name="Home", properties={"name": "Home"}))
    yield payload(sender.screen, "", event, delivered(logged(sender, event, viewed("Home"), **known)))
    event = write.event("group", groupId="company-0007", traits={"name": "Example"})
    yield payload("group", "", event, delivered(*grouped(event, HAPPENED)))
    event = write.event("alias", previousId="anon-6f1c-0001")
    yield payload("alias", "", event, delivered(mapped(event)))
    yield payload("track", "order with two products", *_order(sender, write))
    away = Writer(sender, skew=7_384_000, mark="fast-")
    event = away.stamped(away.event("track", event="Cup Viewed"))
    fast = logged(sender, event, "Cup Viewed", **known)
    yield payload("track", "clock 2 h 3 min 4 s fast", event, delivered(fast), away)
    options = {**write.sender.extra.get("integrations", {}), "All": False, "Mixpanel": True}
    event = write.stamped(write.event("track", event="For Others", integrations=options))
    if sender.session == "ours":  # the stamp is options, and options are consent
        outcome = delivered(logged(sender, event, "For Others", **known))
    else:
        outcome = ended("filtered", EXCLUDED)
    yield payload("track", "All false", event, outcome)
    event = write.stamped(write.event("track", event="Refused"))
    event["integrations"] = {**event.get("integrations", {}), "Amplitude (Actions)": False}
    yield payload("track", "consent refused under the display name", event, ended("filtered", EXCLUDED))


def _order(sender: Library, write: Writer) -> tuple[Json, Json]:
    """Return an order of two products, and its three items; the first has the revenue."""
    products = [{"productId": f"c-{n}", "price": 10 * n, "quantity": n} for n in (1, 2)]
    bought = {"order_id": "o-1", "revenue": 50, "products": products}
    event = write.stamped(write.event("track", event="Order Completed", properties=bought))
    known = {"time": HAPPENED, "session_id": write.session()}
    whole = logged(sender, event, "Order Completed", **known, revenue=50, revenueType="Purchase")
    each = [
        logged(sender, event, "Product Purchased", **known | {"insert_id": f"{event['messageId']}-{n}"})
        for n in (2, 3)
    ]
    return event, delivered(whole, *each)
