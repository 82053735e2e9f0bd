"""``forwarder plan --compare``: forms of what was sent, pairs of items, what differs, how it is shown."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result

from forwarder.cli import cli
from forwarder.comparing.comparison import NO_MAPPING, Comparison, compare
from forwarder.comparing.differences import ABSENT, Difference, How, differences
from forwarder.comparing.items import Item, read_items
from forwarder.comparing.pairing import pairs_of
from forwarder.comparing.showing import lines, page
from tests.support.configuration import AT_AMPLITUDE, configuration

EVENT = {"event_type": "Bought", "user_id": "user-1", "time": 1, "event_properties": {"price": 5}}
IDENTIFY = {"user_id": "user-1", "user_properties": {"plan": "pro"}}
CONFIG = configuration(amplitude=AT_AMPLITUDE)


def plan_line(message_id: str, *bodies: dict[str, Any], mapping: str = "Track Calls") -> dict[str, Any]:
    calls = [{"method": "POST", "url": "https://a/2/httpapi", "json": {"events": [one]}} for one in bodies]
    return {"messageId": message_id, "planned": [{"subscription": mapping, "calls": calls, "error": None}]}


FORMS: list[tuple[str, object]] = [
    ("event", EVENT),
    ("event", {"api_key": "k", "events": [EVENT], "options": {}}),
    ("event", {"url": "https://api2.amplitude.com/2/httpapi", "json": {"events": [EVENT]}}),
    ("event", {"url": "https://api2.amplitude.com/batch", "body": json.dumps({"events": [EVENT]})}),
    ("identify", IDENTIFY),
    ("identify", {"api_key": "k", "identification": json.dumps(IDENTIFY)}),
    ("identify", {"api_key": "k", "identification": [IDENTIFY]}),
    ("identify", {"url": "https://a/identify", "form": {"identification": json.dumps([IDENTIFY])}}),
    ("identify", {"url": "https://a/identify", "body": urlencode({"identification": json.dumps(IDENTIFY)})}),
    ("group identify", {"group_type": "plan", "group_value": "pro", "group_properties": {}}),
    ("group identify", {"url": "https://a/groupidentify", "form": {"identification": "[{}]"}}),
    ("user map", {"user_id": "a", "global_user_id": "b"}),
    ("user map", {"api_key": "k", "mapping": json.dumps([{"user_id": "a", "global_user_id": "b"}])}),
    ("event", plan_line("m", EVENT)),
]


@pytest.mark.parametrize(("kind", "value"), FORMS)
@pytest.mark.parametrize("indent", [None, 2])
def test_each_form_of_what_was_sent(kind: str, value: object, indent: int | None) -> None:
    read = read_items(json.dumps(value, indent=indent))
    assert ([one.kind for one in read.items], read.problems) == ([kind], ())


def test_a_form_as_a_line_and_lists_and_problems() -> None:
    form = urlencode({"api_key": "k", "identification": json.dumps(IDENTIFY)})
    text = (
        f"{form}\n{json.dumps([EVENT, EVENT])}\nnothing of ours\n" + '{"type": "track", "userId": "u"}\n5\n'
    )
    read = read_items(text)
    assert [one.kind for one in read.items] == ["identify", "event", "event"]
    assert [one.partition(":")[0] for one in read.problems] == ["line 3", "line 4", "line 5"]
    assert "nothing of ours" not in " ".join(read.problems), "contents are not repeated"


def test_a_line_of_a_plan_that_sends_nothing_is_no_problem() -> None:
    read = read_items('{"messageId": "m", "planned": [], "filtered": {}}')
    assert not read.items + read.problems
    assert read.planned == {"m"}


def test_fields_that_differ() -> None:
    sent = {"a": 1, "b": {"c": [1, {"d": "x"}], "gone": None}, "n": 1, "t": True, "same": 2}
    planned = {"a": 1.0, "b": {"c": [1, {"d": "y"}, 3]}, "n": "1", "t": 1, "same": 2, "insert_id": "m"}
    found = {one.field: (one.how, one.sent, one.planned) for one in differences(sent, planned)}
    assert found == {
        "b.c[1].d": (How.CHANGED, "x", "y"),
        "b.c[2]": (How.ONLY_PLANNED, ABSENT, 3),
        "b.gone": (How.ONLY_SENT, None, ABSENT),
        "n": (How.CHANGED, 1, "1"),
        "t": (How.CHANGED, True, 1),
        "insert_id": (How.ONLY_PLANNED, ABSENT, "m"),
    }
    assert [one.field for one in differences(sent, planned) if one.expected] == ["insert_id"]
    assert not Difference("insert_id", "a", "b").expected


def item(**body: Any) -> Item:
    return Item(
        "event", {"event_type": "Bought", "user_id": "user-1", **body}, str(body.get("insert_id", ""))
    )


def test_items_are_paired_by_the_surest_key_first() -> None:
    planned = [item(time=1), item(time=2, insert_id="m2"), item(time=3), item(event_type="Other", time=9)]
    sent = [item(time=3), item(time=99, insert_id="m2"), item(time=1), item(time=2, insert_id="m9")]
    assert [(one.sent, one.planned) for one in pairs_of(sent, planned)] == [
        (sent[2], planned[0]),
        (sent[1], planned[1]),
        (sent[0], planned[2]),
        (None, planned[3]),
        (sent[3], None),
    ]


def test_an_event_that_bears_another_name_is_one_event() -> None:
    planned = [item(event_type="Viewed Home", insert_id="m1"), item(event_type="Viewed Shop", time=5)]
    sent = [item(event_type="Viewed Shop Page", time=5), item(event_type="Viewed Home Page", insert_id="m1")]
    pairs = pairs_of(sent, planned)
    assert [(one.sent, one.planned) for one in pairs] == [(sent[1], planned[0]), (sent[0], planned[1])]
    assert [one.field for one in differences(sent[1].body, planned[0].body)] == ["event_type"]


def test_products_of_one_order_are_not_mixed_up() -> None:
    planned = [item(time=1, productId="a"), item(time=1, productId="b")]
    sent = [item(time=1, productId="b", price=2), item(time=1, productId="a")]
    assert [one.sent for one in pairs_of(sent, planned)] == [sent[1], sent[0]]


def compared() -> Comparison:
    changed = {**EVENT, "event_properties": {"price": 6, "<b>": "</td><script>x</script>"}}
    planned = [
        plan_line("m1", {**EVENT, "insert_id": "m1"}),
        plan_line("m2", EVENT),
        {"messageId": "m3", "planned": []},
    ]
    sent = [{**EVENT}, changed, {**IDENTIFY, "user_id": "other"}]
    return compare(planned, read_items(json.dumps(sent)))


def test_a_comparison_by_event_mapping_and_field() -> None:
    made = compared()
    assert list(made.events) == ["m1", "m2", ""]
    assert (len(made.items), len(made.differing), made.unsent) == (3, 2, 1)
    assert made.expected == {"insert_id": 1}
    assert [(row.mapping, row.field, row.how, row.count) for row in made.summary()] == [
        ("Track Calls", "event_properties.<b>", How.ONLY_SENT, 1),
        ("Track Calls", "event_properties.price", How.CHANGED, 1),
        (NO_MAPPING, "the whole identify", How.ONLY_SENT, 1),
    ]


def test_another_plan_is_compared_event_by_event() -> None:
    """An event that sends nothing any more is not taken for one that looks like it."""
    before = json.dumps(plan_line("m1", EVENT))
    made = compare([{"messageId": "m1", "planned": []}, plan_line("m2", EVENT)], read_items(before))
    assert [(one.item.message_id, one.missing) for one in made.differing] == [
        ("m1", How.ONLY_SENT),
        ("m2", How.ONLY_PLANNED),
    ]


def test_a_comparison_on_a_terminal() -> None:
    said = list(lines(compared()))
    assert said[0] == "event m2"
    assert "    event_properties.price: 6 was sent, 5 is planned" in said
    assert "3 items of 3 events: 1 the same" in said
    assert any("insert_id only in the plan, on purpose" in one for one in said)


def test_the_page_is_whole_and_escaped() -> None:
    made = page(compared(), "sent.jsonl <img>")
    assert "<script>" not in made
    assert "&lt;/td&gt;&lt;script&gt;" in made
    assert "<img>" not in made
    assert "default-src 'none'" in made
    for outside in ("src=", "href=", "@import", "url("):
        assert outside not in made


def run(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(cli, list(words), input=given, prog_name="forwarder")


def test_the_command(tmp_path: Path) -> None:
    config, sent, html = tmp_path / "c.toml", tmp_path / "sent.jsonl", tmp_path / "out.html"
    config.write_text(CONFIG)
    event = json.dumps(
        {"type": "track", "event": "Bought", "userId": "user-1", "timestamp": "2026-11-01T00:00:00Z"}
    )
    planned = run("plan", "--config", str(config), given=event)
    sent.write_text(planned.output)
    words = ("plan", "--config", str(config), "--compare", str(sent))
    same = run(*words, given=event)
    assert (same.exit_code, same.output) == (0, "1 item of 1 event: 1 the same\n")
    differing = run(*words, "--html", str(html), given=event.replace("Bought", "Sold"))
    assert differing.exit_code == 1
    assert "Sold" in html.read_text()
    sent.write_text("nothing")
    assert "holds nothing that goes to Amplitude" in run(*words, given=event).output
    assert run("plan", "--html", "x.html", given=event).exit_code == 2
    assert run(*words, "--explain", given=event).exit_code == 2
