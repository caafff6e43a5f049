"""``rsbench run`` on segmentation: the record, frozen backbones, resuming, several processes, failures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_segmentation
import torch
from torchmetrics.classification import MulticlassConfusionMatrix

from rsbench import dense
from rsbench.cli import _main
from rsbench.locks import exclusive
from rsbench.records import Store
from rsbench.segmentation import train as training
from rsbench.segmentation.predictions import confusions, read_masks

PLUGIN = tiny_segmentation.__file__
BASE = [
    "run",
    "--method",
    "random/nano",
    "--task",
    "tiny-roofs",
    "--data",
    "demo",
    "--plugin",
    PLUGIN,
    "--device",
    "cpu",
]


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command line; returns (exit code, records, standard error)."""

    def call(*arguments, results="runs"):
        capsys.readouterr()
        code = _main([*BASE, "--results", str(tmp_path / results), "--json", *arguments])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    call.folder = tmp_path / "runs"
    return call


def oracle(file: Path) -> torch.Tensor:
    """The confusion matrix of val, from the stored masks, by torchmetrics."""
    metric = MulticlassConfusionMatrix(2, ignore_index=255)
    items = tiny_segmentation.PARTS["val"]
    for item, mask in read_masks(file, "val", items).items():
        metric.update(torch.from_numpy(mask.astype(np.int64)), torch.from_numpy(tiny_segmentation.labels(item)).long())
    return metric.compute()


@pytest.mark.parametrize("protocol", ["paper", "frozen", "frozen-upernet"])
def test_record_holds_what_the_stored_masks_give(run, protocol):
    code, [record], err = run("--protocol", protocol, "--seeds", "0")
    assert code == 0, err
    file = run.folder / record["id"] / "predictions.parquet"
    matrix = oracle(file)
    items, counts = confusions(file, "val")
    assert items == list(tiny_segmentation.PARTS["val"])
    assert torch.equal(torch.from_numpy(counts.sum(0)), matrix)
    hits, true, found = matrix.diag().double(), matrix.sum(1), matrix.sum(0)
    iou = hits / (true + found - hits)
    metrics = record["metrics"]
    assert metrics["val/mIoU"] == pytest.approx(100 * float(iou.mean()))
    assert metrics["val/IoU_roof"] == pytest.approx(100 * float(iou[1]))
    assert metrics["val/mAcc"] == pytest.approx(100 * float((hits / true).mean()))
    assert metrics["val/aAcc"] == pytest.approx(100 * float(hits.sum() / matrix.sum()))
    low, high = record["intervals"]["val/mIoU"]
    assert low <= metrics["val/mIoU"] <= high
    assert record["selected"]["head"] == {"paper": "psanet", "frozen": "linear", "frozen-upernet": "upernet"}[protocol]
    assumed = record["arguments"].get("assumed", [])
    assert ("epochs" in assumed) == (protocol == "paper") and "lr" not in assumed
    assert not list((run.folder / ".training").glob("[!.]*")), "checkpoints of a finished run are removed"


def test_seeds_differ_and_the_same_seed_repeats(run):
    _, [zero, one], _ = run("--seeds", "0,1")
    _, [again], _ = run("--seeds", "0", results="other")
    assert zero["metrics"] != one["metrics"]
    assert zero["metrics"] == again["metrics"] and zero["id"] == again["id"]


def test_frozen_backbone_keeps_parameters_and_buffers(run, monkeypatch):
    seen = []
    build = training.build

    def spy(request, backbone, seed, fabric):
        model, decided = build(request, backbone, seed, fabric)
        seen.append((backbone, {key: value.clone() for key, value in backbone.state_dict().items()}))
        return model, decided

    monkeypatch.setattr("rsbench.segmentation.evaluate.build", spy)
    code, [record], err = run("--protocol", "frozen", "--method", "random/resnet50")
    assert code == 0, err
    backbone, before = seen[0]
    assert all(torch.equal(value, before[key]) for key, value in backbone.state_dict().items())
    assert record["cost"]["parameters_trained"] < record["cost"]["parameters"] - backbone.parameter_count + 1


