"""Forms of the console's pages: where they come from, and what they hold."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

_LARGEST = 65_536
"""Bytes; a page's form with all its letters chosen has a twentieth of them."""
_DISCARDED = 20_000_000
"""Bytes of a form that is too large which are let pass: browsers read the answer after they have sent all."""


def is_from_here(request: Request) -> bool:
    """Return whether a page of this console sent the form.

    Browsers say so. What says nothing of it is a program, which shows the token itself and no cookie.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    if origin is None:
        return "cookie" not in request.headers
    return origin.partition("://")[2] == request.headers.get("host")


async def form_of(
    request: Request, largest: int = _LARGEST, instead: str = "choose fewer letters"
) -> dict[str, list[str]]:
    """Return a form's values by field. Raises HTTPException for one that no page of the console sends.

    ``largest``: bytes; ``instead``: what to do where there are more.
    """
    form, size = b"", 0
    async for part in request.stream():
        size += len(part)
        if size > _DISCARDED:
            break
        if size <= largest:
            form += part
    if size > largest:
        raise HTTPException(413, f"a form here has at most {largest} bytes; {instead}")
    return parse_qs(form.decode("latin-1"))


def text_of(form: Mapping[str, Sequence[str]], field: str) -> str:
    """Return the text of a field, with line ends as everywhere but in forms; "" where it is not there."""
    return form.get(field, [""])[0].replace("\r\n", "\n")
