"""Taking what is undefined or null out of values."""

import math

from forwarder.javascript.values import UNDEFINED


def drop(fields: dict[str, object]) -> dict[str, object]:
    """Return the object without its undefined fields; what lies deeper stays."""
    return {key: value for key, value in fields.items() if value is not UNDEFINED}


def clean(value: object) -> object:
    """Return the value as JSON has it: no undefined fields; null for undefined elements and infinity."""
    if isinstance(value, dict):
        return {key: clean(one) for key, one in value.items() if one is not UNDEFINED}
    if isinstance(value, list):
        return [None if one is UNDEFINED else clean(one) for one in value]
    return None if isinstance(value, float) and math.isinf(value) else value


def clean_fields(value: object) -> object:
    """Return the value without undefined fields; undefined elements of lists stay what they are."""
    if isinstance(value, dict):
        return {key: clean_fields(one) for key, one in value.items() if one is not UNDEFINED}
    if isinstance(value, list):
        return [clean_fields(one) for one in value]
    return value


def exclude_nulls(value: object) -> object:
    """Return the value with null made undefined, also in fields of nested objects; lists stay as they are."""
    if value is None:
        return UNDEFINED
    if isinstance(value, dict):
        return {key: exclude_nulls(one) for key, one in value.items()}
    return value
