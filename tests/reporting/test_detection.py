"""Runs of detection in a table: their figures, and intervals over seeds from the matches that each run left."""

from dataclasses import replace

import detection_cases as cases
import numpy as np
import pytest

from rsbench.detection.detections import Detections
from rsbench.detection.metrics import bootstrap_scores, evaluate, scores_of
from rsbench.detection.prediction_writer import write_predictions
from rsbench.records import Store
from rsbench.reporting.intervals import Predictions, interval_over_items
from rsbench.reporting.table import build_table

ABOUT = {"task": "dota", "kind": "detection", "split": "tiles", "method": "cmid/swin_b", "title": "CMID, Swin-B"}


@pytest.fixture(scope="module")
def truth():
    return cases.case(8, images=30, crowd=0.05, even=True, classes=2)[0]


def guess(truth, seed):
    """Detections near the objects in numbers that float32 holds."""
    rng = np.random.default_rng(seed)
    found = {}
    for item, one in zip(truth.items, truth.objects, strict=True):
        boxes = np.abs(one.boxes + rng.normal(0, 3, one.boxes.shape)).astype(np.float32).astype(np.float64)
        scores = rng.random(len(one)).astype(np.float32).astype(np.float64)
        found[item] = Detections(boxes, one.labels, scores, tuple(cases.ellipses(boxes)))
    return found


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def write(store, make, truth, tmp_path):
    """Writes the run of one seed and returns the matches of its masks (or boxes, where these are scored) and boxes."""

    def call(seed, kinds=("bbox",), off=0.0, own=None, part="val"):
        there = own or truth
        found = guess(there, seed)
        scored = [evaluate(there, found, kind) for kind in kinds]
        metrics, intervals = {}, {}
        for one in scored:
            head = "box" if one.kind == "bbox" and len(kinds) == 2 else ""
            metrics |= {f"val/{head}{name}": 100 * value + off for name, value in one.values.items()}
            bounds = bootstrap_scores(one.matches, resamples=50)
            intervals |= {f"val/{head}{name}": (100 * low, 100 * high) for name, (low, high) in bounds.items()}
        path = tmp_path / "predictions.parquet"
        write_predictions(path, {part: (found, scored)})
        store.write(make(**ABOUT, seed=seed, metrics=metrics, intervals=intervals), path)
        return [one.matches for one in scored]

    return call


def interval(store, metric):
    return interval_over_items(Predictions(store), sorted(store, key=lambda record: record.seed), "val", metric)


def percent(bounds):
    return pytest.approx(tuple(100 * bound for bound in bounds))


def test_the_interval_of_several_seeds_is_that_of_their_mean_on_the_same_images(store, write):
    runs = [write(seed)[0] for seed in range(3)]
    bounds = bootstrap_scores(runs)
    assert {"AP", "AP50", "AR75", "F1_75", "APm", "AP_ship_0"} <= bounds.keys()
    predictions, records = Predictions(store), list(store)
    for name, pair in bounds.items():
        assert interval_over_items(predictions, records, "val", name) == percent(pair)


def test_masks_and_boxes_of_one_run_have_intervals_of_their_own(store, write):
    runs = [write(seed, ("segm", "bbox")) for seed in range(2)]
    masks, boxes = (bootstrap_scores([of_run[n] for of_run in runs]) for n in (0, 1))
    assert interval(store, "AP") == percent(masks["AP"])
    assert interval(store, "boxAP") == percent(boxes["AP"])
    assert masks["AP"] != pytest.approx(boxes["AP"])


def test_table_3_shows_mean_and_interval_of_the_seeds(store, write):
    runs = [write(seed)[0] for seed in range(2)]
    [row] = [row for part in build_table(3, store).sections for row in part.rows if row.variant == "cmid/swin_b"]
    shown = {cell.value: cell for cell in row.cells if cell and cell.runs}
    mean = 100 * np.mean([scores_of(one)["AP"] for one in runs])
    low, high = bootstrap_scores(runs)["AP"]
    cell = shown[f"{mean:.1f}"]
    assert (cell.low, cell.high) == (f"{100 * low:.1f}", f"{100 * high:.1f}")


@pytest.mark.parametrize("why", ["none", "other images", "other metric", "other objects", "other part"])
def test_without_the_same_images_there_is_no_interval(store, write, truth, why):
    write(0)
    own = {
        "other images": replace(truth, items=tuple("x" + item for item in truth.items)),
        "other objects": replace(truth, objects=truth.objects[::-1], sizes=truth.sizes[::-1]),
    }.get(why)
    write(1, off=0.5 if why == "other metric" else 0.0, own=own, part="test" if why == "other part" else "val")
    path = next(store.root / record.id for record in store if record.seed == 1) / "predictions.parquet"
    if why == "none":
        path.unlink()
    assert interval(store, "AP") is None
