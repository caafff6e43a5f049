"""Writes demo scenes as DOTA v1.0: PNG images and text files with the corners of rotated boxes, apart for each part."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from rsbench.datasets.demo.canvas import Scene
from rsbench.datasets.demo.crop import crop
from rsbench.datasets.demo.scene import render
from rsbench.datasets.demo.shapes import Points, area, hull

KINDS = ("port", "airfield", "leisure", "waste", "leisure", "airfield", "port")
SIZES = (
    (256, 256), (256, 256), (448, 256), (256, 256), (240, 224), (448, 448), (256, 256), (256, 256),
)  # fmt: skip  # width and height
CLASSES = (
    "plane", "baseball-diamond", "small-vehicle", "large-vehicle", "ship", "tennis-court", "basketball-court",
    "storage-tank", "harbor", "swimming-pool",
)  # fmt: skip  # those of the 15 that the scenes show
_WITHOUT_HEADER = 2  # number of an image whose labels have no header lines, as some of the real ones
_CLEAR = 0.5  # things of which less is inside the image are marked as difficult


def write_images(folder: Path, seed: int, counts: dict[str, int]) -> None:
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
