"""Orders have their value in euros beside the value that they were paid in."""

from decimal import ROUND_HALF_UP, Decimal

EUROS = {
    "EUR": Decimal("1"),
    "USD": Decimal("0.92"),
    "GBP": Decimal("1.17"),
    "CHF": Decimal("1.04"),
    "SEK": Decimal("0.088"),
}
"""What one of each currency is worth; write the month's rates here."""
VALUES = ("revenue", "total", "value")
LARGEST = 10**9


def enrich(event, page):
    properties = event.get("properties")
    if not isinstance(properties, dict):
        return event
    rate = EUROS.get(str(properties.get("currency", "EUR")).strip().upper())
    for name in VALUES:
        value = properties.get(name)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if rate is not None and number and abs(value) < LARGEST:
            # Through text: 19.99 is meant, not the nearest number to it that a computer has.
            euros = (Decimal(str(value)) * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
            properties[name + "_eur"] = float(euros)
    return event
