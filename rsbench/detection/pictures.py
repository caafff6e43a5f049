"""Pictures of detections: image, truth and detections side by side, readable without colour vision.

Of an image with N objects the N best detections are drawn: so many that all could be right. What is right has a solid
frame, what is missed a dotted one, what is false a dashed one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from pycocotools import mask as coco

from rsbench.datasets.detection import RLE, DetectionDataset, Objects
from rsbench.datasets.run_lengths import decode
from rsbench.detection.detections import Detections
from rsbench.detection.predictions import read_matches
from rsbench.drawing import FALSE, MISSED, RIGHT, Fill, choose, paint, sheet

_SIDES = (320, 900)  # pixels: smaller images are enlarged and larger ones made smaller
_OVERLAP = 0.5
_WIDTH = 2
_DASHES = {RIGHT: (1, 0), MISSED: (2, 4), FALSE: (8, 5)}  # pixels drawn and left out
_NAMES = {RIGHT: "right (solid)", MISSED: "missed (dotted)", FALSE: "false (dashed)"}
_FONT = 12


class Shape(NamedTuple):
    """What is drawn of an object: its box, its mask where there is one, how, and the words beside it."""

    box: np.ndarray
    mask: RLE | None
    fill: Fill
    words: str


def panel(
    image: np.ndarray, objects: Objects, found: Detections, hits: np.ndarray, classes: Sequence[str], caption: str
) -> Image.Image:
    """Draws one image: itself, its objects, the best detections, with a caption and a legend below.

    Args:
        image: uint8 (H, W, 3).
        objects: those that are marked as crowd are not drawn.
        found: detections, of which as many are drawn as there are objects.
        hits: bool (D,), whether a detection matches an object at an overlap of 0.5.
        classes: names in label order.
        caption: a line of text.
    """
    real = np.flatnonzero(~objects.crowd)
    best = best_detections(objects, found)
    got = _found(objects, real, found, best)
    truth = [
        Shape(objects.boxes[i], _mask(objects, i), RIGHT if hit else MISSED, classes[objects.labels[i]])
        for i, hit in zip(real, got, strict=True)
    ]
    guess = [
        Shape(
            found.boxes[i], _mask(found, i), RIGHT if hits[i] else FALSE,
            f"{classes[found.labels[i]]} {found.scores[i]:.2f}",
        )
        for i in best
    ]  # fmt: skip
    pictures = [_scaled(image), _drawn(image, truth), _drawn(image, guess)]
    legend = [(Fill(fill.colour), name) for fill, name in _NAMES.items()]
    return sheet(pictures, ("image", "truth", "best detections"), caption, legend)


def _mask(shapes: Objects | Detections, index: Any) -> RLE | None:
    return shapes.masks[index] if shapes.masks is not None else None


def best_detections(objects: Objects, found: Detections) -> np.ndarray:
    """Returns the indices of as many detections as there are objects, the best first."""
    return np.argsort(-found.scores, kind="stable")[: int((~objects.crowd).sum())]


def draw_images(
    folder: Path,
    dataset: DetectionDataset,
    file: Path,
    found: Mapping[str, Detections],
    part: str,
    count: int,
) -> Path:
    """Draws some images of a part, from the worst to the best, and returns the folder with a PNG of each.

    Images are ordered by the share of their N best detections that is right, N being their number of objects; those
    without objects come last.

    Args:
        folder: is made anew; what an earlier call left in it goes.
        dataset: reads the images.
        file: of the predictions of the run.
        found: detections by item.
        part: of the split.
        count: how many at most.
    """
    matches = read_matches(file, part)
    ends = [0, *matches.ends.tolist()]
    hits = {item: matches.hits[ends[i] : ends[i + 1]] & 1 > 0 for i, item in enumerate(matches.items)}
    items = list(matches.items)
    values = []
    for item in items:
        objects = dataset.objects(item)
        total = int((~objects.crowd).sum())
        right = int(hits[item][best_detections(objects, found[item])].sum())
        values.append(right / total if total else float("nan"))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    chosen = choose(items, values, count)
    for rank, row in enumerate(chosen, start=1):
        item, value = items[row], values[row]
        image, objects = dataset.load(item)
        total = int((~objects.crowd).sum())
        shown = f"{round(value * total)} of the {total} best detections right" if total else "no objects"
        drawn = panel(image, objects, found[item], hits[item], dataset.classes, f"{Path(item).name}: {shown}")
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", item.removesuffix(Path(item).suffix))
        drawn.save(folder / f"{rank:0{len(str(len(chosen)))}}-{name}.png")
    return folder


def _found(objects: Objects, real: np.ndarray, found: Detections, best: np.ndarray) -> list[bool]:
    """Returns for each object whether a drawn detection of its class overlaps it by half."""
    if not len(real) or not len(best):
        return [False] * len(real)
    if objects.masks and found.masks:
        overlap = coco.iou(
            [dict(found.masks[i]) for i in best], [dict(objects.masks[i]) for i in real], [0] * len(real)
        )
    else:
        overlap = coco.iou(found.boxes[best], objects.boxes[real], [0] * len(real))
    same = found.labels[best][:, None] == objects.labels[real][None, :]
    hit: list[bool] = ((overlap >= _OVERLAP) & same).any(axis=0).tolist()
    return hit


def _factor(size: Sequence[int]) -> float:
    """Returns by how much an image is enlarged (by a whole number) or made smaller."""
    least, most = _SIDES
    longest = max(size)
    return most / longest if longest > most else float(-(-least // longest))


def _scaled(image: np.ndarray) -> Image.Image:
    factor = _factor(image.shape[:2])
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    way = Image.Resampling.BOX if factor < 1 else Image.Resampling.NEAREST
    return Image.fromarray(image).resize(size, way)


def _drawn(image: np.ndarray, shapes: Sequence[Shape]) -> Image.Image:
    """Draws shapes over a pale image; the words stand at the upper left corner of a box where there is room."""
    size = (image.shape[0], image.shape[1])
    canvas = np.repeat(image.astype(np.float32).mean(axis=2, keepdims=True) * 0.7 + 60, 3, axis=2)
    for shape in shapes:
        if shape.mask is not None:
            paint(canvas, decode([shape.mask], size)[0] > 0, Fill(shape.fill.colour))
    picture = _scaled(canvas.round().astype(np.uint8))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(_FONT)
    taken: list[tuple[float, float, float, float]] = []
    for shape in shapes:
        left, top, width, height = (float(value) * _factor(size) for value in shape.box)
        _frame(draw, (left, top, left + width, top + height), shape.fill)
        place = (left, max(top - _FONT - 3, 0), left + font.getlength(shape.words), max(top - _FONT - 3, 0) + _FONT + 2)
        if place[2] <= picture.width and not any(_meet(place, other) for other in taken):
            taken.append(place)
            draw.rectangle(place, fill=(255, 255, 255))
            draw.text(place[:2], shape.words, (20, 20, 20), font)
    return picture


def _frame(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], fill: Fill) -> None:
    left, top, right, bottom = box
    on, off = _DASHES[fill]
    for start, end in (
        ((left, top), (right, top)), ((right, top), (right, bottom)),
        ((right, bottom), (left, bottom)), ((left, bottom), (left, top)),
    ):  # fmt: skip
        length = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1.0)
        for at in np.arange(0, length, on + off) if off else [0.0]:
            shares = at / length, min((at + on) / length, 1.0) if off else 1.0
            points = [tuple(a + (b - a) * share for a, b in zip(start, end, strict=True)) for share in shares]
            draw.line(points, fill.colour, _WIDTH)


def _meet(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
