"""The OpenAPI document is true: schemathesis makes requests from it and holds the answers against it."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from forwarder.ingest.routes import BASES, KINDS
from forwarder.openapi.document import openapi
from tests.support import patient
from tests.support.configuration import configuration
from tests.support.forwarder import Running, forwarder

CONFIG = configuration(
    source={"strict": True},
    server={"operator_token": "an operator's long token"},
    limits={"failed_keys_per_minute": 1_000_000},
)
DESCRIBED = json.loads(openapi())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    positive_data_acceptance,
]
# Made-up times of the years that events have: a strict source takes no others.
schemathesis.openapi.format(
    "date-time",
    strategies.datetimes(datetime(2005, 1, 1), datetime(2025, 1, 1)).map(lambda time: f"{time.isoformat()}Z"),
)


def said_of(path: str) -> str:
    """Return what is described of a path but for the names of its operations."""
    operations = DESCRIBED["paths"][path].items()
    return json.dumps({method: {**one, "operationId": ""} for method, one in operations}, sort_keys=True)


SAME: dict[str, list[str]] = {}
"""Paths by what is described of them: an event goes to any of twelve."""
for described in DESCRIBED["paths"]:
    SAME.setdefault(said_of(described), []).append(described)
OTHERS = [path for paths in SAME.values() for path in paths[1:]]
schema = schemathesis.openapi.from_dict(DESCRIBED).exclude(path=OTHERS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("openapi")
    (folder / "forwarder.toml").write_text(CONFIG)
    with forwarder(folder / "forwarder.toml") as process:
        yield process


@schema.parametrize()
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(running: Running, case: schemathesis.Case[Any]) -> None:
    known = len(repr(case.body)) % 2
    headers = {"authorization": "Basic d2ViLWtleTo="} if known else {}
    case.call_and_validate(base_url=running.url, checks=CHECKS, headers=headers)


EVENT = {"event": "E", "userId": "u", "groupId": "g", "previousId": "p", "messageId": "m", "batch": []}
"""An event to each address that takes one, and a batch to each that takes batches."""


def test_other_addresses_answer_as_the_first_does(running: Running) -> None:
    assert len(OTHERS) > 70
    with patient.client(base_url=running.url) as client:
        for paths in SAME.values():
            answers = [list(answers_of(client, path)) for path in paths]
            assert answers == answers[:1] * len(paths), paths


def answers_of(client: httpx.Client, path: str) -> Iterator[tuple[int, str, bytes]]:
    """Ask an address in the right way and in wrong ones; yield status, content type and body."""
    address = path.replace("{write_key}", "web-key")
    method = "POST" if "post" in DESCRIBED["paths"][path] else "GET"
    for key, body in (("web-key", json.dumps(EVENT)), ("wrong-key", "{}"), ("web-key", "{")):
        asked = client.request(method, address, auth=(key, ""), content=body)
        assert asked.status_code < 500
        yield asked.status_code, asked.headers.get("content-type", ""), asked.content


def test_every_route_is_described(running: Running) -> None:
    assert patient.get(f"{running.url}/openapi.json").json() == DESCRIBED
    for base in BASES:
        for kind in KINDS:
            assert f"{base}/{kind}" in DESCRIBED["paths"]
