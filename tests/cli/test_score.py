"""``rsbench score``: figures of a stranger's file, as a table and as JSON, and what it refuses."""

import json
from dataclasses import replace
from pathlib import Path

import detection_cases as cases
import faster_coco_eval
import numpy as np
import pytest
import tiny_detection as tiny

import rsbench
from rsbench.cli import _main
from rsbench.detection.coco_results import write_coco_results
from rsbench.detection.detections import Detections
from rsbench.detection.figures import MAIN
from rsbench.detection.metrics import bootstrap_scores, evaluate
from rsbench.detection.truth import truth_of


def truth_and_guess(part="val", masks=True):
    """The truth of a part, and detections near its objects with a few wrong classes."""
    dataset = (tiny.tiny_masks if masks else tiny.tiny_boxes).open(None, tiny.demo(None, 0))
    truth = truth_of(dataset, sorted(dataset.image_ids) if part == "all" else dataset.parts[part])
    rng = np.random.default_rng(5)
    found = {}
    for item, one in zip(truth.items, truth.objects, strict=True):
        labels = np.where(rng.random(len(one)) < 0.2, 1 - one.labels, one.labels)
        boxes = one.boxes + rng.normal(0, 1.0, one.boxes.shape)
        found[item] = Detections(boxes, labels, rng.random(len(one)), one.masks)
    return truth, found


@pytest.fixture
def call(tmp_path, capsys):
    """Runs the command on a file of detections; returns exit code, output, error."""

    def run(task, path, *more, data="demo"):
        capsys.readouterr()
        plugin = Path(tiny.__file__)
        code = _main(
            ["score", "--task", task, "--data", data, "--detections", str(path), "--plugin", str(plugin), *more]
        )
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def boxes(tmp_path):
    truth, found = truth_and_guess()
    write_coco_results(tmp_path / "boxes.json", truth, found, "bbox")
    return tmp_path / "boxes.json"


def percent(values, head):
    return {head + name: 100 * value for name, value in values.items()}


def test_json_has_the_figures_of_the_part_in_percent(call, boxes):
    code, out, _ = call("tiny-boxes", boxes, "--split", "val", "--json")
    found = json.loads(out)
    truth, guess = truth_and_guess(masks=False)
    own = evaluate(truth, guess, "bbox")
    assert code == 0
    assert found["metrics"] == pytest.approx(percent(own.values, "val/"))
    assert found["metrics"] == pytest.approx(percent(cases.oracle_scores(truth, guess, "bbox"), "val/"), abs=1e-9)
    assert {"val/AP", "val/F1_75", "val/AR50_storage_tank"} <= found["metrics"].keys()
    expected = {name: (100 * low, 100 * high) for name, (low, high) in bootstrap_scores(own.matches).items()}
    assert {name: tuple(bounds) for name, bounds in found["intervals"].items()} == {
        f"val/{name}": pytest.approx(bounds) for name, bounds in expected.items()
    }
    about = {name: found[name] for name in ("task", "split", "partition", "images", "left_out", "max_dets", "policies")}
    assert about == {
        "task": "tiny-boxes", "split": "val", "partition": "tiny", "images": 7, "left_out": 0, "max_dets": 100,
        "policies": {"crowd": "some"},
    }  # fmt: skip
    assert (found["objects"], found["crowd_regions"]) == (20, 1)
    assert found["detections"] == 21
    assert (found["level"], found["resamples"]) == (0.95, 1000)
    assert found["versions"] == {"rsbench": rsbench.__version__, "faster-coco-eval": faster_coco_eval.__version__}


def test_the_table_shows_main_figures_with_intervals_and_every_class(call, boxes):
    code, out, _ = call("tiny-boxes", boxes)
    own = evaluate(*truth_and_guess(masks=False), "bbox").values
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "Tiny boxes | val of tiny | 7 images, 20 objects, 21 detections | boxes | maxDets 100"
    shown = {line.split()[0]: line.split()[1] for line in lines if line.split()[:1] and line.split()[0] in MAIN}
    assert shown == {name: f"{100 * own[name]:.2f}" for name in MAIN if name in own}
    assert any(line.startswith("AP ") and "[" in line for line in lines)
    [tank] = [line.split() for line in lines if line.startswith("storage_tank")]
    assert tank[1] == f"{100 * own['AP_storage_tank']:.2f}"
    assert "crowd: some" in lines


