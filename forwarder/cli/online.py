"""``forwarder check --online``: what Amplitude says of the keys, and with ``--send`` of a test event."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import httpx

from forwarder.amplitude.wire.endpoints import Endpoint, endpoint_url
from forwarder.amplitude.wire.responses import UpstreamResponse, is_accepted
from forwarder.config.settings import Destination, Settings
from forwarder.faults import system_error

_SECONDS: Final = 15.0
FOLLOW_S: Final = 60
"""How long a test event is followed. Amplitude gives guidance for at most 120 s."""
_LONGEST_PAUSE_S: Final = 30.0
EVENT_TYPE: Final = "Forwarder Check"
DEVICE_ID: Final = "forwarder-check"
"""The test event's. Always the same device, so that checks add one user to a project and no more."""
OBSERVED, NOT_OBSERVED, INCONCLUSIVE = "observed", "not_observed", "inconclusive"
_OBSERVED_TEXTS: Final = {
    OBSERVED: "Amplitude knows the API key, and received events in the last 8 h",
    NOT_OBSERVED: "Amplitude knows the API key, and received no event in the last 8 h",
    INCONCLUSIVE: "Amplitude knows the API key, and cannot tell now whether events came in the last 8 h",
}


@dataclass(slots=True)
class Found:
    """The findings: a line for everything that does not work, and for everything else worth knowing."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Recent:
    """Amplitude's word on recent events: one of three, or why it says nothing.

    ``refused``: ``why`` is about the key or the network, else about this endpoint alone.
    """

    observed: str = ""
    pause_s: float | None = None
    why: str = ""
    refused: bool = False


class _UnreachableError(Exception):
    """No answer came; the message says why and how to mend it."""


def try_keys(settings: Settings, *, send: bool, sleep: Callable[[float], None] = time.sleep) -> Found:
    """Try every destination's keys at Amplitude; ``send``: also send a test event, and follow it.

    ``sleep`` gets the seconds between two looks for that event.
    """
    found = Found()
    with httpx.Client(timeout=_SECONDS) as client:
        for destination in settings.destinations:
            one = Found()
            try:
                _try(_Tried(destination, client), one, send=send, sleep=sleep)
            except _UnreachableError as error:
                one.problems.append(str(error))
            place = f"destinations.{destination.name}.settings"
            found.problems += [f"{place}: {text}" for text in one.problems]
            found.notes += [f"{place}: {text}" for text in one.notes]
    return found


@dataclass(frozen=True, slots=True)
class _Tried:
    """The keys of one destination and the way to Amplitude."""

    destination: Destination
    client: httpx.Client

    @property
    def api_key(self) -> str:
        """The API key."""
        return self.destination.settings.apiKey.get_secret_value()

    @property
    def secret_key(self) -> str:
        """The secret key, or empty."""
        return self.destination.settings.secretKey.get_secret_value()

    @property
    def has_recent(self) -> bool:
        """Whether there is a check by API key alone: Amplitude names no address of it in Europe."""
        return bool(self.destination.base_url) or self.destination.settings.endpoint != "europe"

    def ask(self, endpoint: Endpoint, said: dict[str, object] | None = None) -> httpx.Response:
        """Post ``said``, or get with both keys where there is nothing to say. Raises _UnreachableError."""
        address = endpoint_url(endpoint, self.destination.settings.endpoint, self.destination.base_url)
        try:
            if said is not None:
                return self.client.post(address, json={"api_key": self.api_key, **said})
            who = (self.api_key, self.secret_key)
            return self.client.get(address, params={"user": DEVICE_ID}, auth=who)
        except httpx.HTTPError as error:
            reason = system_error(error) or str(error) or type(error).__name__
            raise _UnreachableError(f"cannot reach {address}: {reason}; check network and endpoint") from None


def _try(tried: _Tried, found: Found, *, send: bool, sleep: Callable[[float], None]) -> None:
    if tried.secret_key and (problem := _refused(tried)):
        found.problems.append(problem)
        return
    before = _recent(tried)
    if before.refused:
        found.problems.append(before.why)
        return
    if before.observed:
        found.notes.append(_OBSERVED_TEXTS[before.observed])
    elif tried.secret_key or send:
        found.notes.append(before.why)
    else:
        found.problems.append(f"{before.why}; give a secretKey, or try --send")
    if send:
        _send(tried, before, found, sleep)


def _refused(tried: _Tried) -> str | None:
    """Ask Amplitude's user search, which changes nothing, whether it takes both keys."""
    status = tried.ask(Endpoint.USERSEARCH).status_code
    if status in (401, 403):
        return f"Amplitude refuses the keys ({status}); check apiKey, secretKey and endpoint"
    if status >= 400 and status != 429:
        return f"Amplitude answers {status}; try again, then check the endpoint"
    return None


