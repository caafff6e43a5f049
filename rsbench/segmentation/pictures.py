"""Pictures of predictions: image, truth and prediction side by side, readable without colour vision.

Colours are those of Okabe and Ito (Color Universal Design, 2008). What is wrong is hatched, too: of two classes, missed
areas one way and false ones the other way; of more, every wrong area over the colour of the class that was predicted.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rsbench.datasets.segmentation import IGNORE, Tile
from rsbench.drawing import BLACK, DARK, FALSE, MISSED, RIGHT, WHITE, Fill, choose, colour, hatch, paint, sheet
from rsbench.segmentation.metrics import score_array
from rsbench.segmentation.predictions import confusions, read_masks

_SIDES = (256, 1024)  # pixels: smaller tiles are enlarged and larger ones made smaller, for hatching to show
_NOT_COUNTED = Fill(DARK, (75, 75, 75), "\\")


def panel(
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    predicted: NDArray[np.uint8],
    classes: Sequence[str],
    caption: str,
) -> Image.Image:
    """Draws one tile: image, truth and prediction, with a caption and a legend below.

    Args:
        image: uint8 (H, W, 3).
        labels: uint8 (H, W), ``IGNORE`` where nothing is counted.
        predicted: uint8 (H, W).
        classes: names in label order; of two, the first is not tinted.
        caption: a line of text.
    """
    image, labels, predicted = _scaled(image, labels, predicted)
    grey = np.repeat(image.astype(np.float32).mean(axis=2, keepdims=True) * 0.7 + 60, 3, axis=2)
    truth, guess, legend = grey.copy(), grey.copy(), []
    outside = labels == IGNORE
    if len(classes) == 2:
        for area, fill, name in (
            ((labels == 1) & (predicted == 1), RIGHT, "right"),
            ((labels == 1) & (predicted == 0), MISSED, "missed"),
            ((labels == 0) & (predicted == 1), FALSE, "false"),
        ):
            paint(guess, area, fill)
            legend.append((fill, f"{classes[1]}, {name}"))
        paint(truth, labels == 1, RIGHT)
    else:
        for index, name in enumerate(classes):
            fill = Fill(colour(index))
            paint(truth, labels == index, fill)
            paint(guess, predicted == index, fill)
            legend.append((fill, name))
        hatch(guess, labels != predicted, Fill(BLACK, BLACK, "/"))
        legend.append((Fill(WHITE, BLACK, "/"), "wrong"))
    if outside.any():
        for canvas in (truth, guess):
            paint(canvas, outside, _NOT_COUNTED, opaque=True)
        legend.append((_NOT_COUNTED, "not counted"))
    pictures = [Image.fromarray(canvas.round().astype(np.uint8)) for canvas in (image, truth, guess)]
    return sheet(pictures, ("image", "truth", "prediction"), caption, legend)


def draw_tiles(
    folder: Path, load: Callable[[str], Tile], file: Path, part: str, classes: Sequence[str], count: int
) -> Path:
    """Draws some tiles of a part, from the worst to the best, and returns the folder with a PNG of each.

    Tiles are ordered by the IoU of the second of two classes, of more by mIoU, each on its own tile.

    Args:
        folder: is made anew; what an earlier call left in it goes.
        load: reads a tile with labels as they are counted.
        file: of predictions.
        part: of the split.
        classes: names in label order.
        count: how many at most.
    """
    items, counts = confusions(file, part)
    values = score_array(counts)[:, 4 if len(classes) == 2 else 0]  # in the order of score_names
    chosen = choose(items, values.tolist(), count)
    masks = read_masks(file, part, [items[row] for row in chosen])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    title = f"{classes[1]} IoU" if len(classes) == 2 else "mIoU"
    for rank, row in enumerate(chosen, start=1):
        item, tile = items[row], load(items[row])
        shown = "does not exist" if np.isnan(values[row]) else f"{100 * values[row]:.1f} %"
        drawn = panel(tile.image, tile.labels, masks[item], classes, f"{item}: {title} of this tile {shown}")
        drawn.save(folder / f"{rank:0{len(str(len(chosen)))}}-{re.sub(r'[^A-Za-z0-9_.-]', '_', item)}.png")
    return folder


def _scaled(*arrays: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Enlarges small tiles by a whole number, makes large ones smaller; labels keep their values."""
    height, width = arrays[0].shape[0], arrays[0].shape[1]
    least, most = _SIDES
    if max(height, width) > most:
        factor = most / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        ways = [Image.Resampling.BOX if array.ndim == 3 else Image.Resampling.NEAREST for array in arrays]
        return [np.asarray(Image.fromarray(a).resize(size, way)) for a, way in zip(arrays, ways, strict=True)]
    times = -(-least // max(height, width))
    return [array.repeat(times, axis=0).repeat(times, axis=1) for array in arrays]
