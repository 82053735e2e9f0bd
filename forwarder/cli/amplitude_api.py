"""Users deleted at Amplitude, as Segment's destination does it for a deletion request."""

import time
from collections.abc import Sequence
from typing import Final

import httpx

from forwarder.amplitude import AmplitudeDestination
from forwarder.faults import system_error

_SECONDS: Final = 15.0
_BETWEEN: Final = 1.0
"""Seconds between requests: Amplitude takes one a second."""


def delete_users(destination: AmplitudeDestination, user_ids: Sequence[str]) -> str | None:
    """Ask Amplitude to delete the users; return what went wrong, or None. Stops at the first failure."""
    headers = {"content-type": "application/json"}
    keys = (destination.api_key, destination.secret_key)
    with httpx.Client(timeout=_SECONDS, auth=keys) as client:
        for number, call in enumerate(destination.deletion(user_ids)):
            if number:
                time.sleep(_BETWEEN)
            try:
                answer = client.request(call.method, call.url, content=call.content, headers=headers)
            except httpx.HTTPError as error:
                reason = system_error(error) or str(error) or type(error).__name__
                return f"cannot reach {call.url}: {reason}; check network and endpoint"
            if not answer.is_success:
                return f"{_meaning(answer)} (the first {number * 100} users were taken)"
    return None


def _meaning(answer: httpx.Response) -> str:
    if answer.status_code in (401, 403):
        return f"Amplitude refuses the keys ({answer.status_code}); check apiKey, secretKey and endpoint"
    if answer.status_code == 429:
        return "Amplitude takes no more now (429); try again in a minute"
    return f"Amplitude answers {answer.status_code}: {answer.text[:200]!r}"
