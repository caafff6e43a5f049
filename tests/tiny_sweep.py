"""A plugin with tasks and methods that take a fraction of a second, or break in all ways there are; for sweeps."""

import errno
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import tiny_segmentation
import torch
from PIL import Image

from rsbench import Method, Preprocess, Random, Weights
from rsbench.backbones import Backbone
from rsbench.datasets.classification import ClassificationDataset, Items
from rsbench.datasets.segmentation import SegmentationDataset
from rsbench.datasets.splits import SplitList
from rsbench.probing.protocols import PROTOCOLS
from rsbench.task import Split, Task

CLASSES = ("dark", "bright", "green")
PARTS = {part: tuple(f"{part}{number:02d}" for number in range(count)) for part, count in (("train", 21), ("val", 11))}
DIGEST = "0" * 64


def demo(root: Path, seed: int) -> SplitList:
    """Draws the images, once."""
    root.mkdir(parents=True, exist_ok=True)
    for part, ids in PARTS.items():
        for number, key in enumerate(ids):
            file = root / f"{key}.png"
            if not file.exists():
                rng = np.random.default_rng([len(part), number])
                pixels = rng.integers(0, 120, (64, 64, 3))
                pixels += np.array([(0, 0, 0), (110, 110, 110), (0, 110, 0)])[number % 3]
                partial = file.with_suffix(f".{os.getpid()}")
                Image.fromarray(pixels.astype(np.uint8)).save(partial, "PNG")
                partial.replace(file)
    return SplitList("tiny", PARTS, DIGEST)


def open_scenes(root: Path, split: SplitList) -> ClassificationDataset:
    """Opens the images."""
    parts = {
        part: Items(tuple(root / f"{key}.png" for key in ids), ids, np.arange(len(ids), dtype=np.int64) % 3)
        for part, ids in split.parts.items()
    }
    return ClassificationDataset("tiny-scenes", CLASSES, parts, 64)


def demo_roofs(root: Path, seed: int) -> SplitList:
    """Makes the folder, as tasks with files do."""
    root.mkdir(parents=True, exist_ok=True)
    return tiny_segmentation.demo(root, seed)


def open_roofs(root: Path, split: SplitList) -> SegmentationDataset:
    """Opens the tiles."""
    return tiny_segmentation.open_tiny(root, split)


FEW = {"paper": {"epochs": "20", "lr": "0.05"}, "swept": {"epochs": "3", "lrs": "0.1,0.5"}, "knn": {"k": "3"}}

scenes = Task(
    name="tiny-scenes",
    title="Tiny scenes",
    kind="classification",
    open=open_scenes,
    demo=demo,
    splits=(Split(name="tiny", file="none.txt", sha256=DIGEST, counts={"train": 21, "val": 11}),),
    protocols=tuple(one.with_settings(FEW.get(one.name, {"epochs": "2"})) for one in PROTOCOLS),
    rank="val/top1",
    metrics=("top1", "mean_class_accuracy"),
    classes=CLASSES,
    report=("val",),
)
roofs = Task(
    name="tiny-fields",
    title="Tiny fields",
    kind="segmentation",
    open=open_roofs,
    demo=demo_roofs,
    splits=tiny_segmentation.tiny.splits,
    protocols=tuple(one.with_settings({"epochs": "2"}) for one in tiny_segmentation.tiny.protocols),
    rank="val/mIoU",
    metrics=("mIoU", "IoU_roof", "mAcc", "aAcc"),
    classes=tiny_segmentation.CLASSES,
    report=("val",),
)


class Mute(Exception):
    """An error that cannot say why."""

    def __str__(self) -> str:
        raise RuntimeError("not even this")


class Means(Backbone):
    """Embeds an image as the means of 4 x 4 blocks, times weights; ``mood`` says what goes wrong."""

    embedding_dim = 48
    channels = (3, 3, 3, 3)

    def __init__(self, mood: str = "well") -> None:
        super().__init__()
        self.mood = mood
        if mood == "never made":
            raise ValueError("no such architecture,\nand a second line")
        self.weight = torch.nn.Parameter(torch.ones(48))

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Returns (B, 48)."""
        if self.mood == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mood == "raises":
            raise ValueError("no such band")
        if self.mood == "exits":
            os._exit(3)
        if self.mood == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        if self.mood == "nan":
            return torch.full((len(images), 48), torch.nan)
        if self.mood == "full disk":
            raise OSError(errno.ENOSPC, "No space left on device", "/features")
        if self.mood == "killed once":
            sign = Path(os.environ["TINY_SIGN"])
            if not sign.exists():
                sign.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if self.mood == "interrupted":
            raise KeyboardInterrupt
        if self.mood == "too large":
            torch.empty(2**55)
        if self.mood == "long":
            raise ValueError("x" * 1_000_000)
        if self.mood == "mute":
            raise Mute
        if self.mood == "slow":
            time.sleep(float(os.environ.get("TINY_SECONDS", "0.5")))
        if count := os.environ.get("TINY_COUNT"):
            with Path(count).open("a") as stream:
                stream.write(f"{len(images)}\n")
        small = torch.nn.functional.adaptive_avg_pool2d(images, 4)
        return small.flatten(1) * self.weight


def means(**kwargs: str) -> Means:
    """The architecture; a function, so that its name is that of this module."""
    return Means(**kwargs)


def _weights(mood: str) -> Weights:
    return Weights(architecture=means, kwargs={"mood": mood}, preprocess=Preprocess(size=64), source=Random())


MOODS = (
    "well", "killed", "raises", "exits", "memory", "too large", "nan", "full disk", "killed once", "slow", "never made",
    "interrupted", "long", "mute",
)  # fmt: skip
method = Method(
    name="means",
    title="Means",
    paradigm="random",
    variants={mood.replace(" ", "_"): _weights(mood) for mood in MOODS},
)


PLACES = ("record.json", "checkpoint.pt", "features", ".leases", "manifest.json")
_TOUCHING = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.utime", "shutil.rmtree")


def die_somewhere(folder: Path) -> None:
    """Kills this process at an instant that follows from ``folder / "seed"`` and its own number, or not at all.

    Before the n-th time that it touches a file, or one of ``PLACES``, or after some milliseconds, at whatever it does.
    """
    draw = random.Random(f"{(folder / 'seed').read_text()} {os.getpid()}")
    note = os.open(folder / "kills", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def die(what: str) -> None:
        os.write(note, f"{what}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        touched = str(arguments[0]) if event in _TOUCHING else "/proc"
        if not touched.startswith(("/proc", sys.prefix, sys.base_prefix)) and place in touched:
            left -= 1
            if left == 0:
                die(f"{event} {arguments[0]}")

    def wait(seconds: float) -> None:
        time.sleep(seconds)
        die(f"after {seconds:.3f} s")

    kind, place = draw.random(), ""
    if kind < 0.5:
        left = draw.randint(1, 150)
        if kind < 0.2:
            place, left = draw.choice(PLACES), draw.randint(1, 3)
        sys.addaudithook(count)
    elif kind < 0.85:
        threading.Thread(target=wait, args=(draw.uniform(0, 0.9),), daemon=True).start()


if "TINY_KILLS" in os.environ:
    kills = Path(os.environ["TINY_KILLS"])
    if (kills / "parent").read_text() != str(os.getpid()):
        import rsbench.dense

        rsbench.dense._CHECKPOINT_SECONDS = 0.0  # so that checkpoints are being written at many of these instants
        die_somewhere(kills)
