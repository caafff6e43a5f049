"""The run id: a digest of the identity that no change escapes and no order disturbs."""

import copy
import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsbench.records import canonical_json, run_id

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)
identities = st.dictionaries(st.text(min_size=1), values, min_size=1, max_size=6)


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(list(value))}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


def leaves(value, path=()):
    """Paths of all scalars and empty containers."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    return found or [path]


def same(first, second):
    """Equality that tells 1 from 1.0 and True, and 0.0 from -0.0."""
    return type(first) is type(second) and repr(first) == repr(second)


@given(identities)
def test_key_order_does_not_matter(identity):
    assert run_id(reversed_keys(identity)) == run_id(identity)


@given(identities, st.data())
def test_any_changed_value_changes_the_id(identity, data):
    path = data.draw(st.sampled_from(leaves(identity)))
    changed = copy.deepcopy(identity)
    target = changed
    for key in path[:-1]:
        target = target[key]
    old = target[path[-1]]
    target[path[-1]] = data.draw(scalars.filter(lambda new: not same(new, old)))
    assert run_id(changed) != run_id(identity)


@given(identities, st.text(min_size=1), scalars)
def test_an_added_key_changes_the_id(identity, key, value):
    if key not in identity:
        assert run_id({**identity, key: value}) != run_id(identity)


@given(identities)
def test_what_is_written_and_read_back_has_the_same_id(identity):
    assert run_id(json.loads(canonical_json(identity))) == run_id(identity)


def test_the_id_is_the_start_of_the_sha256_of_the_canonical_text():
    text = '{"a":[1,2.5],"b":{"x":null}}'
    assert run_id({"b": {"x": None}, "a": (1, 2.5)}) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_numpy_scalars_count_as_the_numbers_they_are():
    assert canonical_json({"lr": np.float64(0.1), "n": np.int64(3)}) == '{"lr":0.1,"n":3}'


@pytest.mark.parametrize("value", [math.nan, math.inf, np.float32("nan")])
def test_a_number_that_is_not_finite_has_no_id(value):
    with pytest.raises(ValueError, match="not a finite number"):
        run_id({"lr": value})


@pytest.mark.parametrize("identity", [{"lr": "\ud800"}, {"\udfff": 1}, {"a": [{"b": "x\udc80"}]}])
def test_a_text_that_is_no_unicode_has_no_id(identity):
    with pytest.raises(ValueError, match="not valid Unicode"):
        run_id(identity)


@pytest.mark.parametrize("value", [{1, 2}, b"x", object(), {1: "x"}, np.zeros(2)])
def test_what_json_does_not_have_is_refused(value):
    with pytest.raises(TypeError):
        run_id({"x": value})