def test_paper_protocol_trains_the_backbone(run, monkeypatch):
    seen = []
    build = training.build
    monkeypatch.setattr(
        "rsbench.segmentation.evaluate.build",
        lambda request, backbone, seed, fabric: (
            seen.append((backbone, backbone.model.patch_embed.proj.weight.clone())),
            build(request, backbone, seed, fabric),
        )[1],
    )
    run()
    assert not torch.equal(seen[0][0].model.patch_embed.proj.weight, seen[0][1])


def test_a_killed_run_goes_on_and_ends_bit_equal(run, monkeypatch, tmp_path):
    monkeypatch.setattr(dense, "_CHECKPOINT_SECONDS", 0.0)
    _, [whole], _ = run(results="whole")

    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(5))
        code, _, _ = run()
    assert code == 130
    [broken] = list(Store(run.folder))
    assert broken.status == "interrupted" and "goes on" in broken.reason
    code, [record], err = run()
    assert "going on from the checkpoint" in err
    assert code == 0 and record["id"] == whole["id"] == broken.id
    assert record["metrics"] == whole["metrics"]
    masks = [read_masks(folder / record["id"] / "predictions.parquet", "val", ["v00", "v03"]) for folder in
             (run.folder, tmp_path / "whole")]  # fmt: skip
    assert all(np.array_equal(masks[0][item], masks[1][item]) for item in masks[0])


def interrupted_at(step):
    """Stands in for the reporter: interrupts after a step."""

    def reporter(report, steps, epochs):
        def tell(position, values):
            if position.total == step:
                raise KeyboardInterrupt

        return tell

    return reporter


def test_checkpoints_are_written_within_an_epoch_too(run, monkeypatch):
    monkeypatch.setattr(dense, "_CHECKPOINT_SECONDS", 0.0)
    _, [whole], _ = run(results="whole")
    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(4))  # of two steps an epoch
        run()
    logs = list((run.folder / ".training").glob("*/log.jsonl"))
    assert len(logs) == 1
    _, [record], err = run()
    assert "going on from the checkpoint" in err
    assert record["metrics"] == whole["metrics"]


def test_an_interruption_before_the_first_checkpoint_promises_nothing(run, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(1))
        run()
    [record] = list(Store(run.folder))
    assert record.reason == "Interrupted before the first checkpoint."


