"""What the drawer asks the demo's other programs: what became of events, and to have Amplitude misbehave."""

from typing import Any

import httpx

FAULTS: dict[str, dict[str, Any]] = {
    "fails": {"kind": "failed", "times": 5},
    "throttles": {"kind": "throttle", "times": 2},
    "refuses one": {"kind": "bad"},
}
"""What the drawer's buttons have the fake Amplitude do, by their names."""
MOST = 12
"""Events that the drawer lists."""


class Behind:
    """The forwarder's console and the fake Amplitude, as the shop's server asks them."""

    def __init__(self, forwarder: str, amplitude: str, token: str) -> None:
        """``token``: the console's; "" where the shop may not ask it."""
        self._forwarder, self._amplitude, self._token = forwarder, amplitude, token

    async def events(self, device: str) -> list[dict[str, Any]]:
        """Return a visitor's newest events with their states. Raises httpx.HTTPError."""
        if not (self._token and device):
            return []
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json"}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(
                f"{self._forwarder}/console/events", params={"device": device}, headers=headers
            )
        found: list[dict[str, Any]] = answer.raise_for_status().json()["events"]
        return found[:MOST]

    async def misbehave(self, wanted: object) -> str:
        """Have the fake Amplitude misbehave next; return what is wrong. Raises httpx.HTTPError."""
        name = wanted.get("fault") if isinstance(wanted, dict) else None
        if name not in FAULTS or not self._amplitude:
            return f"there is no such fault here; there are {', '.join(FAULTS)}"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self._amplitude}/_/faults", json=[FAULTS[name]])
        answer.raise_for_status()
        return ""
