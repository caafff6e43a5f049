"""Run by torchrun in test_run.py: two processes train a Mask R-CNN, are killed, and end where they would have."""

import sys
from pathlib import Path

import tiny_detection
import torch

from rsbench import dense
from rsbench.checkpoints.digest import digest
from rsbench.checkpoints.load import load
from rsbench.detection.data import Images
from rsbench.detection.train import build, fit
from rsbench.fabric import launch_on
from rsbench.plugins import load as load_plugins
from rsbench.preprocessing import Preprocessor
from rsbench.request import Request

folder = Path(sys.argv[1])
task, split = tiny_detection.tiny_masks, tiny_detection.demo(folder, 0)
method, variant = load_plugins().method("random/nano")
fabric = launch_on("cpu", "fp32", find_unused=True)
dense._CHECKPOINT_SECONDS = 0.0


def request(**more) -> Request:
    return Request(
        method=method, variant=variant, task=task, protocol=task.protocol(), dataset=task.open(folder, split),
        split=split, data="demo", **more,
    )  # fmt: skip


def trained(name: str, **more) -> str:
    asked = request(**more)
    model = build(asked, load(method, variant, None, 0, False).backbone, 0, fabric)
    images = Images(asked.dataset, Preprocessor(method.weights(variant).preprocess, 96), 96, masks=True)
    fit(asked, fabric, model, images, 0, folder / name, {})
    return digest(model)


def kill(done, total, note=""):
    if done == 3:  # of four steps
        raise KeyboardInterrupt


whole = trained("whole")
try:
    trained("killed", report=kill)
    raise AssertionError("it was not killed")
except KeyboardInterrupt:
    torch.distributed.barrier()
resumed = trained("killed")
digests = [None] * fabric.world_size
torch.distributed.all_gather_object(digests, (whole, resumed))
assert len({one for pair in digests for one in pair}) == 1, digests
if fabric.is_global_zero:
    print("two processes went on exactly")
