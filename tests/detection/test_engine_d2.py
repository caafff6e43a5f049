"""``--engine detectron2``: what is said where it is not installed; where it is, runs, learning, resuming, agreement."""

import json
import sys

import numpy as np
import pytest
import tiny_detection
import torch
from torchvision.ops import box_iou

from rsbench import dense
from rsbench.backbones import create
from rsbench.cli import _main
from rsbench.detection import engines
from rsbench.detection.engines import build_detector
from rsbench.detection.predictions import read_detections
from rsbench.records import Store

BASE = ["run", "--method", "random/nano", "--data", "demo", "--plugin", tiny_detection.__file__, "--device", "cpu"]
TASKS = ["tiny-boxes", "tiny-masks"]
WHOLE = ["tiny-boxes", pytest.param("tiny-masks", marks=pytest.mark.slow)]
ENGINE = ("--engine", "detectron2")
SHORT = {"tiny-boxes": (), "tiny-masks": ("--set", "rois=16", "--set", "proposals=50", "--set", "detections=20")}


@pytest.fixture
def run(tmp_path, capsys):
    """Runs the command line; returns (exit code, records, standard error)."""

    def call(task, *arguments, results="runs"):
        capsys.readouterr()
        code = _main([*BASE, "--task", task, "--results", str(tmp_path / results), "--json", *arguments])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    call.folder = tmp_path / "runs"
    return call


@pytest.fixture
def installed():
    """Tests that ask for it are skipped where detectron2 is not installed."""
    return pytest.importorskip("detectron2", reason="detectron2 is not installed", exc_type=ImportError)


@pytest.fixture
def forgotten(monkeypatch):
    """Nothing of detectron2 has been imported."""
    monkeypatch.delattr(engines, "d2_models", raising=False)
    for name in list(sys.modules):
        if name.split(".")[0] == "detectron2" or name.endswith("engines.d2_models"):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("task", TASKS)
def test_without_detectron2_the_message_says_how_to_get_it(run, forgotten, monkeypatch, task):
    monkeypatch.setitem(sys.modules, "detectron2", None)
    code, records, err = run(task, *ENGINE)
    assert code == 2 and not records
    assert "detectron2 is not installed" in err and "Traceback" not in err
    assert "https://detectron2.readthedocs.io" in err and "--no-build-isolation" in err
    assert "--engine torchvision" in err
    assert not list(run.folder.glob("[!.]*"))


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("raise ImportError('_C.so: undefined symbol: _ZN3c10')", "_C.so: undefined symbol: _ZN3c10"),
        ("import no_such_requirement", "No module named 'no_such_requirement'"),
    ],
)
def test_a_broken_build_is_another_message(run, forgotten, monkeypatch, tmp_path, broken, reason):
    (tmp_path / "site" / "detectron2").mkdir(parents=True)
    (tmp_path / "site" / "detectron2" / "__init__.py").write_text(broken)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    code, records, err = run("tiny-boxes", *ENGINE)
    sys.modules.pop("detectron2", None)
    assert code == 2 and not records and "Traceback" not in err
    words = " ".join(err.split())
    assert f"detectron2 is installed, but cannot be imported: {reason}" in words
    assert f"against torch {torch.__version__}" in words and "https://detectron2.readthedocs.io" in words


@pytest.mark.parametrize("task", WHOLE)
def test_same_figures_under_another_run(run, installed, task):
    arguments = [*SHORT[task], "--set", "epochs=1"]
    code, [own], err = run(task, *ENGINE, *arguments)
    assert code == 0, err
    _, [other], _ = run(task, *arguments)
    assert own["metrics"].keys() == other["metrics"].keys()
    assert own["id"] != other["id"]
    assert own["settings"]["engine"] == own["changed"]["engine"] == "detectron2"
    assert own["selected"]["engine"] == "detectron2" and own["selected"]["version"] == installed.__version__
    assert own["selected"]["strides"] == other["selected"]["strides"]
    assert own["selected"]["pyramid"] == other["selected"]["pyramid"]
    assert set(own["settings"]) == set(other["settings"])


@pytest.mark.parametrize("task", WHOLE)
def test_a_killed_run_goes_on_and_ends_bit_equal(run, installed, monkeypatch, tmp_path, task):
    monkeypatch.setattr(dense, "_CHECKPOINT_SECONDS", 0.0)
    arguments = [*ENGINE, *SHORT[task], "--set", "lr=2e-3", "--set", "score_threshold=0.001"]
    _, [whole], _ = run(task, *arguments, results="whole")
    with monkeypatch.context() as patched:
        patched.setattr(dense, "reporter", interrupted_at(3))
        assert run(task, *arguments)[0] == 130
    [broken] = list(Store(run.folder))
    code, [record], err = run(task, *arguments)
    assert code == 0 and "going on from the checkpoint" in err
    assert record["id"] == whole["id"] == broken.id
    assert record["metrics"] == whole["metrics"]
    files = [folder / record["id"] / "predictions.parquet" for folder in (run.folder, tmp_path / "whole")]
    first, second = (read_detections([file])["val"] for file in files)
    assert sum(len(one) for one in first.values()) > 0
    assert all(np.array_equal(first[item].boxes, second[item].boxes) for item in first)
    assert all(np.array_equal(first[item].scores, second[item].scores) for item in first)


def interrupted_at(step):
    """Stands in for the reporter: interrupts after a step."""

    def reporter(report, steps, epochs):
        def tell(position, values):
            if position.total == step:
                raise KeyboardInterrupt

        return tell

    return reporter


