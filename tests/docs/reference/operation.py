"""Metrics, warnings, commands and routes."""

from collections.abc import Iterator
from typing import Any

import click
import orjson

from forwarder import cli, metrics
from forwarder.amplitude import AmplitudeDestination
from forwarder.amplitude.lint import Kind
from forwarder.amplitude.warnings import MEANINGS
from forwarder.distribution import Distribution
from forwarder.http import metrics as ingest_metrics
from forwarder.openapi.document import openapi
from forwarder.outcomes import Outcome
from forwarder.tally import Tally
from tests.docs.reference.codes import refusals, rejections
from tests.docs.reference.markdown import block, code, sentence, table, texts_of
from tests.support.processes import ROOT

_EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Bought",
    "userId": "user-1",
    "anonymousId": "anonymous-1",
}
WARNED: dict[Kind, tuple[dict[str, Any], dict[str, Any]]] = {
    Kind.SHORT_ID: ({"userId": "u1"}, {}),
    Kind.REFUSED_ID: ({"userId": "anonymous"}, {}),
    Kind.NO_ID: ({"userId": "u1", "anonymousId": "a1"}, {}),
    Kind.LONG_TEXT: ({"properties": {"note": "x" * 1_100}}, {}),
    Kind.TOO_DEEP: ({"properties": {}}, {}),
    Kind.TOO_MANY_GROUPS: ({}, {"groups": {f"type {number}": "a" for number in range(6)}}),
    Kind.RESERVED_NAME: ({"event": "$identify"}, {}),
    Kind.MIXED_OPERATORS: ({}, {"user_properties": {"$add": {"visits": 1}, "plan": "pro"}}),
    Kind.ODD_TIME: ({}, {"time": "1700000000"}),
}
"""Changes to an event and a mapping that have each warning."""


def metric_page() -> str:
    """Return the page of metrics, as they are scraped."""
    rows = []
    for module in (ingest_metrics, metrics):
        for metric in vars(module).values():
            if isinstance(metric, Tally | Distribution):
                [family] = metric.describe()
                suffix = {"counter": "_total", "histogram": "_bucket"}.get(family.type, "")
                labels = metric._labels if isinstance(metric, Tally) else (metric.label,)
                shown = ", ".join(map(code, (*labels, *(("le",) if family.type == "histogram" else ()))))
                rows.append((code(family.name + suffix), family.type, shown, family.documentation))
    return "\n".join(
        (
            "# Which metrics are there?\n",
            "`GET /metrics`, in Prometheus' text format, with the operator's token as Bearer or as Basic password."
            " A histogram has `_sum` and `_count` beside `_bucket`.\n",
            table(("metric", "type", "labels", "what"), rows),
            "For each destination, at every moment, accepted = delivered + filtered + dead - revived + waiting. These"
            " are kept in the spool and go on over restarts; all others begin with the process.\n",
            "## Outcomes\n",
            "Every event ends in exactly one of these, at ingest for all destinations or once for each:\n",
            table(("outcome", "meaning"), ((code(one.value), _outcome(one)) for one in Outcome)),
        )
    )


def _outcome(one: Outcome) -> str:
    return texts_of(ROOT / "forwarder" / "outcomes.py")["Outcome"][one.name]


def warning_page() -> str:
    """Return the page of warnings, each with what is said of an event that has it."""
    rows = []
    for kind in Kind:
        changes, mapping = WARNED[kind]
        event = {**_EVENT, **changes}
        if kind is Kind.TOO_DEEP:
            value: dict[str, Any] = {}
            for _ in range(45):
                value = {"a": value}
            event = {**event, "properties": value}
        rows.append((code(kind.value), MEANINGS[kind], _warned(kind, event, mapping)))
    return "\n".join(
        (
            "# What do the warnings mean?\n",
            "Amplitude answers that all is well, and cuts, drops or misreads something all the same."
            " `forwarder plan --explain` tells of it before anything is sent; what is sent is counted in"
            " `forwarder_delivery_warnings_total`, by kind.\n",
            table(("kind", "meaning", "for example"), rows),
        )
    )


def _warned(kind: Kind, event: dict[str, Any], mapping: dict[str, Any]) -> str:
    subscriptions = [{"preset": "Track Calls", "mapping": mapping}]
    [planned] = AmplitudeDestination({"apiKey": "k", "secretKey": "s"}, subscriptions).plan(event)
    found = next(one for one in planned.warnings if one.kind == kind)
    field = found.field if len(found.field) < 40 else f"{found.field[:40]}…"
    return f"{code(field)} {found.message}"


def command_page() -> str:
    """Return the page of commands."""
    parts = [
        "# Which commands are there?\n",
        "Each has `--help`. Exit codes: 0 for well, 1 for what has to be mended,"
        " 2 for a command line that is not understood.\n",
    ]
    for path, command in _commands(cli.cli, ("forwarder",)):
        context = click.Context(command, info_name=path[-1])
        parts += [f"## {' '.join(path)}\n", f"{_help(command.help or '')}\n"]
        usage = " ".join((*path, *command.collect_usage_pieces(context)))
        parts.append(block(usage, "text"))
        options = [
            one
            for one in command.get_params(context)
            if isinstance(one, click.Option) and "--help" not in one.opts
        ]
        rows = [
            (", ".join(map(code, (*one.opts, *one.secondary_opts))), _option(one, context)) for one in options
        ]
        parts.append(table(("option", "what"), rows) if rows else "")
    return "\n".join(parts)


def _commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            found = command.get_command(click.Context(command), name)
            assert found is not None
            yield from _commands(found, (*path, name))


def _help(text: str) -> str:
    """Return a command's help; what stands below a ``\\b`` keeps its lines."""
    prose, _, kept = text.partition("\b\n")
    made = "\n\n".join(sentence(one) for one in prose.split("\n\n") if one.strip())
    return f"{made}\n\n{block(kept.strip(chr(10)), 'text')}" if kept else made


def _option(option: click.Option, context: click.Context) -> str:
    said = option.get_help_record(context)
    return sentence(said[1]) if said else ""


def http_page() -> str:
    """Return the page of routes."""
    document = orjson.loads(openapi())
    rows = []
    for path, methods in document["paths"].items():
        for method, route in methods.items():
            answers = ", ".join(route.get("responses", {}))
            rows.append((code(f"{method.upper()} {path}"), route.get("summary", ""), answers))
    meanings: dict[tuple[str, str], None] = {}
    for methods in document["paths"].values():
        for route in methods.values():
            for status, answer in route.get("responses", {}).items():
                meanings.setdefault((status, answer.get("description", "")), None)
    return "\n".join(
        (
            "# Which HTTP routes are there?\n",
            "`/openapi.json` is the same for programs. Errors are JSON with `code` and `message`; 429, 503 (with"
            " `Retry-After`) and other 5xx may be sent again, other errors are final.\n",
            table(("route", "what", "answers"), rows),
            "## Answers\n",
            table(("status", "meaning"), sorted(meanings)),
            "## Why is a request refused?\n",
            "Counted in `forwarder_requests_refused_total`, by code:\n",
            refusals(),
            "## Why is an event rejected?\n",
            "The rest of its batch is accepted. Counted in `forwarder_door_events_total`, by reason; a `strict` source is"
            " answered 400 with every reason:\n",
            rejections(),
        )
    )
