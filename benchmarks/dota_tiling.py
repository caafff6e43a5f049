"""Cutting DOTA into tiles: rsbench with one process and with all cores, against a plain loop.

    python benchmarks/dota_tiling.py [--data DIR] [--images 16] [--side 2400]

The plain loop opens the image anew for every tile, crops and saves it, with the same compression, and leaves the
objects alone. rsbench decodes each image once and writes annotations too. Without --data, images are smooth noise with
edges, 300 objects on each; a folder in the layout of DOTA is better.
"""

import argparse
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from common import compare, report
from PIL import Image

from rsbench.datasets.dota_layout import find_parts
from rsbench.datasets.dota_prepare import prepare
from rsbench.datasets.dota_tiles import Settings, tile_name, tiles_of

OBJECTS = 300


def draw(root: Path, images: int, side: int) -> None:
    """Writes images and labels as they are published."""
    for name in ("images", "labelTxt"):
        (root / name).mkdir()
    for number in range(images):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 255, (side // 40, side // 40, 3), np.uint8))
        pixels = np.asarray(coarse.resize((side, side), Image.Resampling.NEAREST)).astype(np.int16)
        pixels += rng.integers(-6, 7, pixels.shape, np.int16)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / "images" / f"P{number:04d}.png")
        lines = []
        for x, y in rng.integers(0, side - 40, (OBJECTS, 2)).tolist():
            lines.append(f"{x} {y + 10} {x + 30} {y} {x + 36} {y + 12} {x + 6} {y + 22} ship 0\n")
        (root / "labelTxt" / f"P{number:04d}.txt").write_text("".join(lines))


def plain(root: Path, target: Path, settings: Settings) -> None:
    """Opens the image for every tile."""
    target.mkdir()
    for sources in find_parts(root).values():
        for source in sources:
            with Image.open(source.image) as image:
                width, height = image.size
            for left, top, right, bottom in tiles_of(height, width, settings).tolist():
                with Image.open(source.image) as image:
                    tile = image.convert("RGB").crop((left, top, right, bottom))
                tile.save(target / tile_name(source.stem, left, top), compress_level=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--side", type=int, default=2400)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    settings = Settings()
    with TemporaryDirectory() as name:
        root, target = given.data or Path(name) / "drawn", Path(name) / "tiles"
        if given.data is None:
            root.mkdir()
            draw(root, given.images, given.side)

        def ours(workers: int) -> None:
            prepare(root, target, settings, workers)

        def fresh() -> None:
            shutil.rmtree(target, ignore_errors=True)

        cores = os.cpu_count() or 1
        sides = {
            "plain loop": lambda: (fresh(), plain(root, target, settings))[0],
            "rsbench, 1 process": lambda: (fresh(), ours(1))[0],
            f"rsbench, {cores} processes": lambda: (fresh(), ours(cores))[0],
        }
        seconds = compare(sides, given.rounds)
        count = sum(map(len, find_parts(root).values()))
        print(f"{count} images, {len(list(target.rglob('*.png')))} tiles")
        report(seconds, "plain loop")


if __name__ == "__main__":
    main()