@pytest.mark.parametrize("task", TASKS)
def test_a_loss_that_is_not_finite_names_the_images(run, installed, task):
    code, [record], err = run(task, *ENGINE, "--set", "lr=1e30", "--set", "warmup_steps=0", "--set", "clip=0")
    assert code == 1 and record["status"] == "failed" and "Traceback" not in err
    assert "not finite" in record["reason"] and "t0" in record["reason"]


def made(engine, task, **changes):
    """Returns a detector of the tiny task on a fresh backbone."""
    own = tiny_detection.tiny_masks if task == "tiny-masks" else tiny_detection.tiny_boxes
    torch.manual_seed(0)
    settings = {**own.protocols[0].settings, "engine": engine, **changes}
    return build_detector(create("nano"), len(tiny_detection.CLASSES), 32, settings)


def normalised(key):
    return (torch.from_numpy(tiny_detection.image(key)).permute(2, 0, 1).float() - 100) / 60


def target(key, masks):
    boxes = torch.from_numpy(tiny_detection.ellipses(key)).float().reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    own = {"boxes": boxes, "labels": torch.arange(len(boxes)) % 2}
    if masks:
        pixels = np.array(tiny_detection.inside(key)).reshape(-1, *tiny_detection.size(key))
        own["masks"] = torch.from_numpy(pixels.astype(np.uint8))
    return own


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_it_learns_one_batch_by_heart(installed, task):
    masks = task == "tiny-masks"
    model = made("detectron2", task, **({"rois": 32, "proposals": 100} if masks else {})).train()
    keys = ["t01", "t04"]  # two sizes; the last one is empty
    images, targets = [normalised(key) for key in keys], [target(key, masks) for key in keys]
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        found = model(images, targets)
        parts = [value.item() for name, value in found.items() if name != "loss"]
        assert found["loss"].item() == pytest.approx(sum(parts), rel=1e-5)
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
        losses.append(found["loss"].item())
    assert losses[-1] < 0.5 * max(losses)  # RetinaNet's rises at first: what it is divided by falls from 100
    with torch.no_grad():
        seen, nothing = model.eval().predict(images)
    assert len(nothing["scores"]) == 0 or nothing["scores"].max() < seen["scores"].max()
    overlaps = box_iou(targets[0]["boxes"], seen["boxes"])
    overlaps[targets[0]["labels"][:, None] != seen["labels"]] = 0
    assert int((overlaps.max(dim=1).values > 0.5).sum()) >= len(overlaps) - 1


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("bf16", [False, True])
def test_predictions_have_the_form_of_torchvisions(installed, task, bf16):
    changes = {"score_threshold": 0.0, "detections": 20}
    images = [normalised(key) for key in ("v01", "v02")]
    for engine in ("torchvision", "detectron2"):
        model = made(engine, task, **changes).eval()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            found = model.predict(images)
        for image, one in zip(images, found, strict=True):
            count = len(one["scores"])
            assert 0 < count <= 20
            assert one.keys() == {"boxes", "labels", "scores"} | ({"masks"} if task == "tiny-masks" else set())
            assert one["boxes"].shape == (count, 4) and one["labels"].shape == (count,)
            assert one["labels"].dtype == torch.int64 and {*one["labels"].tolist()} <= {0, 1}
            assert one["boxes"].dtype == one["scores"].dtype == torch.float32
            assert bool((one["scores"].diff() <= 0).all())
            right = torch.tensor([image.shape[2], image.shape[1]])
            assert bool((one["boxes"] >= 0).all()) and bool((one["boxes"][:, 2:] <= right).all())
            assert bool((one["boxes"].bfloat16().float() != one["boxes"]).any()), "boxes are in fp32"
            if task == "tiny-masks":
                assert one["masks"].shape == (count, 28, 28) and one["masks"].dtype == torch.float32
                assert one["masks"].min() >= 0 and one["masks"].max() <= 1


def test_with_torchvisions_weights_retinanet_finds_the_same(installed):
    # One square anchor per level of even side: torchvision rounds anchors and orders them in another way. No
    # suppression: torchvision cuts boxes to the image before it, detectron2 afterwards. Images that all levels divide:
    # elsewhere torchvision's anchors stand closer. Boxes that stay near their anchors: detectron2 drops empty ones.
    alike = {"octaves": 1, "ratios": (1.0,), "nms_iou": 1.0, "score_threshold": 0.001}
    theirs, own = (made(engine, "tiny-boxes", **alike).eval() for engine in ("torchvision", "detectron2"))
    own.model.backbone.levels.load_state_dict(theirs.model.backbone.state_dict())
    heads = theirs.model.head
    for subnet, tower, predictor, last in (
        (own.model.head.cls_subnet, heads.classification_head, own.model.head.cls_score, "cls_logits"),
        (own.model.head.bbox_subnet, heads.regression_head, own.model.head.bbox_pred, "bbox_reg"),
    ):
        for layer, block in zip([one for one in subnet if hasattr(one, "weight")], tower.conv, strict=True):
            layer.load_state_dict(block[0].state_dict())
        torch.nn.init.normal_(getattr(tower, last).weight, std=0.03)  # scores that differ
        predictor.load_state_dict(getattr(tower, last).state_dict())
    images = list(torch.randn(2, 3, 128, 128))
    with torch.no_grad():
        for one, other in zip(theirs.predict(images), own.predict(images), strict=True):
            assert len(one["scores"]) == 100
            assert torch.equal(one["labels"], other["labels"])
            torch.testing.assert_close(one["scores"], other["scores"])
            torch.testing.assert_close(one["boxes"], other["boxes"], atol=1e-3, rtol=1e-4)
