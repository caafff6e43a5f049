"""Predictions that anybody may have written: odd ones cost their run its interval, and nobody else anything."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from odd_tables import PARQUET, dictionaries, footnotes, replaced

from rsbench.errors import UserError
from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.comparison import compare
from rsbench.reporting.figures.confusion import confusion_of
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.leaderboard.source import ReadOnce
from rsbench.reporting.leaderboard.write import write_leaderboard
from rsbench.reporting.table import build_table


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


# --- values of items


def classified(store, make, hits, spoil):
    """Two methods of two seeds; the predictions of the last run are spoilt. Returns the ids by method."""
    runs = {}
    for method in "ab":
        for seed in range(2):
            value = 60.0 if method == "a" else 50.0
            record = make(
                method=f"{method}/x", title=method, seed=seed, metrics={"val/top1": value},
                intervals={"val/top1": (value - 5, value + 5)},
            )  # fmt: skip
            table = hits(value / 100, seed)
            store.write(record, spoil(table) if (method, seed) == ("b", 1) else table)
            runs.setdefault(method, []).append(record.id)
    return runs


def with_one(table, value):
    return replaced(table, "top1", [value, *table["top1"].to_pylist()[1:]])


def no_utf8(count):
    return pa.array([b"\xff"] * count).cast(options=pc.CastOptions(pa.string(), allow_invalid_utf8=True))


ODD_VALUES = {
    "NaN": (lambda t: with_one(t, np.nan), "top1 is not finite"),
    "an infinity": (lambda t: with_one(t, np.inf), "top1 is not finite"),
    "a missing value": (lambda t: with_one(t, None), "top1 is missing in 1 of 200 rows"),
    "words": (lambda t: replaced(t, "top1", ["yes"] * len(t)), "top1 is string, no number"),
    "lists": (lambda t: replaced(t, "top1", [[1.0]] * len(t)), "top1 is list"),
    "nothing": (lambda t: replaced(t, "top1", [None] * len(t)), "top1 is null, no number"),
    "too large": (lambda t: replaced(t, "top1", pa.array([2**63 + 1] * len(t), pa.uint64())), "top1: "),
    "part missing": (lambda t: replaced(t, "part", ["val"] * 199 + [None]), "part is missing in 1 of 200 rows"),
    "item missing": (lambda t: replaced(t, "item", [None, *t["item"].to_pylist()[1:]]), "item is missing in 1"),
    "items numbered": (lambda t: replaced(t, "item", list(range(len(t)))), "item is int64, no string"),
    "parts numbered": (lambda t: replaced(t, "part", [1] * len(t)), "part is int64, no string"),
    "no UTF-8": (lambda t: replaced(t, "item", no_utf8(len(t))), "item is no UTF-8"),
    "no letters": (lambda t: replaced(t, "item", pa.array([b"\xff"] * len(t))), "item is binary, no string"),
}


@pytest.mark.parametrize("why", ODD_VALUES)
def test_odd_values_take_the_interval_of_their_run_and_say_why(store, make, hits, tmp_path, why):
    spoil, reason = ODD_VALUES[why]
    runs = classified(store, make, hits, spoil)
    bad = runs["b"][1]
    table = build_table(1, store, tests=True)
    [note] = footnotes(table, bad)
    assert f"no interval: The predictions of run {bad} cannot be read: {reason}" in note
    rows = {row.variant: row for section in table.sections for row in section.rows}
    shown = {name: next(cell for cell in rows[f"{name}/x"].cells if cell) for name in "ab"}
    assert (shown["a"].value, shown["b"].value, shown["b"].low) == ("60.00", "50.00", "")
    assert float(shown["a"].low) < 60 < float(shown["a"].high)
    with pytest.raises(UserError, match=f"{bad} cannot be read: {reason}"):
        compare(store, [runs["a"], runs["b"]], "val/top1")
    write_leaderboard(store.root, tmp_path / "page", load())
    assert f"{bad} cannot be read: {reason}" in (tmp_path / "page" / "index.html").read_text()


@pytest.mark.parametrize("name", ["part", "item"])
def test_no_parts_or_items_are_nothing_left(store, make, hits, name):
    runs = classified(store, make, hits, lambda table: table.drop_columns([name]))
    assert "no interval" in footnotes(build_table(1, store, tests=True), runs["b"][1])[0]
    with pytest.raises(UserError, match="left nothing"):
        compare(store, [runs["a"], runs["b"]], "val/top1")


@pytest.mark.parametrize(
    "same",
    [
        lambda t: dictionaries(t, "part"),
        lambda t: dictionaries(dictionaries(t, "part"), "item"),
        lambda t: replaced(t, "item", t["item"].combine_chunks().cast(pa.large_string())),
        lambda t: replaced(t, "top1", [bool(one) for one in t["top1"].to_pylist()]),
        lambda t: replaced(t, "top1", t["top1"].combine_chunks().cast(pa.int8())),
        lambda t: t.take(pa.array(range(len(t) - 1, -1, -1))),
    ],
    ids=["categories", "all categories", "large strings", "true and false", "integers", "another order"],
)
def test_what_other_writers_make_of_the_same_values_gives_the_same(store, make, hits, tmp_path, same):
    runs = classified(store, make, hits, same)
    plain = Store(tmp_path / "plain")
    classified(plain, make, hits, lambda table: table)
    found, expected = (compare(one, [runs["a"], runs["b"]], "val/top1")[0] for one in (store, plain))
    assert (found.difference, found.test) == (expected.difference, expected.test)
    assert build_table(1, store, tests=True) == build_table(1, plain, tests=True)
    names = [str(item) for item in same(hits(0.5, 1))["item"]]
    assert Predictions(store).items(runs["b"][1], "val") == names


# --- files that are no longer what the run wrote


def halved(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(byte ^ 0xFF for byte in content[4 : len(content) // 2])
    path.write_bytes(content)


def footer_flipped(path):
    content = bytearray(path.read_bytes())
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    content[start:] = bytes(byte ^ 0x5A for byte in content[start:])
    path.write_bytes(content)


def a_folder(path):
    path.unlink()
    path.mkdir()


def rolled(path):
    table = pq.read_table(path)
    pq.write_table(replaced(table, "top1", np.roll(table["top1"].to_numpy(), 77)), path)


DAMAGE = {
    "half of it": halved,
    "other bytes": flipped,
    "another footer": footer_flipped,
    "a folder": a_folder,
    "nothing": lambda path: path.write_bytes(b""),
    "other values": rolled,
}


def as_first_schema(store, run):
    """Makes the record one of schema 1, which had no digests."""
    path = store.root / run / "record.json"
    content = json.loads(path.read_text())
    content = {name: value for name, value in content.items() if name not in ("digest", "files", "history")}
    path.write_text(json.dumps({**content, "schema_version": 1}))


@pytest.mark.parametrize("schema", [1, 2])
@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_file_takes_the_interval_of_its_run_and_nothing_else(store, make, hits, tmp_path, how, schema):
    runs = classified(store, make, hits, lambda table: table)
    bad = runs["b"][1]
    if schema == 1:
        as_first_schema(store, bad)
    DAMAGE[how](store.root / bad / PARQUET)
    if how == "other values" and schema == 1:
        compare(store, [runs["a"], runs["b"]], "val/top1")  # nothing says that they are not those of the run
        return
    reason = "was changed after the run was written" if schema == 2 and how != "a folder" else ""
    [note] = footnotes(build_table(1, store, tests=True), bad)
    assert f"no interval: The predictions of run {bad} cannot be read: " in note
    assert reason in note
    with pytest.raises(UserError, match=f"{bad} cannot be read: .*{reason}"):
        compare(store, [runs["a"], runs["b"]], "val/top1")
    with pytest.raises(UserError, match=f"{bad} cannot be read: .*{reason}"):
        confusion_of(store, bad, "val", ["one", "two"])
    write_leaderboard(store.root, tmp_path / "page", load())
    page = (tmp_path / "page" / "index.html").read_text()
    assert f"The predictions of run {bad} cannot be read: " in page
    assert reason in page


def test_the_bytes_of_a_file_are_read_for_their_digest_once(store, make, hits, monkeypatch):
    import rsbench.records.predictions as module

    run = store.root / classified(store, make, hits, lambda table: table)["a"][0]
    asked = []
    monkeypatch.setattr(module, "sha256_of", lambda path, own=module.sha256_of: asked.append(path) or own(path))
    predictions = Predictions(store)
    for name in ("top1", "label", "confusion"):
        predictions.has(run.name, name)
    assert asked == [run / PARQUET]
    rolled(run / PARQUET)  # a file that is another one by now is not taken for the one that was checked
    with pytest.raises(UserError, match="was changed"):
        predictions.has(run.name, "more")


def test_predictions_that_the_record_does_not_know_are_not_used(store, make, hits):
    bare, whole = make(seed=0), make(seed=1)
    store.write(bare)
    shutil.copy(store.write(whole, hits(0.5, 1)) / PARQUET, store.root / bare.id / PARQUET)
    with pytest.raises(UserError, match="was changed after the run was written"):
        store.predictions(bare.id)


@pytest.mark.parametrize("kind", [Store, ReadOnce])
def test_parts_and_items_alone_can_be_asked_for(store, make, hits, kind):
    run = store.write(make(), hits(0.5, 0)).name
    found = Predictions(kind(store.root))
    assert found.items(run, "val") == [f"{n:03}.jpg" for n in range(200)]
    assert found.items(run, "test") == []
    other = store.write(make(seed=1)).name
    assert found.items(other, "val") is None
