"""What the page calls for each event: one line of text in, one line of text out.

Only numbers and short flags cross between JavaScript and Python, so a call costs little, no text of a
visitor's choosing becomes a dictionary key (the frozen module's hash seed is public), and the answers of
the two compilations can be compared letter by letter. Compiled to JavaScript like ``session``.
"""

from browser_plugin.session import decide, whole_ms

FIELDS = 6


def text_of(number: int | None) -> str:
    """Return a whole number as text, empty for None."""
    if number is None:
        return ""
    return str(number)


def handle(request: str) -> str:
    r"""Answer ``stored id \t last access \t now \t length \t maximum \t reset`` (times in ms, reset 0 or 1).

    The answer is ``session id \t started \t reason \t idle \t ended id \t ended last access``, or one word,
    ``malformed``, for a request that is not of this form. Never raises.
    """
    fields = request.split("\t")
    if len(fields) < FIELDS or len(fields) > FIELDS:
        return "malformed"
    now = whole_ms(fields[2])
    length = whole_ms(fields[3])
    maximum = whole_ms(fields[4])
    if now is None or length is None or maximum is None:
        return "malformed"
    done = decide(fields[0], fields[1], now, length, maximum, fields[5] >= "1")
    return "\t".join(
        [
            text_of(done["session_id"]),
            "1" if done["started"] is True else "0",
            done["reason"],
            text_of(done["idle"]),
            text_of(done["ended_id"]),
            text_of(done["ended_last"]),
        ]
    )
