"""Paired tests against libraries, plain loops and exact enumeration."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from rsbench.statistics import holm, mcnemar, permutation_test, sign_flips

hits = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


@given(hits)
def test_mcnemar_is_the_exact_test_of_the_table(pairs):
    a, b = np.array(pairs).T
    table = [[np.sum((a == x) & (b == y)) for y in (0, 1)] for x in (0, 1)]
    expected = contingency_tables.mcnemar(table, exact=True).pvalue if table[0][1] + table[1][0] else 1.0
    assert mcnemar(a, b).p == pytest.approx(min(expected, 1.0))
    assert mcnemar(b, a).p == mcnemar(a, b).p


@pytest.mark.parametrize(("a", "b"), [([1, 0], [1]), ([], []), ([0.5], [1]), ([[1]], [[1]])])
def test_what_is_no_pair_of_hits_and_misses_is_refused(a, b):
    with pytest.raises(ValueError, match=r"same items|hits and misses"):
        mcnemar(a, b)


@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=9))
def test_sign_flips_approach_the_share_of_all_signs(differences):
    every = [abs(np.dot(signs, differences)) for signs in product((-1, 1), repeat=len(differences))]
    exact = np.mean(np.array(every) >= abs(sum(differences)) - 1e-9)
    assert sign_flips(differences, permutations=4000).p == pytest.approx(exact, abs=0.04)


def test_sign_flips_of_hits_approach_mcnemar():
    rng = np.random.default_rng(0)
    a, b = (rng.random(400) < 0.8).astype(float), (rng.random(400) < 0.74).astype(float)
    assert sign_flips(a - b).p == pytest.approx(mcnemar(a, b).p, abs=0.01)


def test_the_level_holds_where_there_is_no_difference():
    found = [sign_flips(np.random.default_rng(n).normal(size=30), permutations=199).p for n in range(400)]
    assert np.mean(np.array(found) <= 0.05) == pytest.approx(0.05, abs=0.03)


def test_the_draws_do_not_depend_on_the_blocks(monkeypatch):
    differences = np.random.default_rng(3).normal(0.2, 1, 40)
    whole = sign_flips(differences)
    monkeypatch.setattr("rsbench.statistics.paired._CHUNK", 40 * 7)
    assert sign_flips(differences) == whole


def test_a_draw_without_a_score_counts_against_a_difference():
    found = permutation_test(1.0, lambda stays: np.full(len(stays), np.nan), items=3, permutations=99)
    assert found.p == 1.0


@pytest.mark.parametrize("differences", [[], [np.nan], [[1.0]]])
def test_differences_that_are_none_are_refused(differences):
    with pytest.raises(ValueError, match="finite"):
        sign_flips(differences)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_the_step_down_correction(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def test_numbers_that_are_no_p_values_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.5])
