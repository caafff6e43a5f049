"""A file of detections scored from Python: what ``rsbench score`` prints, of any dataset."""

import dataclasses
import json

import pytest
import tiny_detection as tiny

from rsbench.detection.coco_results import write_coco_results
from rsbench.detection.detections import Detections
from rsbench.detection.metrics import evaluate
from rsbench.detection.scoring import kind_of, max_dets_of, score_file
from rsbench.detection.truth import truth_of
from rsbench.errors import UserError
from rsbench.plugins import load

SPLIT = tiny.demo(None, 0)


@pytest.fixture(scope="module")
def dataset():
    return tiny.tiny_masks.open(None, SPLIT)


@pytest.fixture
def results(dataset, tmp_path):
    """Every second object of the validation part, boxes a little off."""
    truth = truth_of(dataset, dataset.parts["val"])
    found = {
        item: Detections(one.boxes[::2] + 1.5, one.labels[::2], one.areas[::2] / 1e4, one.masks[::2])
        for item, one in zip(truth.items, truth.objects, strict=True)
    }
    write_coco_results(tmp_path / "results.json", truth, found, "bbox")
    return truth, found, tmp_path / "results.json"


def test_the_figures_are_those_of_the_detections_and_all_is_plain_json(dataset, results):
    truth, found, path = results
    scores = score_file(dataset, SPLIT, "val", str(path), "bbox", max_dets=2)
    own = evaluate(truth, found, "bbox", 2).values
    assert scores.metrics == pytest.approx({f"val/{name}": 100 * value for name, value in own.items()})
    assert scores.intervals.keys() <= scores.metrics.keys()
    assert scores.intervals["val/AR50"][0] <= scores.metrics["val/AR50"] <= scores.intervals["val/AR50"][1]
    assert (scores.max_dets, scores.compared, scores.heads) == (2, "boxes", ("",))
    again = json.loads(json.dumps(scores.as_dict()))
    assert again["metrics"] == scores.metrics
    assert again["classes"] == list(tiny.CLASSES)
    assert set(again) == {field.name for field in dataclasses.fields(scores)}


def test_without_intervals_there_is_no_level(dataset, results):
    scores = score_file(dataset, SPLIT, "val", results[2], "bbox", intervals=False)
    assert (scores.intervals, scores.resamples, scores.level) == ({}, 0, None)
    assert "level" not in scores.as_dict()


def test_boxes_stand_beside_masks(dataset, results, tmp_path):
    truth, found, path = results
    boxes = [entry["bbox"] for entry in json.loads(path.read_text())]
    write_coco_results(path, truth, found, "segm")
    entries = [{**entry, "bbox": box} for entry, box in zip(json.loads(path.read_text()), boxes, strict=True)]
    path.write_text(json.dumps(entries))
    scores = score_file(dataset, SPLIT, "val", path, "segm", intervals=False)
    assert (scores.compared, scores.heads) == ("masks", ("", "box"))
    assert scores.metrics["val/boxAP"] == pytest.approx(100 * evaluate(truth, found, "bbox").values["AP"])
    assert scores.metrics["val/AP"] > scores.metrics["val/boxAP"]


def test_a_part_that_is_not_there_is_the_users_error(dataset, results):
    with pytest.raises(UserError, match="'tiny' has no part 'tain'") as refused:
        score_file(dataset, SPLIT, "tain", results[2], "bbox")
    assert "'train'" in refused.value.hint


def test_a_task_says_what_is_compared_and_how_many_count():
    assert [kind_of(task) for task in (tiny.tiny_boxes, tiny.tiny_masks)] == ["bbox", "segm"]
    assert max_dets_of(tiny.tiny_boxes) == tiny.tiny_boxes.protocols[0].settings["max_dets"]
    eurosat = load().task("eurosat")
    assert max_dets_of(eurosat) == 100
    with pytest.raises(UserError, match="is a task of classification"):
        kind_of(eurosat)
