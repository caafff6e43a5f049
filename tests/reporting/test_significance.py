"""Rows against the best of their column, and ranks over tasks, on made-up stores."""

import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.measured import Subject, places
from rsbench.reporting.significance import against_best
from rsbench.reporting.task_ranks import task_ranks
from rsbench.statistics import mcnemar, rank_methods, sign_flips


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def put(store, make):
    """Writes a classification run whose hits it draws; returns them."""

    def call(method, share, seed=0, task="eurosat", items=400, **changes):
        right = (np.random.default_rng([seed, *method.encode()]).random(items) < share).astype(float)
        names = [f"{n}.jpg" for n in range(items)]
        table = pa.table({"part": ["val"] * items, "item": names, "top1": right})
        metrics = {"val/top1": 100 * right.mean()}
        fields = {"method": f"{method}/nano", "title": method, "task": task, "metrics": metrics, **changes}
        store.write(make(seed=seed, intervals={}, **fields), table)
        return right

    return call


def column(store, part="val", metric="top1"):
    predictions = Predictions(store)
    [groups] = places(list(store)).values()
    measured = {one: group.measure(predictions, part, metric) for one, group in groups.items()}
    return predictions, measured, part, metric


def test_every_comparable_row_is_tested_against_the_best_and_corrected_for_their_number(store, put):
    hits = {name: put(name, share) for name, share in (("a", 0.9), ("b", 0.85), ("c", 0.88), ("d", 0.6))}
    hits["small"] = put("small", 0.99, input_size=64)
    found = against_best(*column(store))
    best = max("abcd", key=lambda name: hits[name].mean())
    others = [name for name in "abcd" if name != best]
    expected = [mcnemar(hits[name], hits[best]).p for name in others]
    corrected = multipletests(expected, method="holm")[1]
    assert {one.method for one in found} == {f"{name}/nano" for name in others}
    for name, p, own in zip(others, expected, corrected, strict=True):
        row = found[Subject("real", f"{name}/nano")]
        assert row.test.p == pytest.approx(p)
        assert row.corrected == pytest.approx(own)
        assert row.shown == (own <= 0.05)
        assert row.difference.mean == pytest.approx(100 * (hits[name].mean() - hits[best].mean()))
    assert found[Subject("real", "d/nano")].shown
    assert not all(row.shown for row in found.values())


def test_several_seeds_are_averaged_item_by_item(store, put):
    a = [put("a", 0.9, seed) for seed in range(3)]
    b = [put("b", 0.8, seed) for seed in range(2)]
    [row] = against_best(*column(store)).values()
    assert row.test == sign_flips(np.mean(b, axis=0) * 100 - np.mean(a, axis=0) * 100)
    values = [[100 * right.mean() for right in side] for side in (a, b)]
    assert row.seeds == pytest.approx(scipy.stats.ttest_ind(*values, equal_var=False).pvalue)
    assert row.corrected == max(row.test.p, row.seeds)


def test_seeds_that_vary_more_than_the_methods_show_no_difference(store, put):
    for seed, (a, b) in enumerate(((0.9, 0.84), (0.7, 0.66), (0.8, 0.7))):
        put("a", a, seed, items=2000)
        put("b", b, seed, items=2000)
    [row] = against_best(*column(store)).values()
    assert row.test.p < 0.001
    assert not row.shown


def test_rows_without_predictions_or_with_others_have_no_test(store, put, make):
    put("a", 0.9)
    put("b", 0.8)
    store.write(make(method="c/nano", metrics={"val/top1": 50.0}))
    put("d", 0.7, items=300)
    put("e", 0.7, metrics={"val/top1": 12.0})
    assert {one.method for one in against_best(*column(store))} == {"b/nano"}


def test_methods_are_ranked_over_the_tasks_that_all_of_them_have(store, put):
    scores = {}
    for task in ("eurosat", "resisc45"):
        for seed, name in enumerate("abc"):
            scores[task, name] = put(name, 0.9 - 0.1 * seed, task=task, split="s").mean()
    put("only", 0.99, split="s")
    [found] = task_ranks(list(store), load().tasks.items.values(), Predictions(store))
    expected = rank_methods([[scores[task, n] for n in "abc"] for task in ("eurosat", "resisc45")], "abc")
    assert [name[0] for name in found.ranking.names] == list(expected.names)
    assert found.ranking.mean_ranks == expected.mean_ranks
    assert found.left_out == {"only/nano": ("resisc45",)}
    assert found.protocols == ("eurosat: paper", "resisc45: paper")


def test_methods_of_unequal_input_size_are_not_ranked_over_tasks(store, put):
    for task in ("eurosat", "resisc45"):
        put("a", 0.9, task=task)
        put("b", 0.8, task=task)
        put("c", 0.7, task=task, input_size=64)
    [found] = task_ranks(list(store), load().tasks.items.values(), Predictions(store))
    assert set(found.ranking.names) == {"a/nano", "b/nano"}


def test_too_little_to_rank_is_said(store, put, make):
    put("a", 0.9)
    put("b", 0.8)
    [found] = task_ranks(list(store), load().tasks.items.values(), Predictions(store))
    assert found.ranking is None
    assert "fewer than 2 methods are comparable on 2 tasks" in found.why_not
    assert task_ranks([], load().tasks.items.values(), Predictions(store)) == []


def test_demo_scenes_are_ranked_apart(store, put):
    for data in ("real", "demo"):
        for task in ("eurosat", "resisc45"):
            put("a", 0.9, task=task, data=data)
            put("b", 0.8, task=task, data=data)
    found = task_ranks(list(store), load().tasks.items.values(), Predictions(store))
    assert [one.data for one in found] == ["real", "demo"]
