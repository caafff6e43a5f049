"""Matches of detections that anybody may have written: odd ones cost their run its interval, and nobody else."""

import detection_cases as cases
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from odd_tables import PARQUET, dictionaries, footnotes, replaced

from rsbench.detection.metrics import evaluate, scores_of
from rsbench.detection.prediction_writer import write_predictions
from rsbench.detection.predictions import METADATA_KEY, read_matches
from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.comparison import compare
from rsbench.reporting.figures.precision_recall import lines_of
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.table import build_table


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture(scope="module")
def matched(tmp_path_factory):
    """Predictions of twelve images, and their scores."""
    truth, found = cases.case(21, images=12)
    single = {
        item: type(one)(
            one.boxes.astype(np.float32).astype(float),
            one.labels,
            one.scores.astype(np.float32).astype(float),
            one.masks,
        )
        for item, one in found.items()
    }
    path = tmp_path_factory.mktemp("matched") / PARQUET
    own = evaluate(truth, single, "bbox", 100)
    write_predictions(path, {"val": (single, [own])})
    return pq.read_table(path), own.values


def of_lists(name, change, kind=None):
    """Changes the lists of a column."""

    def spoil(table):
        rows = [change(row) for row in table[name].to_pylist()]
        return replaced(table, name, pa.array(rows, kind or table.schema.field(name).type))

    return spoil


def odd_matches():
    whole = ("labels", "hits", "ignored", "objects")
    for name in (*whole, "scores"):
        yield f"{name}: numbers", lambda t, name=name: replaced(t, name, [7] * len(t)), f"{name} is int64, no list"
        yield f"{name}: words", lambda t, name=name: replaced(t, name, ["x"] * len(t)), f"{name} is string, no list"
        yield f"{name}: missing", of_lists(name, lambda row: None), f"{name}: a value is missing"
        yield f"{name}: missing inside", of_lists(name, lambda row: [None] * len(row)), f"{name}: a value is missing"
        yield f"{name}: short", of_lists(name, lambda row: row[:-1]), "do not fit together"
        yield f"{name}: empty", of_lists(name, lambda row: []), "do not fit together"
    for name in whole:
        kind = pa.list_(pa.float64())
        yield f"{name}: fractions", of_lists(name, lambda row: row, kind), f"{name} is .*, no list of whole numbers"
        yield f"{name}: negative", of_lists(name, lambda row: [-1] * len(row)), f"{name}: a value is not from 0"
    yield "labels: too many", of_lists("labels", lambda row: [99] * len(row)), "labels: a value is not from 0"
    yield "hits: too many", of_lists("hits", lambda row: [2**41] * len(row)), "hits: a value is not from 0"
    yield "scores: NaN", of_lists("scores", lambda row: [np.nan] * len(row)), "scores: a value is not finite"
    for name, values, reason in (
        ("image_id", pa.array([None] * 12, pa.int64()), "image_id is missing"),
        ("image_id", ["x"] * 12, "image_id is string"),
        ("item", list(range(12)), "item is int64"),
        ("item", [None] * 12, "item is null"),
        ("part", [None] * 12, "part is null"),
    ):
        yield f"{name}: {reason}", lambda t, name=name, values=values: replaced(t, name, values), reason
    for text in (b"3", b"{}", b'{"classes": 3}', b'{"classes": [1], "kind": "bbox", "max_dets": 1}', b"{", b"\xff"):
        yield f"metadata {text!r}", lambda t, text=text: t.replace_schema_metadata({METADATA_KEY: text}), "."
    for name in ("part", "item", "image_id", *whole, "scores"):
        yield f"no {name}", lambda t, name=name: t.drop_columns([name]), f"have no {name}"


@pytest.mark.parametrize(("spoil", "reason"), [pytest.param(*rest, id=name) for name, *rest in odd_matches()])
def test_odd_matches_are_refused_with_the_reason(store, make, matched, spoil, reason):
    table = spoil(matched[0])
    with pytest.raises(ValueError, match=reason):
        read_matches(table, "val")
    run = store.write(make(), table).name
    if reason.startswith("have no"):
        assert Predictions(store).matches([run], "val") is None
    else:
        with pytest.raises(UserError, match=f"{run} cannot be read: .*{reason}"):
            Predictions(store).matches([run], "val")


@pytest.mark.parametrize("name", ["part", "item"])
def test_categories_give_the_same_matches(matched, name):
    own = scores_of(read_matches(matched[0], "val"))
    assert scores_of(read_matches(dictionaries(matched[0], name), "val")) == own == pytest.approx(matched[1])


def test_odd_matches_take_the_interval_of_their_run_and_say_why(store, make, matched, monkeypatch):
    monkeypatch.setattr("rsbench.detection.permutation.PERMUTATIONS", 19)
    table, values = matched
    metrics = {f"val/{name}": 100 * value for name, value in values.items()}
    about = {"task": "dota", "kind": "detection", "split": "official", "metrics": metrics}
    runs = {}
    for method in "ab":
        for seed in range(2):
            record = make(**about, method=f"{method}/x", seed=seed, intervals=dict.fromkeys(metrics, (0.0, 100.0)))
            odd = of_lists("scores", lambda row: [np.nan] * len(row))
            store.write(record, odd(table) if (method, seed) == ("b", 1) else table)
            runs.setdefault(method, []).append(record.id)
    bad = runs["b"][1]
    notes = footnotes(build_table(3, store, tests=True), bad)
    assert any(f"no interval: The predictions of run {bad} cannot be read: scores: a value is not" in n for n in notes)
    with pytest.raises(UserError, match=f"{bad} cannot be read: scores: a value is not finite"):
        compare(store, [runs["a"], runs["b"]], "val/AP")
    with pytest.raises(UserError, match=bad):
        lines_of(store, [bad], "val", (), 0.5)


def test_images_without_a_name_take_no_table_down(store, make, matched):
    for seed, items in enumerate((list(range(12)), [None] * 12)):
        record = make(
            method="ctxmim/swin_b", title="CtxMIM", seed=seed, task="dota", kind="detection", split="official",
            metrics={"val/AP": 40.0},
        )  # fmt: skip
        store.write(record, replaced(matched[0], "item", items))
    build_table(3, store, tests=True)
