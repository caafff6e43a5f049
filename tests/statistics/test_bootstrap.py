"""Intervals against closed forms, scipy's bootstrap, and their own promise of coverage."""

import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from rsbench.statistics import (
    bootstrap_interval,
    bootstrap_sums,
    paired_bootstrap,
    paired_score_difference,
    percentile_interval,
    resampled_scores,
    seed_averaged_interval,
    seed_summary,
)

finite = st.floats(-100, 100)


def binomial_bounds(hits: int, items: int, level: float) -> tuple[float, float]:
    """The bootstrap of a share of hits, in closed form: quantiles of a binomial count."""
    count = scipy.stats.binom(items, hits / items)
    return count.ppf((1 - level) / 2) / items, count.ppf((1 + level) / 2) / items


@pytest.mark.parametrize(("hits", "items"), [(300, 400), (5000, 5400), (2, 40), (39, 40)])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_hits_and_misses_follow_the_binomial_quantiles(hits, items, level):
    values = np.r_[np.ones(hits), np.zeros(items - hits)]
    bounds = bootstrap_interval(values, level=level, resamples=20_000)
    deviation = np.sqrt(hits * (items - hits) / items) / items
    assert np.allclose(bounds, binomial_bounds(hits, items, level), atol=max(0.06 * deviation, 1.01 / items))


def test_values_that_all_differ_agree_with_scipy():
    values = np.random.default_rng(0).gamma(2.0, size=300)
    bounds = bootstrap_interval(values, resamples=30_000)
    oracle = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=30_000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert np.allclose(bounds, oracle, atol=0.08 * values.std() / np.sqrt(len(values)))


def test_values_that_all_differ_agree_with_the_normal_limit():
    values = np.random.default_rng(0).normal(size=2000)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert np.allclose(
        bootstrap_interval(values, resamples=10_000), [values.mean() - half, values.mean() + half], atol=0.06 * half
    )


@pytest.mark.parametrize("draw", [lambda rng: rng.random(60) < 0.7, lambda rng: rng.normal(0.7, 0.4, size=60)])
def test_the_interval_covers_the_truth_as_often_as_it_says(draw):
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(500):
        low, high = bootstrap_interval(draw(rng), resamples=400, seed=trial)
        covered += low <= 0.7 <= high
    assert 0.91 <= covered / 500 <= 0.98


@given(st.lists(finite, min_size=1, max_size=60), st.integers(0, 5))
@settings(max_examples=50)
def test_bounds_are_ordered_lie_within_the_values_and_repeat(values, seed):
    low, high = bootstrap_interval(values, resamples=200, seed=seed)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert (low, high) == bootstrap_interval(values, resamples=200, seed=seed)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), st.floats(0.1, 10), st.floats(-5, 5))
@settings(max_examples=50)
def test_units_pass_through(values, scale, shift):
    plain = np.array(bootstrap_interval(values, resamples=200))
    moved = bootstrap_interval(scale * np.array(values) + shift, resamples=200)
    assert np.allclose(moved, scale * plain + shift)


def test_a_constant_has_an_interval_without_width():
    assert bootstrap_interval([0.5] * 10) == (0.5, 0.5)


def test_memory_does_not_grow_with_the_number_of_draws():
    values = np.random.default_rng(0).normal(size=20_000)
    tracemalloc.start()
    bootstrap_interval(values, resamples=2000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # all indices at once would take 320 MB


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], [1.0, np.nan], [np.inf]])
def test_what_has_no_interval_is_refused(values):
    with pytest.raises(ValueError, match=r"shape|finite"):
        bootstrap_interval(values)


@pytest.mark.parametrize("level", [0.0, 1.0, 95])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval([1.0, 2.0], level=level)


def test_the_summary_over_seeds_is_that_of_numpy():
    values = [70.0, 71.5, 69.0]
    summary = seed_summary(values)
    assert summary.mean == pytest.approx(np.mean(values))
    assert summary.sd == pytest.approx(np.std(values, ddof=1))
    assert summary.seeds == 3


def test_seeds_that_agree_are_no_more_evidence_than_one():
    hits = (np.random.default_rng(0).random(500) < 0.6).astype(float)
    assert seed_averaged_interval([hits, hits, hits]) == pytest.approx(bootstrap_interval(hits))


def test_the_interval_over_seeds_is_that_of_the_averaged_items():
    rng = np.random.default_rng(0)
    values = (rng.random((3, 400)) < rng.random(400)).astype(float)
    low, high = seed_averaged_interval(values, resamples=20_000)
    half = 1.96 * values.mean(axis=0).std() / np.sqrt(400)
    assert np.allclose([low, high], [values.mean() - half, values.mean() + half], atol=0.06 * half)


def test_a_paired_difference_agrees_with_scipy():
    rng = np.random.default_rng(0)
    ease = rng.random(800)
    a, b = (rng.random(800) < ease + 0.05).astype(float), (rng.random(800) < ease).astype(float)
    difference = paired_bootstrap(a, b, resamples=8000)
    oracle = scipy.stats.bootstrap(
        (a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), paired=True, vectorized=True, method="percentile",
        n_resamples=8000, rng=np.random.default_rng(1), batch=500,
    ).confidence_interval  # fmt: skip
    assert difference.mean == pytest.approx(a.mean() - b.mean())
    assert np.allclose([difference.low, difference.high], oracle, atol=0.002)


def test_pairing_shows_a_difference_that_unpaired_intervals_hide():
    hard = np.r_[np.ones(500), np.zeros(500)]
    better = hard.copy()
    better[500:515] = 1
    difference = paired_bootstrap(better, hard)
    assert difference.low > 0
    assert bootstrap_interval(hard)[1] > bootstrap_interval(better)[0]
    same = paired_bootstrap(hard, hard)
    assert (same.low, same.high) == (0.0, 0.0)


