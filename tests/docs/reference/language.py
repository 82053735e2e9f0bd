"""Triggers and directives, each with examples that are run as the page is made."""

import json
from typing import Any

from forwarder.javascript.values import UNDEFINED
from forwarder.mapping import compile_mapping
from forwarder.mapping.validation import CHECKS, MAX_REPLACE_LENGTH
from forwarder.triggers import compile_trigger
from forwarder.triggers.parser import FIELDS, MAX_DEPTH, NESTED_FIELDS, PLAIN_FIELDS
from forwarder.triggers.tokens import MAX_LENGTH
from tests.docs.reference.markdown import block, code, table

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "user-1",
    "properties": {
        "total": 42.5,
        "currency": "EUR",
        "coupon": "",
        "note": None,
        "gift": True,
        "products": [{"sku": "tea", "price": 12}, {"sku": "mug", "price": 9}],
        "raw": '{"a": 1}',
    },
    "traits": {"email": "Ada@Example.com", "name": {"first": "Ada", "last": "L."}},
    "context": {"page": {"path": "/checkout"}},
}
"""What every example is tried on."""

TRIGGERS: dict[str, tuple[str, ...]] = {
    "=": ('type = "track"', 'event = "Order Completed"', "properties.total = 42.5"),
    "!=": ('event != "Order Completed"', 'userId != ""'),
    "<, <=, >, >=": (
        "properties.total > 40",
        "properties.total <= 42.5",
        "properties.total < 42",
        "properties.total >= 42",
    ),
    "contains": ('contains(event, "Order")', 'contains(traits.email, "@Example")'),
    "match": ('match(event, "Order*")', 'match(context.page.path, "*out")'),
    "!": ('!contains(event, "Cart")', '!match(event, "Cart*")'),
    "null": ("properties.coupon != null", "properties.missing = null", "properties.note = null"),
    "true, false": ("properties.gift = true", "properties.gift = false"),
    "and, or": ('type = "track" and properties.total > 100', 'type = "page" or type = "track"'),
    "( )": ('type = "track" and (event = "Cart Viewed" or event = "Order Completed")',),
}
"""Examples by what they show."""

DIRECTIVES: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "@path": (
        "Takes the value at a path; nothing where there is none.",
        ({"@path": "$.properties.currency"}, {"@path": "$.properties.products[0].sku"}),
    ),
    "@template": ("Puts values into a text.", ({"@template": "Viewed {{context.page.path}} as {{userId}}"},)),
    "@literal": ("Takes a value as it is, directives in it too.", ({"@literal": "$.properties.currency"},)),
    "@if": (
        "Chooses by whether a value is there (`exists`: not missing, not null; `blank`: nor empty).",
        (
            {"@if": {"exists": {"@path": "$.properties.coupon"}, "then": "with", "else": "without"}},
            {"@if": {"blank": {"@path": "$.properties.coupon"}, "then": "with", "else": "without"}},
        ),
    ),
    "@case": (
        "Writes a text in `lower` or `upper` case.",
        ({"@case": {"operator": "lower", "value": {"@path": "$.traits.email"}}},),
    ),
    "@replace": (
        f"Replaces a text in another one; each has at most {MAX_REPLACE_LENGTH} characters.",
        (
            {
                "@replace": {
                    "pattern": "a",
                    "replacement": "_",
                    "ignorecase": True,
                    "global": True,
                    "value": {"@path": "$.traits.email"},
                }
            },
        ),
    ),
    "@arrayPath": (
        "Makes a list of a list, each entry by a mapping of its own.",
        ({"@arrayPath": ["$.properties.products", {"id": {"@path": "$.sku"}}]},),
    ),
    "@merge": (
        "Puts objects together; `direction` says whose value wins where two have one: the `right` or the `left`.",
        ({"@merge": {"direction": "right", "objects": [{"@path": "$.traits.name"}, {"first": "A."}]}},),
    ),
    "@flatten": (
        "Makes one level of an object that has several.",
        ({"@flatten": {"value": {"@path": "$.traits"}, "separator": "_"}},),
    ),
    "@json": (
        "Writes a value as JSON text (`encode`) or reads it (`decode`).",
        (
            {"@json": {"mode": "encode", "value": {"@path": "$.traits.name"}}},
            {"@json": {"mode": "decode", "value": {"@path": "$.properties.raw"}}},
        ),
    ),
    "@transform": (
        "Maps what another mapping has made.",
        (
            {
                "@transform": {
                    "apply": {"who": {"@path": "$.traits.name.first"}},
                    "mapping": {"@path": "$.who"},
                }
            },
        ),
    ),
    "@excludeWhenNull": (
        "Leaves a field out where its value is null.",
        (
            {
                "kept": {"@path": "$.properties.note"},
                "gone": {"@excludeWhenNull": {"@path": "$.properties.note"}},
            },
        ),
    ),
    "@liquid": (
        "Renders a Liquid template.",
        ({"@liquid": "{{ properties.total | round }} {{ properties.currency }}"},),
    ),
}
"""What each directive does, and examples."""


def triggers() -> str:
    """Return the page of triggers."""
    rows = [
        (code(text), "yes" if compile_trigger(text)(EVENT) else "no", "" if at else code(what))
        for what, texts in TRIGGERS.items()
        for at, text in enumerate(texts)
    ]
    return "\n".join(
        (
            "# What can a trigger say?\n",
            "A trigger says which events a subscription is for, in Segment's words. It compares"
            f" {', '.join(map(code, PLAIN_FIELDS))}, and with paths below {', '.join(map(code, NESTED_FIELDS))}.\n",
            f"Each example is tried on this event:\n\n{block(EVENT)}",
            table(("trigger", "matches", "shows"), rows),
            f"A trigger has fewer than {MAX_LENGTH:,} characters, and parentheses lie at most {MAX_DEPTH} deep."
            f" What compares none of {', '.join(map(code, FIELDS))} is refused, with its position.\n",
            "What is easily misread: `and` and `or` on one level mean whichever stands last, so use parentheses;"
            " texts stand in double quotes; `!=` is also true where the field is missing; a number that is compared"
            " with a text is not equal to it. `forwarder check` tells of triggers that probably mean something else,"
            " and `forwarder plan --explain` why one does not match.\n",
        )
    )


def directives() -> str:
    """Return the page of directives."""
    parts = [
        "# What can a mapping say?\n",
        "A mapping gives each field of an action a value: a text or number as it is, an object or list of such, or a"
        " directive, which is an object with one key that begins with `@`. Directives may stand inside each other.\n",
        f"Each example is tried on the same event:\n\n{block(EVENT)}",
    ]
    for name in sorted(CHECKS):
        what, examples = DIRECTIVES[name]
        parts.append(f"## {name}\n\n{what}\n")
        parts.append(table(("mapping", "gives"), ((code(one), _given(one)) for one in examples)))
    return "\n".join(parts)


def _given(mapping: object) -> str:
    value = compile_mapping(mapping)(EVENT)
    return "nothing" if value is UNDEFINED else code(json.dumps(value, ensure_ascii=False))
