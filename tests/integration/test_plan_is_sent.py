"""What ``forwarder plan`` shows arrives at Amplitude byte for byte."""

import json
from typing import Any

import pytest

from forwarder.amplitude import AmplitudeDestination
from forwarder.delivery.client import http_client
from forwarder.delivery.scheduler.planning import read_body
from forwarder.delivery.sending import send_batch
from tests.support.receiver import receiver
from tests.support.simulation.wire import NOW, batches_of, job_of
from tests.vectors.stored import cases

pytestmark = pytest.mark.integration

SAMPLE: dict[str, list[dict[str, Any]]] = {}
for case in cases("actions"):
    if case["requests"] and not case["error"] and len(case["subscriptions"]) == 1:
        SAMPLE.setdefault(case["subscriptions"][0]["partnerAction"], []).append(case)


def test_the_sample_has_every_action() -> None:
    assert set(SAMPLE) >= {
        "logEvent",
        "logEventV2",
        "logPurchase",
        "identifyUser",
        "groupIdentifyUser",
        "mapUser",
    }


@pytest.mark.parametrize("action", sorted(SAMPLE))
async def test_the_stand_in_for_amplitude_gets_the_planned_bytes(action: str) -> None:
    for case in SAMPLE[action][:8]:
        with receiver() as amplitude:
            destination = AmplitudeDestination(
                case["settings"], case["subscriptions"], base_url=amplitude.url, clock=lambda: NOW
            )
            job = job_of(case["event"], destination)
            [planned] = destination.plan(read_body(job.event.body))
            async with http_client() as http:
                for batch in batches_of(job, job.items):
                    answer = await send_batch(http, destination, batch, 10_000)
                    assert answer.status == 200
        wanted = [(call.url.removeprefix(amplitude.url), call.content) for call in planned.calls]
        assert wanted == amplitude.requests, json.dumps(case["event"])