def test_a_paired_difference_needs_the_same_items():
    with pytest.raises(ValueError, match="same items"):
        paired_bootstrap([1.0, 2.0], [1.0])


def drawn_item_by_item(counts, resamples, seed):
    """The sums of ``bootstrap_sums`` as plain loops: how often each item is drawn, then its counts that often."""
    rng = np.random.default_rng(seed)
    sums = []
    for _ in range(resamples):
        total = np.zeros(counts.shape[1:])
        for item, times in enumerate(rng.multinomial(len(counts), [1 / len(counts)] * len(counts))):
            for _ in range(times):
                total = total + counts[item]
        sums.append(total)
    return np.array(sums)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 3), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_sums_are_those_of_plain_loops_whatever_the_blocks(items, resamples, seed, block):
    counts = np.random.default_rng(seed).integers(0, 2**40, (items, 2, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rsbench.statistics.bootstrap._CHUNK", block)
        blocks = list(bootstrap_sums(counts, resamples, seed))
    assert max(map(len, blocks)) <= max(1, block // items)
    assert np.array_equal(np.concatenate(blocks), drawn_item_by_item(counts, resamples, seed))


def test_memory_does_not_grow_with_items_times_draws():
    counts = np.ones((20_000, 2, 2))
    tracemalloc.start()
    shares = resampled_scores(counts, lambda sums, whole: sums[:, 0, 0] / sums.sum(axis=(1, 2)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.allclose(shares, 0.25)
    assert peak < 100e6  # all weights at once would take 640 MB


def test_the_score_of_sums_agrees_with_scipy():
    rng = np.random.default_rng(0)
    counts = np.stack([rng.integers(0, 50, 200), rng.integers(50, 400, 200)], axis=1).astype(float)
    bounds = percentile_interval(resampled_scores(counts, share, 20_000))
    oracle = scipy.stats.bootstrap(
        (counts[:, 0], counts[:, 1]), lambda hits, all_, axis: hits.sum(axis) / all_.sum(axis), paired=True,
        vectorized=True, method="percentile", n_resamples=20_000, rng=np.random.default_rng(1), batch=2000,
    ).confidence_interval  # fmt: skip
    assert np.allclose(bounds, oracle, atol=0.05 * (oracle.high - oracle.low))


@pytest.mark.parametrize("counts", [[], 3.0, [[1.0, np.nan]], np.zeros((0, 2, 2))])
def test_what_cannot_be_summed_is_refused(counts):
    with pytest.raises(ValueError, match="finite numbers"):
        list(bootstrap_sums(counts))


def test_draws_without_a_score_are_left_out_as_long_as_they_are_few():
    draws = np.r_[np.arange(96.0), [np.nan] * 4]
    assert percentile_interval(draws) == percentile_interval(np.arange(96.0))
    assert percentile_interval(np.r_[draws, np.nan, np.nan]) is None
    assert percentile_interval([np.nan]) is None
    with pytest.raises(ValueError, match="level"):
        percentile_interval(draws, level=95)


def share(sums, whole):
    """Right of all, as a score of sums (R, 2), whatever the whole."""
    return sums[:, 0] / sums[:, 1]


def test_the_paired_difference_of_a_share_is_that_of_the_means():
    rng = np.random.default_rng(0)
    ease = rng.random(500)
    a, b = (rng.random(500) < ease + 0.05).astype(float), (rng.random(500) < ease).astype(float)
    counts = [np.stack([hits, np.ones(500)], axis=1) for hits in (a, b)]
    found, oracle = paired_score_difference(*counts, share, resamples=8000), paired_bootstrap(a, b, resamples=8000)
    assert found.mean == pytest.approx(oracle.mean)
    assert np.allclose([found.low, found.high], [oracle.low, oracle.high], atol=0.003)


def test_the_paired_difference_over_seeds_draws_the_same_items_for_all():
    rng = np.random.default_rng(0)
    hits = rng.integers(0, 9, 50)
    run = np.stack([hits, np.full(50, 9)], axis=1)
    seeds = np.stack([run, run], axis=1)

    def of_seeds(sums, whole):
        return share(np.moveaxis(sums, 2, 1), whole).mean(axis=1)

    mean = paired_score_difference(seeds, 0 * seeds + [0, 9], of_seeds)
    assert mean == paired_score_difference(run, 0 * run + [0, 9], share)


def test_a_run_against_itself_shows_no_difference_and_an_absent_score_none():
    counts = np.random.default_rng(0).integers(1, 9, (30, 2))
    same = paired_score_difference(counts, counts, share)
    assert (same.mean, same.low, same.high) == (0.0, 0.0, 0.0)
    with np.errstate(invalid="ignore"):
        assert paired_score_difference(counts, 0 * counts, share) is None
    with pytest.raises(ValueError, match="same items"):
        paired_score_difference(counts, counts[1:], share)


def test_a_score_is_told_the_sum_over_all_items_of_its_own_run():
    counts = np.random.default_rng(0).integers(1, 9, (30, 2))
    told = []

    def spy(sums, whole):
        told.append(whole.tolist())
        return share(sums, whole)

    resampled_scores(counts, spy)
    assert told == [counts.sum(axis=0).tolist()]
    told.clear()
    paired_score_difference(counts, 2 * counts, spy)
    assert {tuple(whole) for whole in told} == {tuple(counts.sum(axis=0)), tuple(2 * counts.sum(axis=0))}
    assert told[::2] == [counts.sum(axis=0).tolist()] * (len(told) // 2)
