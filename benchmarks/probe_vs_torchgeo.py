"""The 100-epoch linear probe of a frozen ResNet-50 at 64 px: rsbench against torchgeo's ClassificationTask.

    python benchmarks/probe_vs_torchgeo.py --data DIR_OF_EUROSAT

Both sides train on the same images, in fp32, batch 64, 100 epochs, each in a process of its own (imports are not
counted). torchgeo's time is (2 epochs - 1 epoch) x 100, without validation or logging, which favours it. rsbench's is
the whole job: hashing and decoding the images, embedding them, 100 epochs of SGD.
Of the ratio, a factor of 100 is the number of epochs: features are computed once. torchgeo's option leaves BatchNorm
in training mode, so the two sides do not compute the same thing; only the work is compared.
"""

import argparse
import logging
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
from common import compare, report
from PIL import Image

from rsbench.backbones import create
from rsbench.checkpoints.read import sha256_file
from rsbench.datasets.images import load_image
from rsbench.memory import keep_heap
from rsbench.preprocessing import Preprocessor
from rsbench.probing.extract import extract
from rsbench.probing.protocols import PAPER
from rsbench.probing.solve import Problem, solve_sgd
from rsbench.weights import Preprocess

EPOCHS = 100


class Images(torch.utils.data.Dataset):
    """JPEG files as torchgeo's task wants them: float images (3, 64, 64) in [0, 1] and labels."""

    def __init__(self, paths, labels):
        self.paths, self.labels = paths, labels

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        pixels = np.array(Image.open(self.paths[index]).convert("RGB"))
        image = torch.from_numpy(pixels).permute(2, 0, 1).float().div_(255)
        return {"image": image, "label": int(self.labels[index])}


def torchgeo_seconds(paths, labels) -> float:
    """Seconds of 100 epochs, from the difference of two short fits."""
    from lightning.pytorch import Trainer
    from torchgeo.trainers import ClassificationTask

    class Task(ClassificationTask):
        def configure_optimizers(self):  # the paper's SGD; torchgeo's own schedule needs a validation loss
            trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
            return torch.optim.SGD(trained, lr=1e-4, momentum=0.9, weight_decay=5e-4)

    def fit(epochs):
        task = Task(model="resnet50", weights=None, in_channels=3, num_classes=10, freeze_backbone=True)
        loader = torch.utils.data.DataLoader(Images(paths, labels), batch_size=64, shuffle=True)
        trainer = Trainer(
            max_epochs=epochs, accelerator="cpu", devices=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0, num_sanity_val_steps=0,
        )  # fmt: skip
        start = time.perf_counter()
        trainer.fit(task, train_dataloaders=loader)
        return time.perf_counter() - start

    one = fit(1)
    return (fit(2) - one) * EPOCHS


def rsbench_seconds(paths, labels) -> float:
    """Seconds of the whole job: hash, load, embed, 100 epochs of SGD."""
    keep_heap()
    backbone = create("resnet50").freeze()
    preprocessor = Preprocessor(Preprocess(size=64))
    start = time.perf_counter()
    for path in paths:
        sha256_file(path)
    made = extract(backbone, load_image, paths, preprocessor)
    embedded = time.perf_counter()
    problem = Problem({"train": made.features}, {"train": labels}, 10, "train")
    solve_sgd(problem, PAPER, seed=0)
    end = time.perf_counter()
    print(f"    embedding {embedded - start:.2f} s ({made.images_per_second:.0f} images/s), SGD {end - embedded:.2f} s")
    return end - start


def choose(folder: Path, count: int) -> tuple[list[Path], np.ndarray]:
    """Returns ``count`` images of a class-folder dataset, the same ones every time, and their labels."""
    files = sorted(folder.rglob("*.jpg"))
    paths = [files[index] for index in np.random.default_rng(0).permutation(len(files))[:count]]
    names = sorted({path.parent.name for path in files})
    return paths, np.array([names.index(path.parent.name) for path in paths])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of EuroSAT class folders, or above")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=("torchgeo", "rsbench"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore")
        side = {"torchgeo": torchgeo_seconds, "rsbench": rsbench_seconds}[given.side]
        print(side(*choose(given.data, given.images)))
        return

    def measure(side: str) -> float:
        command = [sys.executable, __file__, "--data", str(given.data), "--images", str(given.images), "--side", side]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        *said, seconds = done.stdout.strip().splitlines()
        print("\n".join(said[-1:]), flush=True)
        return float(seconds)

    print(f"{given.images} images, {torch.get_num_threads()} threads, torch {torch.__version__}")
    sides = {side: partial(measure, side) for side in ("torchgeo", "rsbench")}
    report(compare(sides, given.rounds), "torchgeo")


if __name__ == "__main__":
    main()