@pytest.mark.parametrize("damage", [b"", b"no checkpoint at all", None])
def test_a_damaged_checkpoint_is_one_line_with_the_remedy(run, monkeypatch, damage):
    monkeypatch.setattr(dense, "_CHECKPOINT_SECONDS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(3))
        run()
    [file] = (run.folder / ".training").glob("*/checkpoint.pt")
    file.write_bytes(file.read_bytes()[:5000] if damage is None else damage)
    code, records, err = run()
    assert code == 2 and not records
    assert "is not a whole checkpoint" in err and "--fresh" in err and "Traceback" not in err
    assert run("--fresh")[0] == 0


def test_the_same_run_twice_at_once_is_refused(run, monkeypatch, tmp_path):
    monkeypatch.setattr(dense, "_CHECKPOINT_SECONDS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(3))
        run()
    [folder] = (run.folder / ".training").glob("[!.]*")
    with exclusive(folder):
        code, records, err = run()
    assert code == 2 and not records and "Another process is at work on the same run" in err


def test_fresh_begins_anew(run, monkeypatch):
    monkeypatch.setattr(dense, "_CHECKPOINT_SECONDS", 0.0)

    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(3))
        run()
    code, _, err = run("--fresh")
    assert code == 0 and "going on" not in err and "epoch 1/3" in err


def test_a_loss_that_is_not_finite_fails_early_and_names_the_tiles(run):
    code, [record], _ = run("--set", "lr=1e30", "--set", "poly_power=0")
    assert code == 1 and record["status"] == "failed"
    assert "not finite" in record["reason"] and "t0" in record["reason"]
    assert "fp32" not in record["reason"], "it is fp32 already"
    assert not list((run.folder / ".training").glob("[!.]*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "batch_size=12"], "11 training images are fewer than a batch of 12"),
        (["--set", "head=psenet"], "head cannot be 'psenet'"),
        (["--set", "image_size=66"], "multiples of 4 px, not 66"),
        (["--protocol", "frozen", "--set", "image_size=80"], "multiples of 32 px, not 80"),
        (["--set", "no_data=maybe"], "no_data cannot be 'maybe'"),
        (["--set", "epochs=0"], "epochs=0 is not within 1"),
        (["--protocol", "frozen-upernet", "--set", "batch_size=1"], "This head needs 2 images in each process, not 1"),
        (["--set", "psa_stride=64"], "psa_stride=64 is not within 0 and 16"),
        (["--set", "psa_stride=12"], "psa_stride=12 is no stride"),
        (["--set", "psa_compact=true", "--set", "image_size=32"], "made for maps of 1 x 1, not"),
    ],
)
def test_impossible_requests_are_one_line_and_leave_nothing(run, arguments, message):
    code, records, err = run(*arguments)
    assert code == 2 and not records
    assert message in err and "Traceback" not in err
    assert not list(run.folder.glob("[!.]*"))


def test_no_data_is_ignored_where_the_protocol_says_so(run):
    _, [counted], _ = run()
    _, [ignored], _ = run("--set", "no_data=ignore")
    assert ignored["changed"] == {"no_data": "ignore"}
    pixels = [confusions(run.folder / one["id"] / "predictions.parquet", "val")[1].sum() for one in (counted, ignored)]
    black = sum(3 * tiny_segmentation.labels(item).shape[1] for item in tiny_segmentation.PARTS["val"])
    assert pixels[0] - pixels[1] == black


def test_prediction_does_not_depend_on_the_batch(run):
    _, [one], _ = run("--batch-size", "1")
    _, [many], _ = run("--batch-size", "5", results="other")
    assert one["id"] == many["id"]
    assert one["metrics"]["val/mIoU"] == pytest.approx(many["metrics"]["val/mIoU"], abs=0.02)


def torchrun(processes: int, *command: str | Path) -> subprocess.CompletedProcess[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    folders = os.pathsep.join([str(Path(PLUGIN).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": folders}
    return subprocess.run([*launcher, *command], env=environment, capture_output=True, text=True, timeout=300)


def test_two_processes_end_with_one_network_and_predict_as_one_does(tmp_path):
    done = torchrun(2, Path(__file__).with_name("two_processes.py"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "7 tiles agree" in done.stdout


def test_two_processes_write_one_record_and_count_every_tile_once(tmp_path):
    done = torchrun(2, "-m", "rsbench", *BASE, "--results", str(tmp_path / "on2"), "--json", "--pictures", "2")
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    record = json.loads(line)
    file = tmp_path / "on2" / record["id"] / "predictions.parquet"
    items, counts = confusions(file, "val")
    assert items == list(tiny_segmentation.PARTS["val"]), "seven tiles over two processes, none twice"
    assert torch.equal(torch.from_numpy(counts.sum(0)), oracle(file))
    assert record["identity"]["processes"] == 2
    assert len(list((tmp_path / "on2" / record["id"] / "pictures").glob("*.png"))) == 2


def test_processes_that_cannot_share_a_batch_are_told(tmp_path):
    done = torchrun(2, "-m", "rsbench", *BASE, "--results", str(tmp_path), "--set", "batch_size=3")
    assert "2 processes cannot share a batch of 3" in done.stderr
