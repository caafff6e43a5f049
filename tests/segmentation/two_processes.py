"""Run by torchrun in test_run.py: trains, predicts in shares, and compares with one process that predicts alone."""

import sys
from pathlib import Path

import numpy as np
import tiny_segmentation
import torch
import torch.nn.functional as F

from rsbench.backbones.inference import arithmetic
from rsbench.checkpoints.digest import digest
from rsbench.checkpoints.load import load
from rsbench.datasets.segmentation import IGNORE
from rsbench.fabric import launch_on
from rsbench.plugins import load as load_plugins
from rsbench.preprocessing import Preprocessor
from rsbench.request import Request
from rsbench.segmentation.data import Tiles, whole_batches
from rsbench.segmentation.evaluate import predict
from rsbench.segmentation.model import cross_entropy
from rsbench.segmentation.predictions import read_masks
from rsbench.segmentation.train import build, fit

folder = Path(sys.argv[1])
task, split = tiny_segmentation.tiny, tiny_segmentation.demo(folder, 0)
method, variant = load_plugins().method("random/nano")
request = Request(
    method=method,
    variant=variant,
    task=task,
    protocol=task.protocol("paper"),
    dataset=task.open(folder, split),
    split=split,
    data="demo",
)
fabric = launch_on("cpu", "fp32", find_unused=True)
model, _ = build(request, load(method, variant, None, 0, False).backbone, 0, fabric)
tiles = Tiles(request.dataset, Preprocessor(method.weights(variant).preprocess, 64), "background")

# of unequal shares: what data-parallel training averages is the mean over the pixels of both
rank = fabric.global_rank
logits = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(0))
labels = (torch.arange(128).reshape(2, 8, 8) % 3 == 0).long()
labels[1, 1:] = IGNORE
averaged = fabric.all_reduce(cross_entropy(logits[rank : rank + 1], labels[rank : rank + 1]), reduce_op="mean")
torch.testing.assert_close(averaged, F.cross_entropy(logits, labels, ignore_index=IGNORE))

fit(request, fabric, model, tiles, 0, folder / "work", {})
digests = [None] * fabric.world_size
torch.distributed.all_gather_object(digests, digest(model))
assert len(set(digests)) == 1, "the processes end with different networks"

file = predict(request, fabric, model, tiles, ("val",), folder / "work")
if fabric.is_global_zero:
    stored = read_masks(file, "val", task_items := split.parts["val"])
    with arithmetic("fp32", "cpu"):
        for batch in whole_batches(tiles, task_items, 64, 8):
            for row, (item, (h, w)) in enumerate(zip(batch.items, batch.sizes, strict=True)):
                alone = model.predict(batch.images)[row, :h, :w].numpy()
                assert np.mean(alone != stored[item]) < 1e-3, item
    print(f"{len(stored)} tiles agree")
fabric.barrier()