def _recent(tried: _Tried, polling_s: int | None = None) -> _Recent:
    """Ask whether events came lately, which the API key alone is enough for. Changes nothing."""
    if not tried.has_recent:
        return _Recent(why="Amplitude has no check by API key alone in Europe")
    answer = tried.ask(
        Endpoint.RECENT, {} if polling_s is None else {"polling_timeout_seconds": max(1, polling_s)}
    )
    status = answer.status_code
    if status in (400, 401, 403):
        why = f"Amplitude refuses the API key ({status}); check apiKey and endpoint"
        return _Recent(why=why, refused=True)
    said = _flattened(answer)
    words = [word for word in _OBSERVED_TEXTS if word in said.values()]
    if not answer.is_success or len(words) != 1:
        return _Recent(why=f"Amplitude's check by API key alone answers {status}, and nothing of use")
    pause = said.get("poll_after_seconds")
    return _Recent(words[0], float(pause) if isinstance(pause, int | float) else None)


def _flattened(answer: httpx.Response) -> dict[object, object]:
    """Return what a JSON answer says, with what lies one level down: its documentation shows no example."""
    try:
        said = answer.json()
    except ValueError:
        return {}
    if not isinstance(said, dict):
        return {}
    below = [value for value in said.values() if isinstance(value, dict)]
    flat: dict[object, object] = {}
    for one in (*below, said):
        flat.update((name, value) for name, value in one.items() if isinstance(value, str | int | float))
    return flat


def _send(tried: _Tried, before: _Recent, found: Found, sleep: Callable[[float], None]) -> None:
    """Send a test event, and follow it for as long as Amplitude's check can tell it from others."""
    event = {
        "event_type": EVENT_TYPE,
        "device_id": DEVICE_ID,
        "insert_id": str(uuid.uuid4()),
        "time": time.time_ns() // 1_000_000,
    }
    answer = tried.ask(Endpoint.HTTPAPI, {"events": [event]})
    if not is_accepted(Endpoint.HTTPAPI, UpstreamResponse(answer.status_code, answer.content)):
        key = answer.status_code in (400, 401)
        mend = "check apiKey and endpoint" if key else "try again, then check the endpoint"
        found.problems.append(f"the test event is not accepted ({answer.status_code}); {mend}")
        return
    arrived = f'Amplitude took the test event "{EVENT_TYPE}" of device {DEVICE_ID}'
    if before.observed not in (NOT_OBSERVED, INCONCLUSIVE):
        why = "others came before it" if before.observed else "its check cannot be asked"
        found.notes.append(f"{arrived}; {why}, so look for it in User Look-Up")
    elif _follow(tried, sleep):
        found.notes.append(f"{arrived}, and has counted it")
    else:
        found.problems.append(f"{arrived}, and has not counted it in {FOLLOW_S} s; check again later")


def _follow(tried: _Tried, sleep: Callable[[float], None]) -> bool:
    """Return whether an event is observed before the time is over, or Amplitude asks to stop looking."""
    left = float(FOLLOW_S)
    while True:
        now = _recent(tried, int(left))
        if now.observed == OBSERVED:
            return True
        if now.pause_s is None or left <= 0:
            return False
        pause = min(max(now.pause_s, 1.0), _LONGEST_PAUSE_S, left)
        sleep(pause)
        left -= pause
