"""Nothing an event holds reaches Python's compiler: seen by an audit hook in a process of its own."""

import subprocess
import sys

from tests.support.processes import ROOT

SCRIPT = """
import sys
from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.actions.fields import ACTIONS, default_mapping
from forwarder.cli.explanations import explained
from forwarder.cli.plans import plan_line

dynamic = {
    "user_id": {"@template": {"@path": "$.code"}},
    "device_id": {"@path": {"@path": "$.code"}},
    "platform": {"@liquid": "{{ code | where: code, code }}{{ code | date: code, code }}{{ [code] }}"},
    "city": {"@replace": {"pattern": "_", "replacement": "$&$`", "value": {"@path": "$.code"}}},
    "region": {"@json": {"mode": "decode", "value": {"@path": "$.code"}}},
    "event_type": {"@flatten": {"value": {"@path": ""}, "separator": "."}},
}
destinations = {
    action: AmplitudeDestination(
        {"apiKey": "key", "secretKey": "secret"},
        [{"name": "a", "partnerAction": action, "subscribe": 'contains(event, "x") or type != "x"',
          "mapping": {**default_mapping(action), **more}} for more in ({}, dynamic)],
    )
    for action in ACTIONS
}

def events(number):
    call = f"__import__('os').system('true {number}')"
    for code in (call, "{{" + call + "}}", "{{{code}}}", "f'{" + call + "}'", "def f():\\n  " + call):
        inner = {code: code, "price": code, "products": [{"price": code, code: code}], "$set": code}
        yield {
            **dict.fromkeys(("type", "event", "name", "userId", "anonymousId", "timestamp", "code"), code),
            "properties": inner, "traits": inner, code: code,
            "context": {"userAgent": code, "campaign": inner, "userAgentData": {"model": code}},
        }

def plan_all(number):
    for event in events(number):
        for destination in destinations.values():
            destination.plan(event)
            destination.items(event)
        plan_line(event, destinations)
        list(explained(event, destinations))

plan_all(1)  # what Python compiles on first use, its own modules
seen = []
sys.addaudithook(lambda name, values: seen.append((name, values)) if name in ("compile", "exec") else None)
plan_all(2)
print(len(seen), seen[:1])
eval("1")  # the hook works
print(len(seen) > 0)
"""


def test_planning_compiles_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["0 []", "True"]
