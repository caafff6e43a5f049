"""``rsbench verify``: metrics once more from what runs left, of every kind of task."""

import importlib.util
import json
from pathlib import Path

import detection_cases as cases
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import balanced_accuracy_score

from rsbench.cli import _main
from rsbench.detection.coco_results import write_coco_results, write_coco_truth
from rsbench.detection.detections import Detections
from rsbench.detection.metrics import evaluate
from rsbench.detection.prediction_writer import write_predictions
from rsbench.records import Store
from rsbench.segmentation.metrics import scores
from rsbench.segmentation.predictions import PredictionWriter, confusions

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).parents[1] / "records" / "conftest.py")
_made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made_up)
make = _made_up.make


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def call(store, capsys):
    def run(*arguments):
        capsys.readouterr()
        code = _main(["verify", *arguments, "--results", str(store.root)])
        return code, capsys.readouterr().out

    return run


def classified(store, seed=0, **metrics):
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    table = pa.table(
        {
            "part": ["val"] * 200, "item": [f"{n}.jpg" for n in range(200)], "label": labels, "prediction": predicted,
            "top1": (labels == predicted).astype(int),
        }
    )  # fmt: skip
    true = {"top1": 100 * (labels == predicted).mean()}
    true["mean_class_accuracy"] = 100 * balanced_accuracy_score(labels, predicted)
    record = make(seed=seed, metrics={f"val/{name}": value for name, value in {**true, **metrics}.items()})
    store.write(record, table)
    return record.id


def test_classification_follows_from_labels_and_predictions(store, call):
    classified(store)
    assert call() == (
        0,
        "1 runs that are done, 2 metrics as recorded, 0 runs with faults, 0 folders that cannot be trusted.\n",
    )


@pytest.mark.parametrize("name", ["top1", "mean_class_accuracy"])
def test_a_metric_that_the_predictions_do_not_give_is_named(store, call, name):
    good, bad = classified(store), classified(store, seed=1, **{name: 99.0})
    code, out = call()
    assert code == 1
    assert f"{bad}: val/{name} is 99.000000 in the record and " in out and "by labels and predictions" in out
    assert good not in out
    assert call(good)[0] == 0
    assert call(bad)[0] == 1


def test_a_metric_that_nothing_gives_is_said_and_is_no_fault(store, call):
    run = classified(store, own=12.0)
    store.write(make(seed=7, metrics={"val/top1": 5.0}))
    store.write(make(seed=8, status="failed"))
    code, out = call()
    assert code == 0
    assert f"{run}: nothing gives val/own" in out
    assert f"{make(seed=7, metrics={'val/top1': 5.0}).id}: nothing gives val/top1" in out
    assert out.splitlines()[-1].startswith("2 runs that are done, 2 metrics as recorded, 0 runs with faults")


def segmented(store, tmp_path, change=0.0):
    path = tmp_path / "p.parquet"
    with PredictionWriter(path, ("background", "building")) as writer:
        for tile in range(6):
            rng = np.random.default_rng(tile)
            labels = (rng.random((20, 20)) < 0.3).astype(np.uint8)
            writer.add("val", f"img{tile}", labels, labels ^ (rng.random((20, 20)) < 0.1))
    values = scores(confusions(path, "val")[1].sum(0), ("background", "building"))
    metrics = {f"val/{name}": 100 * value for name, value in values.items()}
    metrics["val/mIoU"] += change
    record = make(kind="segmentation", task="spacenet-rio", metrics=metrics)
    store.write(record, path)
    return record


def test_segmentation_follows_from_the_confusion_of_tiles(store, call, tmp_path):
    record = segmented(store, tmp_path)
    assert call()[1].startswith(f"1 runs that are done, {len(record.metrics)} metrics as recorded, 0 runs with faults")
    record = segmented(store, tmp_path, change=0.001)
    code, out = call()
    assert (code, out.count("by the confusion of tiles")) == (1, 1)


def kept(values):
    """Numbers as predictions keep them."""
    return values.astype(np.float32).astype(np.float64)


