"""``rsbench run`` on detection and instance segmentation: the record, others' tools, resuming, processes, failures."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_detection
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rsbench import dense
from rsbench.cli import _main
from rsbench.detection import train as training
from rsbench.detection.predictions import read_detections
from rsbench.records import Store

PLUGIN = tiny_detection.__file__
BASE = ["run", "--method", "random/nano", "--data", "demo", "--plugin", PLUGIN, "--device", "cpu"]
LEARN = ["--set", "lr=2e-3", "--set", "epochs=3", "--set", "score_threshold=0.005"]  # some detections


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command line; returns (exit code, records, standard error)."""

    def call(*arguments, task="tiny-boxes", results="runs"):
        capsys.readouterr()
        code = _main([*BASE, "--task", task, "--results", str(tmp_path / results), "--json", *arguments])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    call.folder = tmp_path / "runs"
    return call


def by_pycocotools(folder: Path, kind: str) -> COCOeval:
    """Scores the files of a record with the reference tools."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "coco" / "val-truth.json"))
        tool = COCOeval(truth, truth.loadRes(str(folder / "coco" / f"val-{kind}.json")), kind)
        tool.evaluate()
        tool.accumulate()
        tool.summarize()
    return tool


@pytest.mark.parametrize(("task", "kind"), [("tiny-boxes", "bbox"), ("tiny-masks", "segm")])
def test_others_tools_find_the_recorded_figures_in_the_files_of_the_record(run, task, kind):
    code, [record], err = run(*LEARN, task=task)
    assert code == 0, err
    folder = run.folder / record["id"]
    tool = by_pycocotools(folder, kind)
    metrics = record["metrics"]
    for name, value in zip(("AP", "AP50", "AP75", "APs", "APm", "APl"), tool.stats, strict=False):
        assert metrics.get(f"val/{name}", -100.0) == pytest.approx(100 * value, abs=1e-10), name
    assert metrics["val/AR"] == pytest.approx(100 * tool.stats[8], abs=1e-10)
    assert sum(map(len, read_detections([folder / "predictions.parquet"])["val"].values())) > 10
    if kind == "segm":
        boxes = by_pycocotools(folder, "bbox").stats
        assert metrics["val/boxAP"] == pytest.approx(100 * boxes[0], abs=1e-10)
    ap, ar = metrics["val/AP"], metrics["val/AR"]
    assert metrics["val/F1"] == pytest.approx(2 * ap * ar / (ap + ar) if ap else 0.0)
    low, high = record["intervals"]["val/AP50"]
    assert low <= metrics["val/AP50"] <= high
    assert "maxDets 100 per class and image" in record["flags"]
    assert record["selected"]["engine"] == "torchvision" and record["selected"]["areas"].startswith("small")
    assert {"epochs", "nms_iou"} <= set(record["settings"])
    assert not list((run.folder / ".training").glob("[!.]*")), "checkpoints of a finished run are removed"


def test_seeds_differ_and_the_same_seed_repeats(run):
    _, [zero, one], _ = run(*LEARN, "--seeds", "0,1")
    _, [again], _ = run(*LEARN, "--seeds", "0", results="other")
    assert zero["metrics"] != one["metrics"]
    assert zero["metrics"] == again["metrics"] and zero["id"] == again["id"]


@pytest.mark.parametrize("method", ["random/resnet50", "random/nano"])
def test_frozen_backbone_keeps_parameters_and_buffers(run, monkeypatch, method):
    seen = []
    build = training.build

    def spy(request, backbone, seed, fabric):
        model = build(request, backbone, seed, fabric)
        seen.append((backbone, {key: value.clone() for key, value in backbone.state_dict().items()}))
        return model

    monkeypatch.setattr("rsbench.detection.evaluate.build", spy)
    code, [record], err = run("--protocol", "frozen", "--method", method)
    assert code == 0, err
    backbone, before = seen[0]
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())
    assert record["cost"]["parameters_trained"] == record["cost"]["parameters"] - backbone.parameter_count


@pytest.mark.parametrize("batchnorm", ["train", "eval"])
def test_statistics_of_batchnorm_move_only_where_the_protocol_says_so(run, monkeypatch, batchnorm):
    seen = []
    build = training.build
    monkeypatch.setattr(
        "rsbench.detection.evaluate.build",
        lambda request, backbone, seed, fabric: (seen.append(backbone), build(request, backbone, seed, fabric))[1],
    )
    code, _, err = run("--method", "random/resnet50", "--set", f"batchnorm={batchnorm}", "--set", "epochs=1")
    assert code == 0, err
    moved = seen[0].model.bn1.running_mean.abs().sum() > 0
    assert bool(moved) == (batchnorm == "train")


def interrupted_at(step):
    """Stands in for the reporter: interrupts after a step."""

    def reporter(report, steps, epochs):
        def tell(position, values):
            if position.total == step:
                raise KeyboardInterrupt

        return tell

    return reporter


@pytest.mark.slow
@pytest.mark.parametrize("task", ["tiny-boxes", "tiny-masks"])
def test_a_killed_run_goes_on_and_ends_bit_equal(run, monkeypatch, tmp_path, task):
    monkeypatch.setattr(dense, "_CHECKPOINT_SECONDS", 0.0)
    arguments = ["--set", "lr=2e-3", "--set", "score_threshold=0.005"]
    _, [whole], _ = run(*arguments, results="whole", task=task)
    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(3))
        code, _, _ = run(*arguments, task=task)
    assert code == 130
    [broken] = list(Store(run.folder))
    assert broken.status == "interrupted" and "goes on" in broken.reason
    code, [record], err = run(*arguments, task=task)
    assert "going on from the checkpoint" in err
    assert code == 0 and record["id"] == whole["id"] == broken.id
    assert record["metrics"] == whole["metrics"]
    files = [folder / record["id"] / "predictions.parquet" for folder in (run.folder, tmp_path / "whole")]
    first, second = (read_detections([file])["val"] for file in files)
    assert all(np.array_equal(first[item].boxes, second[item].boxes) for item in first)


def test_bf16_is_recorded_and_runs(run):
    code, [record], err = run("--precision", "bf16", task="tiny-masks")
    assert code == 0, err
    assert record["precision"] == "bf16" and 0 <= record["metrics"]["val/AP"] <= 100


def test_a_run_that_learned_nothing_says_so_beside_its_zero(run):
    code, [record], _ = run("--set", "lr=1e-9")
    assert code == 0
    assert record["metrics"]["val/AP"] == 0.0
    assert any(flag.startswith("nothing in val scored above 0.05") for flag in record["flags"])


def test_a_loss_that_is_not_finite_fails_early_and_names_the_images(run):
    code, [record], _ = run("--set", "lr=1e30", "--set", "clip=0", "--set", "warmup_steps=0")
    assert code == 1 and record["status"] == "failed"
    assert "not finite" in record["reason"] and "t0" in record["reason"]


@pytest.mark.parametrize(
    ("task", "arguments", "message"),
    [
        ("tiny-boxes", ["--set", "batch_size=12"], "9 training images are fewer than a batch of 12"),
        ("tiny-boxes", ["--set", "detector=mask-rcnn"], "Mask R-CNN learns masks"),
        ("tiny-masks", ["--set", "detector=retinanet"], "is scored by masks, and retinanet finds boxes alone"),
        ("tiny-boxes", ["--set", "engine=mmdetection"], "engine cannot be 'mmdetection'"),
        ("tiny-boxes", ["--engine", "detectron"], "engine cannot be 'detectron'"),
        ("tiny-boxes", ["--set", "anchors=32,64"], "2 anchor sizes do not fit the 5 levels"),
        ("tiny-boxes", ["--set", "score_threshold=2"], "score_threshold=2.0 is not within 0 and 1"),
        ("tiny-boxes", ["--engine", "torchvision", "--set", "engine=torchvision"], "--set engine is given twice"),
    ],
)
def test_impossible_requests_are_one_line_and_leave_nothing(run, task, arguments, message):
    code, records, err = run(*arguments, task=task)
    assert code == 2 and not records
    assert message in err and "Traceback" not in err
    assert not list(run.folder.glob("[!.]*"))


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_part_without_objects_is_told_before_anything_is_trained(run, monkeypatch, part):
    monkeypatch.setattr(
        "rsbench.datasets.detection.DetectionDataset.labelled", lambda self, name: 0 if name == part else 5
    )
    code, records, err = run()
    assert code == 2 and not records
    assert f"No image of {part} has an object that counts" in err


def test_prediction_does_not_depend_on_the_batch(run):
    _, [one], _ = run(*LEARN, "--batch-size", "1")
    _, [many], _ = run(*LEARN, "--batch-size", "5", results="other")
    assert one["id"] == many["id"]
    assert one["metrics"]["val/AP50"] == pytest.approx(many["metrics"]["val/AP50"], abs=0.2)


def test_pictures_go_with_the_record(run):
    code, [record], _ = run(*LEARN, "--pictures", "3", task="tiny-masks")
    assert code == 0
    assert len(list((run.folder / record["id"] / "pictures").glob("*.png"))) == 3


def torchrun(processes: int, *command: str | Path) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    folders = os.pathsep.join([str(Path(PLUGIN).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": folders}
    return subprocess.run([*launcher, *command], env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_two_processes_write_one_record_and_find_every_image_once(tmp_path):
    arguments = [*BASE, "--task", "tiny-masks", *LEARN, "--results", str(tmp_path / "on2"), "--json", "--pictures", "2"]
    done = torchrun(2, "-m", "rsbench", *arguments)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    record = json.loads(line)
    folder = tmp_path / "on2" / record["id"]
    found = read_detections([folder / "predictions.parquet"])["val"]
    assert sorted(found) == list(tiny_detection.PARTS["val"]), "seven images over two processes, none twice"
    assert record["metrics"]["val/AP"] == pytest.approx(100 * by_pycocotools(folder, "segm").stats[0], abs=1e-10)
    assert record["identity"]["processes"] == 2
    assert len(list((folder / "pictures").glob("*.png"))) == 2


@pytest.mark.slow
def test_two_processes_that_are_killed_go_on_exactly(tmp_path):
    done = torchrun(2, Path(__file__).with_name("two_processes.py"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "two processes went on exactly" in done.stdout
