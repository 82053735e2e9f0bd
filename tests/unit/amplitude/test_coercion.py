"""Values as fields want them: what is cheap equals what is thorough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forwarder.amplitude.actions.fields import PRODUCTS
from forwarder.amplitude.payload.coercion import _as_usual, _looked_at
from forwarder.amplitude.payload.field import Field, Kind
from forwarder.amplitude.payload.validation import compile_payload
from forwarder.errors import PayloadError
from forwarder.javascript.values import UNDEFINED
from forwarder.mapping.compiler.generator import opened, step

KINDS = [kind for kind in Kind if kind is not Kind.OBJECT]
VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.sampled_from([0, 2**53, 2**53 + 1, -(2**53), "", "a", "1", "2024-06-01", "true"])
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.none() | st.integers() | st.text(max_size=2), max_size=2)
    | st.dictionaries(st.sampled_from(["a", "0", "length"]), st.integers(), max_size=2)
)


@given(
    st.sampled_from(KINDS),
    st.booleans(),
    st.sampled_from([(), ("a", "b"), ("", "1", "true")]),
    VALUES,
)
def test_the_usual_values_become_what_a_close_look_makes_of_them(
    kind: Kind, nullable: bool, choices: tuple[str, ...], value: object
) -> None:
    field = Field(kind, nullable=nullable, choices=choices)
    usual = _as_usual(field, value)
    if usual is not UNDEFINED:
        looked_at = _looked_at(field, value)
        assert (usual, usual.__class__) == (looked_at, looked_at.__class__)


@pytest.mark.parametrize("value", [None, False, True, 0, 7])
def test_what_thousands_of_elements_may_be_needs_no_close_look(value: object) -> None:
    assert PRODUCTS.properties is not None
    assert all(_as_usual(field, value) is not UNDEFINED for field in PRODUCTS.properties.values())


@given(VALUES | st.just(UNDEFINED))
def test_what_lies_in_anything_is_found_at_once_or_key_by_key(value: object) -> None:
    keys = ["a", "0", "length"]
    by_key = {key: inner for key in keys if (inner := step(value, key)) is not UNDEFINED}
    # As text, for 0 == False, and NaN is not NaN.
    assert repr(opened(value, keys)) == repr(by_key)


def test_a_list_that_does_not_fit_names_a_bounded_number_of_its_elements() -> None:
    payload_of = compile_payload({"products": PRODUCTS}, {"products": {"@path": "$.products"}})
    with pytest.raises(PayloadError) as refused:
        payload_of({"products": [1] * 5_000})
    assert list(refused.value.fields)[:2] == ["$.products[0]", "$.products[1]"]
    assert len(refused.value.fields) == 100
