"""Writes demo scenes as DOTA v1.0, PNG images and text files with corners of rotated boxes, and cuts them to tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from rsbench.datasets.demo.canvas import Scene
from rsbench.datasets.demo.crop import crop
from rsbench.datasets.demo.scene import VERSION, render
from rsbench.datasets.demo.shapes import Points, area, hull
from rsbench.datasets.demo.writers import SPLIT_FILE, write_once
from rsbench.datasets.dota_layout import TITLE
from rsbench.datasets.dota_prepare import prepare
from rsbench.datasets.dota_splits import official
from rsbench.datasets.dota_tiles import Settings
from rsbench.datasets.splits import SplitList, write_split
from rsbench.errors import UserError

KINDS = ("port", "airfield", "leisure", "waste", "leisure", "airfield", "port")
SIZES = (
    (256, 256), (256, 256), (448, 256), (256, 256), (240, 224), (448, 448), (256, 256), (256, 256),
)  # fmt: skip  # width and height
CLASSES = (
    "plane", "baseball-diamond", "small-vehicle", "large-vehicle", "ship", "tennis-court", "basketball-court",
    "storage-tank", "harbor", "swimming-pool",
)  # fmt: skip  # those of the 15 that the scenes show
FOLDER = "DOTA-v1.0"
COUNTS = {"train": 17, "val": 12}  # images
FEWEST = 3
TILES = Settings(tile=256, stride=192)
_WITHOUT_HEADER = 2  # number of an image whose labels have no header lines, as some of the real ones
_CLEAR = 0.5  # things of which less is inside the image are marked as difficult


def write_dota(root: str | Path, seed: int = 0, *, counts: Mapping[str, int] = COUNTS) -> SplitList:
    """Writes demo scenes as ``root/DOTA-v1.0/<part>/{images,labelTxt}`` and cuts them, unless they are there.

    Args:
        root: folder that receives ``DOTA-v1.0``.
        seed: of the scenes.
        counts: images of train and of val; at least 3 each.

    Returns:
        The tiles of both parts; those of the images are also kept as ``root/DOTA-v1.0/demo_split.txt``.

    Raises:
        UserError: the folder holds something else, such as the real dataset or scenes of another seed.
    """
    if list(counts) != list(COUNTS) or min(counts.values()) < FEWEST:
        raise UserError(f"{dict(counts)} are no numbers of demo images.", f"Ask for {FEWEST} or more of train and val.")
    name = f"demo-v{VERSION}-seed{seed}-{'-'.join(map(str, counts.values()))}"

    def fill(partial: Path) -> None:
        write_images(partial, seed, counts)
        prepare(partial, settings=TILES, workers=1)
        parts = [part for part, count in counts.items() for _ in range(count)]
        write_split(
            partial / SPLIT_FILE,
            name=name,
            ids="{class}/P{number:04d}.png",
            assignment={"images": parts},
            origin=[f"Demo scenes drawn by rsbench in the layout of {TITLE}; none of them is a real image."],
        )

    write_once(root, FOLDER, name, fill)
    return replace(official(Path(root).expanduser() / FOLDER), name=name)


def write_images(folder: Path, seed: int, counts: Mapping[str, int]) -> None:
    """Writes ``folder/<part>/images/P0001.png`` and ``folder/<part>/labelTxt/P0001.txt``; no number is in two parts.

    Args:
        folder: that receives the parts.
        seed: of the scenes.
        counts: images in each part.
    """
    number = 0
    for part, count in counts.items():
        for name in ("images", "labelTxt"):
            (folder / part / name).mkdir(parents=True)
        for k in range(count):
            number += 1
            width, height = SIZES[k % len(SIZES)]
            whole = render(f"objects/{KINDS[k % len(KINDS)]}", max(width, height), f"dota/{seed}/{part}/{k + 1}")
            scene = crop(whole, width, height)
            Image.fromarray(scene.image).save(folder / part / "images" / f"P{number:04d}.png")
            header = "" if number == _WITHOUT_HEADER else f"imagesource:rsbench\ngsd:{scene.metres_per_pixel:.12f}\n"
            (folder / part / "labelTxt" / f"P{number:04d}.txt").write_text(header + _labels(scene), encoding="utf-8")


def _labels(scene: Scene) -> str:
    """Returns a line for each thing: four corners, clockwise on the screen, class, difficult."""
    height, width = scene.image.shape[:2]
    lines = []
    for thing in scene.objects:
        name = thing.class_name.replace("_", "-")
        if name in CLASSES:
            corners = " ".join(f"{value:.1f}" for value in quadrilateral(thing.polygon, width, height).ravel())
            lines.append(f"{corners} {name} {int(thing.visible < _CLEAR)}\n")
    return "".join(lines)


def quadrilateral(outline: Points, width: int, height: int) -> Points:
    """Returns the corners of the smallest rectangle around an outline inside an image, clockwise on the screen.

    One that would reach out of the image by more than a tenth of a pixel is replaced by the upright one.

    >>> quadrilateral(np.array([[1, 1], [5, 1], [5, 3], [3, 3], [1, 3]]), 10, 10).tolist()
    [[1.0, 1.0], [5.0, 1.0], [5.0, 3.0], [1.0, 3.0]]
    """
    edges = np.asarray(outline, np.float64)
    chain = hull(edges)
    sides = np.roll(chain, -1, axis=0) - chain
    boxes = [_box(edges, math.atan2(y, x)) for x, y in sides.tolist()]
    best = min(boxes, key=area)
    if best.min() < -0.1 or (best.max(0) > [width + 0.1, height + 0.1]).any():
        best = _box(edges, 0.0)
    return np.clip(best, 0, [width, height])


def _box(points: Points, angle: float) -> Points:
    """Returns the corners of the box around points whose sides have the direction ``angle``."""
    axes = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turned = points @ axes
    (left, top), (right, bottom) = turned.min(0), turned.max(0)
    corners: Points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) @ axes.T
    return corners
