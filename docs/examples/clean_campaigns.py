"""Campaigns are written in one way: "FaceBook ", "fb" and "facebook" are one source."""

from urllib.parse import unquote_plus

SAME = {
    "fb": "facebook",
    "ig": "instagram",
    "adwords": "google",
    "e-mail": "email",
    "mail": "email",
    "ppc": "cpc",
}


def cleaned(value):
    text = " ".join(unquote_plus(value).lower().split())
    return SAME.get(text, text)


def enrich(event, page):
    context = event.get("context")
    campaign = context.get("campaign") if isinstance(context, dict) else None
    if isinstance(campaign, dict):
        for name, value in campaign.items():
            if isinstance(value, str):
                campaign[name] = cleaned(value)
    properties = event.get("properties")
    if isinstance(properties, dict):
        for name, value in properties.items():
            if name.startswith("utm_") and isinstance(value, str):
                properties[name] = cleaned(value)
    return event
