"""The examples of an owner's own Python do what they say, and may be used on both sides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browser_plugin.enrichment import MARK, applied
from browser_plugin.owner.source import OwnerCode
from tests.support.processes import ROOT

EXAMPLES = ROOT / "docs" / "examples"
PAGE = {"url": "https://shop.example/products/7?email=bob@example.com", "path": "/products/7"}


@pytest.fixture
def run() -> Callable[..., dict[str, Any] | None]:
    def run(name: str, **event: Any) -> dict[str, Any] | None:
        code = OwnerCode.read(EXAMPLES / f"{name}.py")
        usual = {"type": "track", "event": "Seen", "messageId": "m-1", "context": {"page": dict(PAGE)}}
        return applied(code.load(), code.version, {**usual, **event})

    return run


Run = Callable[..., dict[str, Any] | None]


def test_every_example_can_be_used_and_keeps_what_it_does_not_know(run: Run) -> None:
    for path in sorted(EXAMPLES.glob("*.py")):
        done = run(path.stem, properties={"odd": [None, {"a": 1}]}, context=None)
        assert done is not None, path.name
        assert done["properties"]["odd"] == [None, {"a": 1}]
        assert done["integrations"][MARK]["version"]


def test_no_address_and_no_parameter_is_left(run: Run) -> None:
    texts = {
        "plain": "write to bob@example.com, please",
        "url": "https://a.example/x?token=secret&utm_source=news&mail=bob%40example.com#bob@example.com",
        "bob@example.com": "the name of a field",
        "deep": [[{"search": "?q=secret", "question": "really? secretly"}]],
    }
    done = run("scrubbed_texts", properties=texts, userId="Bob@Example.com", groupId="g")
    assert done is not None
    assert "bob" not in str(done).lower()
    assert "token" not in str(done)
    assert done["properties"]["url"] == "https://a.example/x?utm_source=news#[e-mail]"
    assert done["properties"]["deep"] == [[{"search": "", "question": "really? secretly"}]]
    assert done["context"]["page"]["url"] == "https://shop.example/products/7"
    assert (len(done["userId"]), done["groupId"]) == (64, "g")


def test_campaigns_are_written_in_one_way(run: Run) -> None:
    campaign = {"source": " FB", "medium": "PPC", "name": "Summer%20+Sale", "odd": 5}
    done = run("clean_campaigns", context={"campaign": campaign}, properties={"utm_source": "Adwords"})
    assert done is not None
    assert done["context"]["campaign"] == {
        "source": "facebook",
        "medium": "cpc",
        "name": "summer sale",
        "odd": 5,
    }
    assert done["properties"] == {"utm_source": "google"}


@pytest.mark.parametrize(
    ("path", "category"), [("/", "home"), ("/products/7", "product"), ("/cart", "checkout"), ("/x", "other")]
)
def test_pages_have_categories(run: Run, path: str, category: str) -> None:
    done = run("page_categories", properties={}, context={"page": {"path": path}})
    assert done is not None
    assert done["properties"] == {"page_category": category}
    assert run("page_categories", properties={}, context={"page": {"path": "/health/live"}}) is None


@pytest.mark.parametrize(
    ("properties", "added"),
    [
        ({"revenue": 19.99, "currency": "USD"}, {"revenue_eur": 18.39}),
        ({"total": 10}, {"total_eur": 10.0}),
        ({"value": 5, "currency": "gbp "}, {"value_eur": 5.85}),
        ({"revenue": 1, "currency": "XXX"}, {}),  # ISO 4217: no currency
        ({"revenue": "1", "value": True, "total": 1e300}, {}),
    ],
)
def test_orders_have_their_value_in_euros(
    run: Run, properties: dict[str, Any], added: dict[str, Any]
) -> None:
    done = run("order_values", properties=dict(properties))
    assert done is not None
    assert done["properties"] == {**properties, **added}


def test_user_ids_are_hashed(run: Run) -> None:
    done = run("hashed_user_ids", userId="u-1", context={"traits": {"email": "a@b.c", "plan": "pro"}})
    assert done is not None
    assert (len(done["userId"]), done["context"]["traits"]) == (32, {"plan": "pro"})
    again = run("hashed_user_ids", userId="u-1", previousId=7)
    assert again is not None
    assert again["userId"] == done["userId"] != again["previousId"]


def test_examples_are_small() -> None:
    assert all(len(path.read_text().splitlines()) < 60 for path in Path(EXAMPLES).glob("*.py"))
