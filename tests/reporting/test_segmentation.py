"""Runs of segmentation in Tables 2 and 5: scores of sums over tiles, their intervals over seeds, building IoU."""

import csv
import io
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rsbench.records import Store
from rsbench.reporting.render import FORMATS, render
from rsbench.reporting.table import MEASURED_ONLY, build_table
from rsbench.segmentation.metrics import bootstrap_scores, scores
from rsbench.segmentation.predictions import PredictionWriter, confusions

NAMES = ("background", "building")
METRICS = ("mIoU", "mAcc", "IoU_building")
KEYS = [f"{name}@paper/5000-1940/val" for name in METRICS]


def predict(path, seed, tiles=30, names=NAMES, first=0, part="val"):
    """Writes made-up predictions of one seed; the truth is the same for all, and so is the size of each tile."""
    rng = np.random.default_rng(seed)
    with PredictionWriter(path, names) as writer:
        for tile in range(first, first + tiles):
            truth = np.random.default_rng([7, tile])
            labels = (truth.random((20, 20 + tile)) < 0.2).astype(np.uint8)
            wrong = rng.random(labels.shape) < truth.random() / 2
            writer.add(part, f"img{tile:03}", labels, labels ^ wrong)
    return path


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def write(store, make, tmp_path):
    """Writes the run of one seed, with metrics and intervals from its predictions, and returns its counts."""

    def call(seed, path=None, off=0.0, **changes):
        path = path or predict(tmp_path / f"{seed}.parquet", seed)
        counts = confusions(path, "val")[1]
        values, bounds = scores(counts.sum(0), NAMES), bootstrap_scores(counts, NAMES)
        fields = {
            "metrics": {f"val/{name}": 100 * value + off for name, value in values.items()},
            "intervals": {f"val/{name}": (100 * low, 100 * high) for name, (low, high) in bounds.items()},
        }
        about = {"task": "spacenet-rio", "kind": "segmentation", "split": "5000-1940", "method": "cmid/swin_b"}
        store.write(make(**{**about, "title": "CMID, Swin-B", **fields, **changes}, seed=seed), path)
        return counts

    return call


def cells(table, variant="cmid/swin_b", section=""):
    """The measured cells of a row by key of column."""
    [row] = [row for part in table.sections if part.title == section for row in part.rows if row.variant == variant]
    return {column.key: cell for column, cell in zip(table.columns, row.cells, strict=True) if cell and cell.runs}


def test_one_seed_shows_its_scores_and_intervals_in_table_2(store, write):
    counts = write(0)
    values, bounds = scores(counts.sum(0), NAMES), bootstrap_scores(counts, NAMES)
    shown = cells(build_table(2, store))
    assert list(shown) == KEYS
    for key, name in zip(KEYS, METRICS, strict=True):
        assert shown[key].value == f"{100 * values[name]:.2f}"
        assert (shown[key].low, shown[key].high) == tuple(f"{100 * bound:.2f}" for bound in bounds[name])
    assert shown[KEYS[2]].value != shown[KEYS[0]].value


def test_the_interval_of_several_seeds_is_that_of_their_mean_on_the_same_tiles(store, write):
    counts = np.stack([write(seed) for seed in range(3)])
    bounds = bootstrap_scores(counts, NAMES)
    values = [scores(of_seed, NAMES) for of_seed in counts.sum(axis=1)]
    shown = cells(build_table(2, store))
    for key, name in zip(KEYS, METRICS, strict=True):
        mean = 100 * np.mean([of_seed[name] for of_seed in values])
        assert (shown[key].value, shown[key].seeds) == (f"{mean:.2f}", (0, 1, 2))
        assert (shown[key].low, shown[key].high) == tuple(f"{100 * bound:.2f}" for bound in bounds[name])


def test_tiles_in_another_order_are_matched_by_name(store, write, tmp_path):
    write(0)
    straight = predict(tmp_path / "straight.parquet", 1)
    table = pq.read_table(straight)
    pq.write_table(table.take(pa.array(range(len(table) - 1, -1, -1))), tmp_path / "turned.parquet")
    counts = [confusions(store.root / run / "predictions.parquet", "val")[1] for run in store.ids()]
    counts.append(confusions(straight, "val")[1])
    write(1, tmp_path / "turned.parquet")
    low, high = bootstrap_scores(np.stack(counts), NAMES)["mIoU"]
    shown = cells(build_table(2, store))[KEYS[0]]
    assert (shown.low, shown.high) == (f"{100 * low:.2f}", f"{100 * high:.2f}")


