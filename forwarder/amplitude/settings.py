"""The destination's settings, checked as the reference checks them."""

from collections.abc import Mapping

from forwarder.amplitude.payload.coercion import Refused, coerce
from forwarder.amplitude.payload.field import Field, Kind
from forwarder.amplitude.wire.endpoints import REGIONS
from forwarder.errors import ConfigError
from forwarder.javascript.values import UNDEFINED

_FIELDS = {
    "apiKey": Field(Kind.STRING, required=True),
    "secretKey": Field(Kind.STRING, required=True),
    "endpoint": Field(Kind.STRING, choices=REGIONS),
}


def settings_problems(settings: Mapping[str, object]) -> list[str]:
    """Return one line for each setting that cannot be used."""
    return _read(settings)[1]


def read_settings(settings: Mapping[str, object]) -> tuple[str, str, str | None]:
    """Return apiKey, secretKey and region (None: north_america). Raises ConfigError with every problem."""
    values, problems = _read(settings)
    if problems:
        raise ConfigError(problems)
    return values["apiKey"] or "", values["secretKey"] or "", values.get("endpoint")


def _read(settings: Mapping[str, object]) -> tuple[dict[str, str | None], list[str]]:
    values: dict[str, str | None] = {}
    problems = []
    for name, field in _FIELDS.items():
        value = settings.get(name, UNDEFINED)
        if value is UNDEFINED:
            if field.required:
                problems.append(f"settings: {name} is missing; copy it from the Amplitude project's settings")
            continue
        try:
            values[name] = str(coerce(field, value))
        except Refused as refused:
            problems.append(f"settings.{name}: {refused}")
    return values, problems
