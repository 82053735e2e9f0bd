"""Any JSON, as hypothesis makes it up: what senders and configurations may hold."""

from hypothesis import strategies as st

ANY_LETTERS = st.text(st.characters(exclude_categories=()), max_size=20)
"""Texts as JSON can hold them, unpaired surrogates too."""
TEXT = ANY_LETTERS | st.sampled_from(
    ["a.b", "$.a", "{{a}}", "{{{ }}}", "{{", "lower", "left", "encode", "%Y", "\ud83d"]
)
SCALAR = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
KEY = (
    st.sampled_from(["a", "b", "c", "0", "length", "", "__proto__", "constructor", "toString", "$set"])
    | ANY_LETTERS
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
    max_leaves=20,
)
OBJECT = st.dictionaries(KEY, JSON, max_size=5)
