"""Ranks over tasks against scipy, published critical values and a plain loop."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rsbench.statistics import critical_difference, rank_methods

tables = st.tuples(st.integers(2, 8), st.integers(3, 7)).flatmap(
    lambda shape: arrays(float, shape, elements=st.integers(0, 9).map(float))
)

# Demšar 2006, Table 5 (a): critical values of the two-tailed Nemenyi test, by number of methods.
PUBLISHED = {
    0.05: {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164},
    0.10: {2: 1.645, 3: 2.052, 4: 2.291, 5: 2.459, 6: 2.589, 7: 2.693, 8: 2.780, 9: 2.855, 10: 2.920},
}


@pytest.mark.parametrize(("alpha", "methods"), [(alpha, k) for alpha, values in PUBLISHED.items() for k in values])
def test_critical_values_are_the_published_ones(alpha, methods):
    q = critical_difference(methods, 10, alpha) / np.sqrt(methods * (methods + 1) / 60)
    assert q == pytest.approx(PUBLISHED[alpha][methods], abs=1.1e-3)


@given(tables)
def test_ranks_and_friedmans_test_are_scipys(scores):
    names = [f"m{index}" for index in range(scores.shape[1])]
    found = rank_methods(scores, names)
    means = dict(zip(names, scipy.stats.rankdata(-scores, axis=1).mean(axis=0), strict=True))
    assert dict(zip(found.names, found.mean_ranks, strict=True)) == pytest.approx(means)
    assert list(found.mean_ranks) == sorted(found.mean_ranks)
    if any(len(set(row)) > 1 for row in scores):
        assert found.p == pytest.approx(scipy.stats.friedmanchisquare(*scores.T).pvalue)
    else:
        assert found.p == 1.0


@given(tables)
def test_two_methods_share_a_group_if_and_only_if_no_difference_is_shown(scores):
    found = rank_methods(scores, [f"m{index}" for index in range(scores.shape[1])])
    for first in range(len(found.names)):
        for last in range(first + 1, len(found.names)):
            close = found.mean_ranks[last] - found.mean_ranks[first] <= found.critical_difference
            assert any(a <= first and last <= b for a, b in found.groups) == close
    for one in found.groups:
        assert not any(one != other and other[0] <= one[0] and one[1] <= other[1] for other in found.groups)


@pytest.mark.parametrize(
    ("scores", "names"), [([[1, 2]], ["a", "b"]), ([[1], [2]], ["a"]), ([[1, 2], [3, np.nan]], ["a", "b"])]
)
def test_too_few_tasks_or_methods_are_refused(scores, names):
    with pytest.raises(ValueError, match="two of each"):
        rank_methods(scores, names)
