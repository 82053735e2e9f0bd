"""Templates."""

import pytest

from forwarder.javascript.values import UNDEFINED
from forwarder.mapping.runtime.templates import render

PAYLOAD = {
    "a": "A",
    "n": 1e21,
    "l": [1, None, "x"],
    "o": {},
    "f": False,
    "z": None,
    "nested": "{{a}}",
    "s": {"b": 0},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("Viewed {{name}}", "Viewed "),
        ("{{a}}-{{ a }}-{{{ a }}}", "A-A-A"),
        ("{{n}} {{l}} {{o}} {{f}} {{z}}|", "1e+21 1,,x [object Object] false |"),
        ("{{{nested}}}", "A"),
        ("{{nested}}", "{{a}}"),
        ("{{}}", "{{}}"),
        ("{{ }}", "[object Object]"),
        ("{{.}}", "[object Object]"),
        ("{{$.a}}", ""),
        ("{{a}", "{{a}"),
        ("{{a{{a}}", ""),
        ("{{{{a}}}}", "}"),
        ("{{s.b}}", "0"),
        ("{{ s['b'] }}", "0"),
    ],
)
def test_render(template: str, text: str) -> None:
    assert render(template, PAYLOAD) == text


def test_missing_payload_counts_as_empty() -> None:
    assert render("{{ }}{{a}}", UNDEFINED) == "[object Object]"
