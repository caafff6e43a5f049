"""Spread over seeds, and Welch's test, against scipy."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from rsbench.statistics import seed_summary, welch

values = st.lists(st.floats(0, 100), min_size=2, max_size=6).filter(lambda own: np.std(own) > 1e-3)


@given(values, values)
def test_it_is_welchs_test(a, b):
    expected = scipy.stats.ttest_ind(a, b, equal_var=False).pvalue
    assert welch(seed_summary(a), seed_summary(b)) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_one_seed_and_seeds_that_change_nothing_say_nothing():
    assert welch(seed_summary([1.0]), seed_summary([2.0, 3.0])) is None
    noise = [65.48148148148148, 65.48148148148150, 65.48148148148148]
    assert welch(seed_summary(noise), seed_summary([57.1, 57.1, 57.1])) is None
    assert welch(seed_summary(noise), seed_summary([57.1, 58.1, 57.6])) is not None
