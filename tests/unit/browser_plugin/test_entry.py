"""JSON text in, JSON text out: as the rules answer, wherever the settings stand and whatever came before."""

import json
from typing import Any

import pytest

from browser_plugin import entry
from browser_plugin.entry import FAULT, handle, json_writer
from browser_plugin.freeze.workload.values import NOW, facts
from browser_plugin.rules import enrich

EVERY_TWO_SECONDS = {"sessionLength": 2_000}
"""Settings by which the usual facts' session, a minute old, has ended."""


def written(value: object, ensure_ascii: bool = True) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=ensure_ascii)


def wide(value: object) -> str:
    return written(value, ensure_ascii=False)


def settings_last(asked: dict[str, Any]) -> str:
    return written(
        {**{name: one for name, one in asked.items() if name != "settings"}, "settings": asked["settings"]}
    )


@pytest.mark.parametrize(
    "text", [settings_last, written, wide, json.dumps], ids=["last", "first", "wide", "with spaces"]
)
def test_the_answer_is_that_of_the_rules_wherever_the_settings_stand(text: Any) -> None:
    for asked in (
        facts(),
        facts(),
        facts(settings=EVERY_TWO_SECONDS),
        facts(now=NOW + 5),
        facts(event={"event": "\u65e5\u672c"}),
        facts(settings={"startedName": "Gr\u00f6\u00dfe"}),
    ):
        assert handle(text(asked)) == written(enrich(asked))


def test_settings_are_those_of_the_text_never_those_of_the_one_before() -> None:
    usual, short = written(facts()), written(facts(settings=EVERY_TWO_SECONDS))
    reasons = [json.loads(handle(text))["why"] for text in (usual, short, usual, usual, short)]
    assert reasons == [["active"], ["idle"], ["active"], ["active"], ["idle"]]


def test_of_two_settings_the_last_ones_count_as_in_javascript() -> None:
    usual, short = facts(), facts(settings=EVERY_TWO_SECONDS)
    both = f'{written(usual)[:-1]},"settings":{written(short["settings"])}}}'
    for text in (written(usual), both, both):
        right = enrich(json.loads(text))
        assert handle(text) == written(right)


def test_settings_that_are_known_are_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "_known", ["\0", None])
    read: list[str] = []
    scan = entry._scan

    def noted(text: str, at: int = 0) -> Any:
        read.append(text)
        return scan(text, at)

    monkeypatch.setattr(entry, "_scan", noted)
    handle(written(facts()))
    assert len(read) == 2
    handle(written(facts(now=NOW + 1)))
    assert len(read) == 3
    assert "sessionLength" not in read[2]
    handle(wide(facts(event={"event": "\u65e5\u672c"})))
    assert len(read) == 4, "what is not ASCII is read as a whole"
    assert "sessionLength" in read[3]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "[]",
            "{}",
            '"',
            '{"settings":',
            '{"settings":{}}',
            '{"settings":{},}',
            '{"settings":{},5}',
        ),
        written(facts()).replace('},"event":', '};"event":', 1),
        *(f"{written(facts())} ", f" {written(facts())}", f"{written(facts())}x", written(facts())[:-1]),
    ],
)
def test_what_is_no_facts_is_a_fault_and_the_next_text_is_answered(text: str) -> None:
    right = handle(written(facts()))
    assert right == written(enrich(facts()))
    assert handle(text) == FAULT
    assert handle(written(facts())) == right


@pytest.mark.parametrize("made", ["absent", None, lambda *_: None], ids=["absent", "no C", "other arguments"])
def test_where_the_encoder_in_c_is_another_the_documented_one_writes(
    monkeypatch: pytest.MonkeyPatch, made: Any
) -> None:
    value = {"a": [1, None, True, 1.5, "\ud83d\u00e9\n"], "b": {}}
    right = written(value)
    assert json_writer()(value) == right
    with monkeypatch.context() as patched:
        if made == "absent":
            patched.delattr("json.encoder.c_make_encoder")
        else:
            patched.setattr("json.encoder.c_make_encoder", made)
        write = json_writer()
    assert write(value) == right
    assert getattr(write, "__name__", "") == "encode"