def detected(store, tmp_path, kind, **metrics):
    truth, found = cases.case(8, images=12, classes=2, even=True, masks=kind == "instance-segmentation")
    found = {item: Detections(kept(one.boxes), one.labels, kept(one.scores), one.masks) for item, one in found.items()}
    kinds = ("segm", "bbox") if kind == "instance-segmentation" else ("bbox",)
    both = [evaluate(truth, found, one) for one in kinds]
    write_predictions(tmp_path / "p.parquet", {"val": (found, both)})
    folder = tmp_path / "coco"
    folder.mkdir(exist_ok=True)
    write_coco_truth(folder / "val-truth.json", truth, kinds[0])
    for one in kinds:
        write_coco_results(folder / f"val-{one}.json", truth, found, one)
    true = {
        f"val/{head}{name}": 100 * value
        for head, one in zip(("", "box"), both, strict=False)
        for name, value in one.values.items()
    }
    record = make(kind=kind, task="vhr10-seg", metrics=true | metrics, settings={"max_dets": 100})
    store.write(record, tmp_path / "p.parquet", {"coco": folder})
    return record


@pytest.mark.parametrize("kind", ["detection", "instance-segmentation"])
def test_detection_follows_from_the_matches_and_from_the_boxes_and_masks_themselves(store, call, tmp_path, kind):
    record = detected(store, tmp_path, kind)
    assert call()[1].startswith(f"1 runs that are done, {len(record.metrics)} metrics as recorded, 0 runs with faults")
    detected(store, tmp_path, kind, **{"val/AP": 1.0})
    code, out = call()
    assert code == 1
    assert "val/AP is 1.000000 in the record and" in out
    assert "by the matches of detections" in out
    assert f"by coco/val-{'segm' if kind == 'instance-segmentation' else 'bbox'}.json" in out


def test_detections_that_were_changed_beside_the_record_are_found(store, call, tmp_path):
    record = detected(store, tmp_path, "detection")
    path = store.root / record.id / "coco" / "val-bbox.json"
    path.write_text(json.dumps([{**one, "score": 0.5} for one in json.loads(path.read_text())]))
    code, out = call()
    assert code == 1 and "by coco/val-bbox.json" in out and "matches" not in out
    path.write_text("[{}]")
    code, out = call()
    assert code == 1 and "cannot be scored" in out


def test_other_predictions_than_those_of_the_run_and_a_changed_record_are_found(store, call):
    runs = [classified(store, seed) for seed in range(3)]
    (store.root / runs[0] / "predictions.parquet").write_bytes(
        (store.root / runs[1] / "predictions.parquet").read_bytes()
    )
    path = store.root / runs[2] / "record.json"
    path.write_text(path.read_text().replace('"seed": 2', '"seed": 3'))
    code, out = call()
    assert code == 1
    assert "was changed after the run was written" in out or "were changed after the run was written" in out
    assert f"{runs[2]}: " in out
    assert out.splitlines()[-1].endswith("1 runs with faults, 1 folders that cannot be trusted.")


def test_json_says_the_same(store, call):
    good, bad = classified(store), classified(store, seed=1, top1=99.0)
    code, out = call("--json")
    content = json.loads(out)
    by_run = {one["run"]: one for one in content["runs"]}
    assert code == 1 and content["broken"] == []
    assert by_run[good]["agreeing"] == ["val/top1", "val/mean_class_accuracy"] and not by_run[good]["faults"]
    assert len(by_run[bad]["faults"]) == 2  # by labels and by the mean over items


def test_a_run_that_is_not_there_is_named(store, call, capsys):
    classified(store)
    assert _main(["verify", "nowhere", "--results", str(store.root)]) == 2
    assert "There is no run 'nowhere'" in capsys.readouterr().err


def test_a_folder_in_place_of_ids_gets_a_hint(store, capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    assert _main(["verify", str(tmp_path / "mine")]) == 2
    assert f"Try --results {tmp_path / 'mine'}." in capsys.readouterr().err
