"""``forwarder check --online`` against an Amplitude that knows its keys, and against none; none is shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.amplitude import Amplitude, fake_amplitude
from tests.support.configuration import toml
from tests.support.nats import Nats
from tests.support.operator import invoked

GOOD, OTHER, SECRET = "a-known-api-key", "an-unknown-api-key", "the-secret-key-of-it"


def named(name: str, url: str, key: str, secret: str) -> str:
    """Return a destination."""
    made = {"name": name, "base_url": url, "settings": {"apiKey": key, "secretKey": secret}}
    return toml({"destinations": [made]})


@pytest.fixture(scope="module")
def amplitude() -> Iterator[Amplitude]:
    with fake_amplitude(GOOD) as running:
        yield running


def check(folder: Path, config: str, *more: str) -> tuple[int, str]:
    (folder / "forwarder.toml").write_text(config)
    done = invoked("check", "--online", *more, "--config", str(folder / "forwarder.toml"))
    said = done.output
    assert "Traceback" not in said
    assert not [key for key in (GOOD, OTHER, SECRET) if key in said]
    return done.exit_code, said


def test_keys_that_amplitude_knows_are_fine(amplitude: Amplitude, tmp_path: Path) -> None:
    config = named(name="good", url=amplitude.url, key=GOOD, secret=SECRET)
    code, said = check(tmp_path, config)
    assert (code, "1 source, 1 destination" in said) == (0, True)


def test_every_destination_whose_keys_do_not_work_is_named(amplitude: Amplitude, tmp_path: Path) -> None:
    tls = amplitude.url.replace("http:", "https:")
    config = "".join(
        [
            named(name="good", url=amplitude.url, key=GOOD, secret=SECRET),
            named(name="unknown", url=amplitude.url, key=OTHER, secret=SECRET),
            named(name="lone", url=amplitude.url, key=OTHER, secret=""),
            named(name="closed", url="http://127.0.0.1:9", key=GOOD, secret=SECRET),
            named(name="no_tls", url=tls, key=GOOD, secret=SECRET),
            named(name="nowhere", url="http://nowhere.invalid", key=GOOD, secret=SECRET),
        ]
    )
    code, said = check(tmp_path, config)
    assert code == 1
    assert [line for line in said.splitlines() if "destinations.good" in line] == [
        "destinations.good.settings: Amplitude knows the API key, and received no event in the last 8 h"
    ]
    assert "destinations.unknown.settings: Amplitude refuses the keys (401)" in said
    assert "destinations.lone.settings: Amplitude refuses the API key (401)" in said
    for name in ("closed", "no_tls", "nowhere"):
        assert f"destinations.{name}.settings: cannot reach" in said
    assert "Connection refused (ECONNREFUSED)" in said
    assert "TLS failed" in said


def test_a_test_event_is_sent_and_followed(tmp_path: Path) -> None:
    with fake_amplitude(GOOD) as new:
        config = named(name="alone", url=new.url, key=GOOD, secret="")
        code, said = check(tmp_path, config)
        assert (code, "received no event in the last 8 h" in said) == (0, True)
        assert new.arrivals() == []
        code, said = check(tmp_path, config, "--send")
        assert (code, "and has counted it" in said) == (0, True)
        assert [one["device_id"] for one in new.events("Forwarder Check")] == ["forwarder-check"]
        code, said = check(tmp_path, config)
        assert (code, "received events in the last 8 h" in said) == (0, True)


def test_a_stream_is_tried(nats: Nats, tmp_path: Path) -> None:
    assert check(tmp_path, f'[spool]\npath = "{nats.url}/events"')[0] == 0
    code, said = check(tmp_path, '[spool]\npath = "nats://127.0.0.1:9/events"')
    assert code == 1
    assert "spool.path: cannot connect to nats://127.0.0.1:9/events" in said
