"""Counts of pixels that anybody may have written: odd ones cost their run its interval, and nobody else anything."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from odd_tables import PARQUET, footnotes, replaced

from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.comparison import compare
from rsbench.reporting.figures.confusion import confusion_of
from rsbench.reporting.table import build_table
from rsbench.segmentation.metrics import scores
from rsbench.segmentation.predictions import PredictionWriter, confusions

NAMES = ("background", "building")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """Predictions of ten tiles."""
    path = tmp_path_factory.mktemp("counted") / PARQUET
    rng = np.random.default_rng(0)
    with PredictionWriter(path, NAMES) as writer:
        for tile in range(10):
            labels = (rng.random((10, 10)) < 0.2).astype(np.uint8)
            writer.add("val", f"tile{tile}", labels, labels ^ (rng.random(labels.shape) < 0.2))
    return pq.read_table(path)


def all_counts(values):
    return lambda t: replaced(t, "confusion", [values] * len(t))


ODD_COUNTS = {
    "numbers": (all_counts(1), "confusion is int64, no list"),
    "words": (all_counts("x"), "confusion is string, no list"),
    "nothing": (all_counts(None), "confusion is null, no list"),
    "one missing": (
        lambda t: replaced(t, "confusion", [None, *t["confusion"].to_pylist()[1:]]), "confusion: a value is missing",
    ),
    "five": (all_counts([1] * 5), "not those of 2 classes"),
    "negative": (all_counts([-1, 2, 3, 4]), "not those of 2 classes"),
    "missing inside": (all_counts([None, 1, 1, 1]), "confusion: a value is missing"),
    "fractions": (all_counts([0.5, 1.0, 1.0, 1.0]), "no list of whole numbers"),
    "fixed size": (
        lambda t: replaced(t, "confusion", pa.array([[1, 1, 1, 1]] * len(t), pa.list_(pa.int64(), 4))), "no list",
    ),
    "no classes": (lambda t: t.replace_schema_metadata(None), "no classes are named"),
    "classes that are no JSON": (lambda t: t.replace_schema_metadata({"rsbench.classes": b"\xff{"}), "are no JSON"),
    "classes that are no list": (lambda t: t.replace_schema_metadata({"rsbench.classes": "3"}), "are no names"),
    "no class": (lambda t: t.replace_schema_metadata({"rsbench.classes": "[]"}), "are no names"),
    "classes of one name": (lambda t: t.replace_schema_metadata({"rsbench.classes": '["a b", "a_b"]'}), "a_b"),
    "items numbered": (lambda t: replaced(t, "item", list(range(len(t)))), "item is int64"),
    "items missing": (lambda t: replaced(t, "item", [None] * len(t)), "item is null"),
    "parts missing": (lambda t: replaced(t, "part", pa.array([None] * len(t), pa.string())), "part is missing"),
}  # fmt: skip


@pytest.mark.parametrize("why", ODD_COUNTS)
def test_odd_counts_take_the_interval_of_their_run_and_say_why(store, make, counted, why):
    spoil, reason = ODD_COUNTS[why]
    values = scores(confusions(counted, "val")[1].sum(axis=0), NAMES)
    metrics = {f"val/{name}": 100 * value for name, value in values.items()}
    about = {"task": "spacenet-rio", "kind": "segmentation", "split": "5000-1940", "metrics": metrics}
    runs = {}
    for method in "ab":
        for seed in range(2):
            record = make(**about, method=f"{method}/x", seed=seed, intervals=dict.fromkeys(metrics, (0.0, 100.0)))
            store.write(record, spoil(counted) if (method, seed) == ("b", 1) else counted)
            runs.setdefault(method, []).append(record.id)
    bad = runs["b"][1]
    table = build_table(2, store, tests=True)
    assert any(f"no interval: The predictions of run {bad} cannot be read: " in note for note in footnotes(table, bad))
    assert any(reason in note for note in footnotes(table, bad))
    with pytest.raises(UserError, match=f"{bad} cannot be read: .*{reason}"):
        compare(store, [runs["a"], runs["b"]], "val/mIoU")
    if why != "classes of one name":  # which a matrix may well have
        with pytest.raises(UserError, match=bad):
            confusion_of(store, bad, "val")
