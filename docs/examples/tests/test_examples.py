"""Tests as an owner writes them, beside the code: plain events, what becomes of them.

A build at the level `tight` runs them, and freezes the code with the events that they hand over.
"""

import clean_campaigns
import hashed_user_ids
import order_values
import page_categories
import pytest
import scrubbed_texts

PAGE = {"url": "https://shop.example/products/7?email=bob@example.com", "path": "/products/7"}


def event(**more):
    return {"type": "track", "event": "Seen", "messageId": "m-1", "context": {"page": dict(PAGE)}, **more}


def test_no_address_and_no_parameter_is_left():
    texts = {
        "plain": "write to bob@example.com, please",
        "url": "https://a.example/x?token=secret&utm_source=news&mail=bob%40example.com#bob@example.com",
        "bob@example.com": "the name of a field",
        "deep": [[{"search": "?q=secret", "question": "really? secretly"}]],
    }
    done = scrubbed_texts.enrich(event(properties=texts, userId="Bob@Example.com", groupId="g"), PAGE)
    assert "bob" not in str(done).lower()
    assert "token" not in str(done)
    assert done["properties"]["url"] == "https://a.example/x?utm_source=news#[e-mail]"
    assert done["properties"]["deep"] == [[{"search": "", "question": "really? secretly"}]]
    assert done["context"]["page"]["url"] == "https://shop.example/products/7"
    assert (len(done["userId"]), done["groupId"]) == (64, "g")


def test_campaigns_are_written_in_one_way():
    campaign = {"source": " FB", "medium": "PPC", "name": "Summer%20+Sale", "odd": 5}
    done = clean_campaigns.enrich(
        event(context={"campaign": campaign}, properties={"utm_source": "Adwords"}), PAGE
    )
    expected = {"source": "facebook", "medium": "cpc", "name": "summer sale", "odd": 5}
    assert done["context"]["campaign"] == expected
    assert done["properties"] == {"utm_source": "google"}


@pytest.mark.parametrize(
    ("path", "category"), [("/", "home"), ("/products/7", "product"), ("/cart", "checkout"), ("/x", "other")]
)
def test_pages_have_categories(path, category):
    done = page_categories.enrich(event(properties={}), {"path": path})
    assert done["properties"] == {"page_category": category}


def test_health_checks_are_no_events():
    assert page_categories.enrich(event(), {"path": "/health/live"}) is None


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
def test_orders_have_their_value_in_euros(properties, added):
    done = order_values.enrich(event(properties=dict(properties)), PAGE)
    assert done["properties"] == {**properties, **added}


def test_user_ids_are_hashed():
    context = {"traits": {"email": "a@b.c", "plan": "pro"}}
    done = hashed_user_ids.enrich(event(userId="u-1", context=context), PAGE)
    assert (len(done["userId"]), done["context"]["traits"]) == (32, {"plan": "pro"})
    again = hashed_user_ids.enrich(event(userId="u-1", previousId=7), PAGE)
    assert again["userId"] == done["userId"] != again["previousId"]
