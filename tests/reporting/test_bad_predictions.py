"""Predictions that anybody may have written: odd ones cost their run its interval, and nobody else anything."""

import json
import shutil

import detection_cases as cases
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rsbench.detection.metrics import evaluate, scores_of
from rsbench.detection.prediction_writer import write_predictions
from rsbench.detection.predictions import METADATA_KEY, read_matches
from rsbench.errors import UserError
from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.comparison import compare
from rsbench.reporting.figures.confusion import confusion_of
from rsbench.reporting.figures.precision_recall import lines_of
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.leaderboard.source import ReadOnce
from rsbench.reporting.leaderboard.write import write_leaderboard
from rsbench.reporting.table import build_table
from rsbench.segmentation.metrics import scores
from rsbench.segmentation.predictions import PredictionWriter, confusions

PARQUET = "predictions.parquet"


def replaced(table, name, values):
    column = values if isinstance(values, pa.Array) else pa.array(values)
    return table.set_column(table.column_names.index(name), name, column)


def dictionaries(table, name):
    """The column as pandas writes a categorical one, with an entry that no row has."""
    own = table[name].combine_chunks().dictionary_encode()
    spare = pa.array(["not used", *own.dictionary.to_pylist()])
    indices = pa.array([index + 1 for index in own.indices.to_pylist()], pa.int32())
    return replaced(table, name, pa.DictionaryArray.from_arrays(indices, spare))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def footnotes(table, run):
    return [note.text for note in table.footnotes if run in note.text]


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


# --- counts of pixels

NAMES = ("background", "building")


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
    pq.write_table(counted, store.root.parent / PARQUET)
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


# --- ranked detections


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
