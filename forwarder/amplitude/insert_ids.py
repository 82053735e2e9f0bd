"""Insert ids: one for each item sent, by which Amplitude recognises a repetition."""

from hashlib import sha256
from typing import Final

_DIGITS: Final = 12
"""48 bits, so that two of 50 subscriptions share a name once in 10^11 configurations; ids stay short."""


def insert_id_base(message_id: object, identity: str) -> str | None:
    """Return what a subscription's items of a message are named after; None without a message id.

    ``identity``: what the subscription is known by, empty where no other subscription makes items of this
    message, which then go by the message id itself. Whether another one does is a matter of triggers only:
    whatever a mapping yields, and however it is edited, the id stays.
    """
    if not message_id or not isinstance(message_id, str):
        return None
    if not identity:
        return message_id
    digest = sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{message_id}-{digest[:_DIGITS]}"
