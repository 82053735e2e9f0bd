"""Filters for HTML, URLs, base64 and hashes."""

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import quote, unquote_to_bytes

from forwarder.js import UNDEFINED, WHITESPACE, string_units, to_string, truthy, utf8
from forwarder.mapping.liquid.values import stringify

ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
BLOCKS = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"), ("<", ">"))
COMPONENT_SAFE = "-_.!~*'()"
URI_SAFE = f"{COMPONENT_SAFE};,/?:@&=+$#"

_ESCAPED = re.compile("&(?:amp|lt|gt|#34|#39);")
_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")
_LETTERS = {entity: letter for letter, entity in ENTITIES.items()}
_ENTITY_TABLE = str.maketrans(ENTITIES)
_ACCENTS = str.maketrans(
    dict(
        zip("àáâãäåçèéêëìíîïðñòóôõöøùúûüýÿ", "aaaaaaceeeeiiiidnoooooouuuuyy", strict=True),
        æ="ae", ß="ss", œ="oe", þ="th", ẞ="SS", Œ="OE", Þ="TH",
    )
)  # fmt: skip


def _escape(value: object) -> str:
    return stringify(value).translate(_ENTITY_TABLE)


def _escape_once(value: object) -> str:
    return _escape(_ESCAPED.sub(lambda found: _LETTERS[found[0]], stringify(value)))


def _strip_html(value: object) -> str:
    """Drop tags, comments, scripts and styles; what is not closed once is not looked for again."""
    text, kept, at = stringify(value), [], 0
    blocks = list(BLOCKS)
    while (start := text.find("<", at)) >= 0:
        kept.append(text[at:start])
        at = start
        for block in list(blocks):
            if not text.startswith(block[0], start):
                continue
            end = text.find(block[1], start + len(block[0]))
            if end >= 0:
                at = end + len(block[1])
                break
            blocks.remove(block)
        if at == start:
            break
    return "".join(kept) + text[at:]


def _url_encode(value: object) -> str:
    return quote(stringify(value), safe=COMPONENT_SAFE).replace("%20", "+")


def _cgi_escape(value: object) -> str:
    return quote(stringify(value), safe="-_.~").replace("%20", "+")


def _uri_escape(value: object) -> str:
    return quote(stringify(value), safe=f"{URI_SAFE}[]")


def _url_decode(value: object) -> str:
    text = stringify(value)
    if _BAD_PERCENT.search(text):
        raise ValueError("the text is not percent-encoded")
    return unquote_to_bytes(text).decode().replace("+", " ")


def _is_word(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] in "ML" or category == "Nd"


def _slugify(value: object, mode: object = "default", cased: object = False) -> str:
    text, mode = stringify(value), to_string(mode)
    keeps: dict[str, Callable[[str], bool]] = {
        "raw": lambda char: char not in WHITESPACE,
        "default": _is_word,
        "latin": _is_word,
        "ascii": lambda char: char.isascii() and char.isalnum(),
        "pretty": lambda char: _is_word(char) or char in "._~!$&'()+,;=@",
    }
    keep = keeps.get(mode)
    if keep:
        text = text.translate(_ACCENTS) if mode == "latin" else text
        text = "".join(char if keep(char) else "\0" for char in text)
        text = re.sub("\0+", "-", text).removeprefix("-").removesuffix("-")
    return text if truthy(cased) else text.lower()


def _base64_decode(value: object) -> str:
    """Decode as Node's Buffer does: both alphabets, anything foreign skipped, bad UTF-8 replaced.

    Of letters beyond Latin-1 the low byte counts.
    """
    text = "".join(chr(ord(unit) & 0xFF) for unit in string_units(stringify(value)))
    text = text.partition("=")[0].translate(str.maketrans("-_", "+/"))
    text = re.sub(r"[^A-Za-z0-9+/]", "", text)
    text = text[:-1] if len(text) % 4 == 1 else text
    return base64.b64decode(text + "=" * (-len(text) % 4)).decode(errors="replace")


FILTERS: dict[str, Callable[..., object]] = {
    "escape": _escape,
    "xml_escape": _escape,
    "escape_once": _escape_once,
    "strip_html": _strip_html,
    "url_encode": _url_encode,
    "url_decode": _url_decode,
    "cgi_escape": _cgi_escape,
    "uri_escape": _uri_escape,
    "slugify": _slugify,
    "base64_encode": lambda value: base64.b64encode(utf8(stringify(value))).decode(),
    "base64_decode": _base64_decode,
    "sha256": lambda value: hashlib.sha256(utf8(stringify(value))).hexdigest(),
    "hmac_sha256": lambda value, key=UNDEFINED: hmac.new(
        utf8(stringify(key)), utf8(stringify(value)), "sha256"
    ).hexdigest(),
}