@pytest.mark.parametrize("why", ["none", "other tiles", "fewer tiles", "other metric", "other classes", "spoilt"])
def test_without_the_same_tiles_there_is_no_interval_and_the_table_says_so(store, write, make, tmp_path, why):
    write(0)
    path = predict(
        tmp_path / "other.parquet", 1, 20 if why == "fewer tiles" else 30,
        ("building", "background") if why == "other classes" else NAMES, 1 if why == "other tiles" else 0,
    )  # fmt: skip
    write(1, path, off=0.5 if why == "other metric" else 0.0)
    last = next(store.root / record.id for record in store if record.seed == 1) / "predictions.parquet"
    if why == "none":
        last.unlink()
    elif why == "spoilt":
        table = pq.read_table(last)
        pq.write_table(table.set_column(5, "confusion", pa.array([[1, 2]] * len(table))), last)
    table = build_table(2, store)
    for shown in cells(table).values():
        assert (shown.low, shown.high, shown.sd != "") == ("", "", True)
        assert "no interval" in table.footnotes[shown.note - 1].text


def test_a_mean_of_items_is_not_taken_for_a_score(store, write, tmp_path):
    """A column of the metric's name is a mean over items by contract; where it is not, there is no interval."""
    for seed in range(2):
        path = predict(tmp_path / f"{seed}.parquet", seed)
        table = pq.read_table(path)
        pq.write_table(table.append_column("mIoU", pa.array([0.5] * len(table))), path)
        write(seed, path)
    shown = cells(build_table(2, store))
    assert shown[KEYS[0]].low == ""
    assert shown[KEYS[1]].low != ""


def test_without_runs_building_iou_has_no_column(store, make):
    store.write(make())  # of another task
    table = build_table(2, store)
    assert [column.key for column in table.columns] == ["mIoU", "mAcc"]
    assert not any("Building" in note for note in table.notes)


def test_a_failed_run_is_visible_in_every_column(store, write):
    write(0, status="failed", reason="nothing was learned", metrics={}, intervals={})
    table = build_table(2, store)
    assert {key: cell.status for key, cell in cells(table).items()} == dict.fromkeys(KEYS, "failed")


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_shows_building_iou_beside_miou(store, write, form):
    counts = write(0)
    value = f"{100 * scores(counts.sum(0), NAMES)['IoU_building']:.2f}"
    text = render(build_table(2, store), form)
    assert value in text
    assert ("IoU_building@" if form == "csv" else "Building IoU") in text
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["variant"] for row in rows if row[f"{KEYS[2]} mean"] == value] == ["cmid/swin_b"]
        assert "IoU_building" not in rows[0]
    else:
        assert "Building IoU is not in the paper" in text
        assert "Building IoU (published)" not in text


def test_a_method_that_the_paper_does_not_have_stands_below_with_building_iou(store, write):
    write(0, method="made/up", title="Made, up")
    assert list(cells(build_table(2, store), "made/up", MEASURED_ONLY)) == KEYS


def test_the_ablation_shows_rio_miou(store, write):
    counts = write(0, method="simmim-rs/swin_b", title="SimMIM")
    shown = cells(build_table(5, store), "simmim-rs/swin_b")
    assert list(shown) == ["SS@paper/5000-1940/val"]
    assert shown["SS@paper/5000-1940/val"].value == f"{100 * scores(counts.sum(0), NAMES)['mIoU']:.2f}"


def test_a_table_reads_no_masks(store, write, monkeypatch):
    read = []
    predictions = Store.predictions
    monkeypatch.setattr(Store, "predictions", lambda self, *names: read.append(names) or predictions(self, *names))
    for seed in range(2):
        write(seed)
    assert cells(build_table(2, store))[KEYS[0]].low
    assert {column for _, columns in read for column in columns} == {"part", "item", "confusion", *METRICS}
    assert len(read) == len(set(read))


def test_intervals_over_seeds_import_neither_torch_nor_pandas(store, write):
    for seed in range(2):
        write(seed)
    code = (
        "import sys; from rsbench.records import Store; from rsbench.reporting.table import build_table;"
        "table = build_table(2, Store(sys.argv[1])); print(sum(bool(c and c.low) for r in table.sections[0].rows"
        " for c in r.cells), [m for m in ('torch', 'pandas') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code, store.root], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "3 []"
