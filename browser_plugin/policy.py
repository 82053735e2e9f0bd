"""The session policy as JavaScript: it answers while there is no Python, and where there is none."""

import inspect

from pscript import py2js  # type: ignore[import-untyped,unused-ignore]

from browser_plugin import entry, session

LIBRARY = """
const _pyfunc_int = Number, _pyfunc_str = String, _pymeth_split = String.prototype.split;
function _pymeth_join(texts) { return texts.join(this); }
function _pymeth_strip() { return this.replace(/^\\d+|\\d+$/g, ""); }
"""
"""What the policy needs of Python's library. PScript's own does more than digits and tabs ask for."""


def as_javascript() -> str:
    """Return a JavaScript module of ``handle`` and ``whole_ms``: the page's Python, compiled by PScript."""
    functions = (session.whole_ms, session.decide, entry.text_of, entry.handle)
    source = "\n\n".join(inspect.getsource(one) for one in functions)
    compiled = py2js(f"FIELDS = {entry.FIELDS}\n{source}", inline_stdlib=False)
    return f"{LIBRARY}{compiled}\nexport {{ handle, whole_ms }};\n"