def test_all_parts_and_detections_of_other_parts(call, tmp_path, boxes):
    truth, found = truth_and_guess("all")
    write_coco_results(tmp_path / "all.json", truth, found, "bbox")
    whole = json.loads(call("tiny-boxes", tmp_path / "all.json", "--split", "all", "--json", "--no-intervals")[1])
    assert whole["images"] == 16
    assert whole["metrics"]["all/AP"] == pytest.approx(100 * evaluate(truth, found, "bbox").values["AP"])
    assert (whole["intervals"], whole["resamples"], "level" in whole) == ({}, 0, False)
    part = json.loads(call("tiny-boxes", tmp_path / "all.json", "--json")[1])
    assert part["left_out"] == whole["detections"] - part["detections"] > 0
    assert "left out" in call("tiny-boxes", tmp_path / "all.json")[1]
    none = call("tiny-boxes", boxes, "--split", "train")
    assert none[0] == 0
    assert "no detection of these images" in none[1]


def test_masks_are_scored_where_the_task_has_them_and_boxes_too_if_the_file_has_them(call, tmp_path):
    truth, found = truth_and_guess()
    path = tmp_path / "masks.json"
    write_coco_results(path, truth, found, "segm")
    alone = json.loads(call("tiny-masks", path, "--json", "--max-dets", "2")[1])
    assert alone["compared"] == "masks"
    assert alone["metrics"] == pytest.approx(percent(evaluate(truth, found, "segm", 2).values, "val/"))
    entries = json.loads(path.read_text())
    for entry, box in zip(entries, (box for one in found.values() for box in one.boxes.tolist()), strict=True):
        entry["bbox"] = box
    path.write_text(json.dumps(entries))
    both = json.loads(call("tiny-masks", path, "--json", "--max-dets", "2")[1])
    of_boxes = percent(evaluate(truth, found, "bbox", 2).values, "val/box")
    assert both["metrics"] == pytest.approx({**alone["metrics"], **of_boxes})
    assert "boxAP" in call("tiny-masks", path)[1]


def test_the_number_of_detections_that_count_is_said_and_changes_recall(call, tmp_path):
    truth, found = truth_and_guess()
    ranked = {item: replace(one, scores=np.arange(len(one)) / 9) for item, one in found.items()}
    write_coco_results(tmp_path / "r.json", truth, ranked, "bbox")
    few, many = (json.loads(call("tiny-boxes", tmp_path / "r.json", "--json", "--max-dets", n)[1]) for n in "19")
    assert (few["max_dets"], many["max_dets"]) == (1, 9)
    assert few["metrics"]["val/AR"] < many["metrics"]["val/AR"]


@pytest.mark.parametrize(
    ("task", "more", "text", "reason"),
    [
        ("tiny-boxes", ["--split", "vall"], "[]", "Did you mean 'val'?"),
        ("tiny-boxes", [], "nothing", "theirs.json is no JSON"),
        ("tiny-boxes", [], '[{"image_id": 3, "category_id": 3, "score": 1, "bbox": [0, 0, 1, 1]}]', "entry 1"),
        ("tiny-masks", [], '[{"image_id": 101, "category_id": 3, "score": 1, "bbox": [0, 0, 1, 1]}]', "segmentation"),
        ("eurosat", [], "[]", "is a task of classification"),
    ],
)
def test_what_cannot_be_scored_is_the_users_error(call, tmp_path, task, more, text, reason):
    (tmp_path / "theirs.json").write_text(text)
    code, out, err = call(task, tmp_path / "theirs.json", *more)
    assert (code, out) == (2, "")
    assert reason in err
