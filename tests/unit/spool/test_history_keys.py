"""The hashes by which events of history are found: of any event, and by the fast path as by the slow one."""

import orjson
import pytest

from forwarder.sessions.facts import PAGE, SessionFacts, SessionRules, device_key, user_key
from forwarder.spool.event_keys import hashes, keys_of
from forwarder.spool.sqlite import history_rows
from tests.support.spools import NOW


@pytest.mark.parametrize("user", ["u1", "ünï", "", "x" * 200])
@pytest.mark.parametrize("device", ["d1", ""])
@pytest.mark.parametrize("session", [1_790_000_000_000, None])
@pytest.mark.parametrize("scope", ["", "shop"])
def test_the_fast_path_has_the_same_hashes(user: str, device: str, session: int | None, scope: str) -> None:
    body: dict[str, object] = {"userId": user, "anonymousId": device}
    if session is not None:
        body["integrations"] = {"Actions Amplitude": {"session_id": session}}
    rules = SessionRules(scope=scope)
    row = (1, NOW, "shop", "m1", orjson.dumps(body), 1)
    facts = SessionFacts(
        rules,
        PAGE,
        device_key(scope, device) if device else "",
        user_key(scope, user) if user else "",
        NOW,
        session,
    )
    fast = history_rows.index_of([(row, facts, None)])
    given = history_rows.index_of([(row, facts, session)])
    slow = history_rows.index_of([(row, None, None)])
    assert _split(fast) == _split(slow) == _split(given)
    others = SessionFacts(SessionRules(scope="other"), PAGE, "other\0dx", "", NOW)
    assert _split(fast) < _split(history_rows.index_of([(row, facts, None), (row, others, None)]))


def _split(packed: bytes) -> set[bytes]:
    return {packed[start : start + 4] for start in range(0, len(packed), 4)}


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        (b'{"userId":7,"anonymousId":true}', ("7", "", "")),
        (b'{"userId":"a","properties":{"userId":"b"}}', ("a", "", "")),
        (b'{"integrations":{"Amplitude (Actions)":{"session_id":"12"}}}', ("", "", "12")),
        (b'{"integrations":{"Actions Amplitude":{"session_id":12.0}}}', ("", "", "12")),
        (b'{"integrations":{"Actions Amplitude":{"session_id":"x"}}}', ("", "", "")),
        (b'{"integrations":{"All":false}}', ("", "", "")),
        (b'{"userId":"a","properties":{"n":1e999}}', ("a", "", "")),
        (b"[]", ("", "", "")),
        (b"", ("", "", "")),
        (b"no json", ("", "", "")),
    ],
)
def test_keys_are_read_of_any_event(body: bytes, keys: tuple[str, str, str]) -> None:
    assert keys_of(body) == keys


def test_half_a_character_has_a_hash() -> None:
    assert len(hashes(["\ud800", "", "u", "d", "ux"])) == 8
