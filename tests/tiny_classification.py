"""A plugin with a classification task of small images, drawn from their ids, and a method that tells what it embeds.

Variables of the environment steer it: ``TINY_LOG`` is a file that gets a line for every batch that is embedded,
``TINY_SLOW`` seconds are slept before each, and the process of rank ``TINY_BROKEN`` cannot read the image ``v05``.
"""

import os
import time
from pathlib import Path

import numpy as np
import torch

from rsbench import Method, Preprocess, Random, Weights
from rsbench.backbones import Backbone
from rsbench.datasets.classification import ClassificationDataset, Items
from rsbench.datasets.splits import SplitList
from rsbench.errors import RunError
from rsbench.probing.protocols import PROTOCOLS
from rsbench.task import Split, Task

CLASSES = ("field", "river", "town")
PARTS = {
    "train": tuple(f"t{n:02d}" for n in range(23)),
    "val": tuple(f"v{n:02d}" for n in range(7)),
    "test": tuple(f"w{n:02d}" for n in range(5)),
}
IMAGES = sum(map(len, PARTS.values()))
SMALL = {"epochs": "3", "batch_size": "8", "k": "3", "lrs": "1e-2,1e-1", "weight_decays": "0", "lr": "1e-2"}


class Loud(Backbone):
    """A convolution with BatchNorm, and parameters that probing does not use."""

    channels, embedding_dim = (4, 4, 4, 8), 8

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 8, 8, 8)
        self.norm = torch.nn.BatchNorm2d(8)
        self.unused = torch.nn.Linear(2, 2)

    def embed(self, images):
        if images.any():  # not the empty image that operations are counted with
            time.sleep(float(os.environ.get("TINY_SLOW", 0)))
            if "TINY_LOG" in os.environ:
                line = f"{os.getpid()} {len(images)}\n"
                descriptor = os.open(os.environ["TINY_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.write(descriptor, line.encode())
                os.close(descriptor)
        return self.norm(self.layer(images)).relu().mean((2, 3))


class Drawn(ClassificationDataset):
    """Images are drawn; there are no files."""

    fingerprint = "drawn"

    def load(self, path: Path) -> np.ndarray:
        if path.name == "v05" and os.environ.get("TINY_BROKEN") == os.environ.get("RANK", "0"):
            raise RunError(f"{path.name} cannot be read.")
        rng = np.random.default_rng([ord(path.name[0]), int(path.name[1:])])
        pixels = rng.integers(0, 120, (self.size, self.size, 3))
        pixels[..., int(path.name[1:]) % 3] += 60
        return pixels.astype(np.uint8)


def open_tiny(root: Path, split: SplitList) -> Drawn:
    """Returns the images of the split."""
    parts = {
        part: Items(tuple(map(Path, ids)), ids, np.array([int(key[1:]) % 3 for key in ids]))
        for part, ids in split.parts.items()
    }
    return Drawn("tiny-scenes", CLASSES, parts, 32)


def demo(root: Path, seed: int) -> SplitList:
    """Returns the partition; nothing is written."""
    return SplitList("tiny", PARTS, "0" * 64)


tiny = Task(
    name="tiny-scenes",
    title="Tiny scenes",
    kind="classification",
    open=open_tiny,
    demo=demo,
    splits=(Split(name="tiny", draw=lambda root: demo(root, 0)),),
    protocols=tuple(
        protocol.with_settings({key: text for key, text in SMALL.items() if key in protocol.settings})
        for protocol in PROTOCOLS
    ),
    rank="val/top1",
    metrics=("top1", "mean_class_accuracy"),
    classes=CLASSES,
    report=("val", "test"),
)

loud = Method(
    name="loud",
    title="Loud",
    paradigm="random",
    variants={"one": Weights(architecture=Loud, preprocess=Preprocess(size=32), source=Random())},
)
