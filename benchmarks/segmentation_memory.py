"""Peak memory of evaluation over a few and over many tiles, each in a process of its own.

python benchmarks/segmentation_memory.py --tiles 50 800
"""

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rsbench.backbones import create
from rsbench.datasets.segmentation import SegmentationDataset
from rsbench.datasets.splits import SplitList
from rsbench.fabric import launch_on
from rsbench.memory import keep_heap
from rsbench.plugins import load
from rsbench.preprocessing import Preprocessor
from rsbench.request import Request, peak_memory
from rsbench.segmentation.data import Tiles
from rsbench.segmentation.evaluate import predict
from rsbench.segmentation.heads import build_head
from rsbench.segmentation.model import Segmenter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiles", type=int, nargs="+", default=[50, 800])
    given = parser.parse_args()
    if len(given.tiles) == 1:
        print(evaluate(given.tiles[0]))
        return
    for count in given.tiles:
        command = [sys.executable, __file__, "--tiles", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        print(f"{count:>6} tiles: peak {done.stdout.split()[-1]} MiB")


def evaluate(count: int) -> int:
    """Predicts ``count`` made-up tiles of Rio's size and returns the peak of this process in MiB."""
    keep_heap()
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (406, 439, 3), dtype=np.uint8)
    labels = (rng.random((406 // 29, 439)) > 0.8).repeat(29, axis=0).astype(np.uint8)
    items = tuple(f"tile{number:05d}" for number in range(count))
    found = load()
    task = found.task("spacenet-rio")
    dataset = SegmentationDataset(
        name="made-up",
        classes=task.classes,
        parts={"val": items},
        files=lambda key: (),
        read_image=lambda key: image.copy(),
        read_labels=lambda key: labels.copy(),
    )
    method, variant = found.method("random/nano")
    request = Request(
        method=method, variant=variant, task=task, protocol=task.protocol("frozen"), dataset=dataset,
        split=SplitList("made-up", {"val": items}, "0" * 64), data="demo",
    )  # fmt: skip
    backbone = create("nano").freeze()
    head, _ = build_head(backbone, 2, 448, request.protocol.settings)
    tiles = Tiles(dataset, Preprocessor(method.weights(variant).preprocess, 448), "background")
    with TemporaryDirectory() as folder:
        predict(request, launch_on("cpu", "fp32"), Segmenter(backbone, head, 0.0), tiles, ("val",), Path(folder))
    return peak_memory()


if __name__ == "__main__":
    main()
