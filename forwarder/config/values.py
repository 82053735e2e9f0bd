"""The kinds of values that settings have, each with its check; what is wrong is said as ValueError."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from forwarder.origins import origin_mistake

ORIGIN = re.compile(r"https?://[^/?#@\s]+")
"""The beginning of a web address, up to its path."""


class Frozen(BaseModel):
    """A table of settings: nothing changes in it, and a name that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def _name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", value):
        raise ValueError("must be 1 to 64 letters, digits, _ . or -, the first a letter or digit")
    return value


def _write_key(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.~-]{1,128}", value):
        raise ValueError("must be 1 to 128 letters, digits, _ . ~ or -")
    return value


def _key(value: SecretStr) -> SecretStr:
    """Amplitude's keys are pasted: a blank or line end that came along would be refused there."""
    text = value.get_secret_value()
    if text != text.strip() or not text.isprintable():
        raise ValueError("begins or ends with a blank, or holds a line end; give the key alone")
    return value


def _networks(value: tuple[str, ...]) -> tuple[str, ...]:
    for network in value:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ValueError(f"{error}; give addresses, or networks like 10.0.0.0/8") from None
    return value


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    for origin in value:
        mistake = origin_mistake(origin)
        if mistake:
            raise ValueError(mistake)
    return value


def _token(value: SecretStr) -> SecretStr:
    token = value.get_secret_value()
    if token and (len(token) < 16 or not token.isascii() or not token.isprintable()):
        raise ValueError("must have 16 or more ASCII characters, or none to close the operator's pages")
    return value


Name = Annotated[str, AfterValidator(_name)]
WriteKey = Annotated[str, AfterValidator(_write_key)]
Key = Annotated[SecretStr, AfterValidator(_key)]
Token = Annotated[SecretStr, AfterValidator(_token)]
Networks = Annotated[tuple[str, ...], AfterValidator(_networks)]
Origins = Annotated[tuple[str, ...], AfterValidator(_origins)]
Positive = Annotated[int, Field(gt=0)]


def page_files() -> Path:
    """Return the folder of the page's files that came with this forwarder: in its wheel, or a checkout's."""
    package = Path(__file__).parents[1]
    inside = package / "files"
    return inside if inside.is_dir() else package.parent / "dist"
