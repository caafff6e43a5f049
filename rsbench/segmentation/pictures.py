"""Pictures of predictions: image, truth and prediction side by side, readable without colour vision.

Colours are those of Okabe and Ito (Color Universal Design, 2008). What is wrong is hatched, too: of two classes, missed
areas one way and false ones the other way; of more, every wrong area over the colour of the class that was predicted.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rsbench.datasets.segmentation import IGNORE, Tile
from rsbench.segmentation.metrics import score_array
from rsbench.segmentation.predictions import confusions, read_masks

_BLUE, _VERMILLION, _YELLOW = (0, 114, 178), (213, 94, 0), (240, 228, 66)
_COLOURS = (_BLUE, (230, 159, 0), (0, 158, 115), (204, 121, 167), _YELLOW, (86, 180, 233), _VERMILLION)
_DARK, _BLACK, _WHITE, _PAPER, _INK = (45, 45, 45), (0, 0, 0), (255, 255, 255), (255, 255, 255), (30, 30, 30)
_TINT = 0.6  # of the colour of a class over the grey image
_SIDES = (256, 1024)  # pixels: smaller tiles are enlarged and larger ones made smaller, for hatching to show
_GAP, _MARGIN, _FONT = 6, 8, 15
_PERIOD, _LINE = 7, 2  # pixels of a hatching

Colour = tuple[int, int, int]


class Fill(NamedTuple):
    """How an area is drawn: a colour, and lines of another colour in one direction (``/``, ``\\`` or none)."""

    colour: Colour
    lines: Colour = _BLACK
    direction: str = ""


_RIGHT, _MISSED, _FALSE = Fill(_BLUE), Fill(_YELLOW, _BLACK, "\\"), Fill(_VERMILLION, _WHITE, "/")
_NOT_COUNTED = Fill(_DARK, (75, 75, 75), "\\")


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
            ((labels == 1) & (predicted == 1), _RIGHT, "right"),
            ((labels == 1) & (predicted == 0), _MISSED, "missed"),
            ((labels == 0) & (predicted == 1), _FALSE, "false"),
        ):
            _paint(guess, area, fill)
            legend.append((fill, f"{classes[1]}, {name}"))
        _paint(truth, labels == 1, _RIGHT)
    else:
        for index, name in enumerate(classes):
            fill = Fill(_colour(index))
            _paint(truth, labels == index, fill)
            _paint(guess, predicted == index, fill)
            legend.append((fill, name))
        _hatch(guess, labels != predicted, Fill(_BLACK, _BLACK, "/"))
        legend.append((Fill(_WHITE, _BLACK, "/"), "wrong"))
    if outside.any():
        for canvas in (truth, guess):
            _paint(canvas, outside, _NOT_COUNTED, opaque=True)
        legend.append((_NOT_COUNTED, "not counted"))
    pictures = [Image.fromarray(canvas.round().astype(np.uint8)) for canvas in (image, truth, guess)]
    return _sheet(pictures, ("image", "truth", "prediction"), caption, legend)


def choose(items: Sequence[str], scores: Sequence[float], count: int) -> list[int]:
    """Returns the indices of at most ``count`` items, evenly spaced from the worst to the best.

    Items without a score (NaN: the class is in neither truth nor prediction) come last, where the others are too few.
    Equal scores go by name.

    >>> choose(["a", "b", "c", "d"], [0.9, 0.1, float("nan"), 0.5], 2)
    [1, 0]
    """
    order = sorted(range(len(items)), key=lambda row: (np.nan_to_num(scores[row], nan=np.inf), items[row]))
    scored = [row for row in order if not np.isnan(scores[row])]
    if count >= len(scored):
        return order[:count]
    places = np.linspace(0, len(scored) - 1, count) if count > 1 else np.zeros(count)
    return [scored[place] for place in places.round().astype(int)]


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


def _colour(index: int) -> Colour:
    """Returns the colour of a class: the seven, then these darker, then lighter, then all again."""
    lap, place = divmod(index % (3 * len(_COLOURS)), len(_COLOURS))
    toward, share = ((0, 0.0), (0, 0.45), (255, 0.5))[lap]
    red, green, blue = (round((1 - share) * value + share * toward) for value in _COLOURS[place])
    return red, green, blue


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


def _paint(canvas: NDArray[np.float32], area: NDArray[np.bool_], fill: Fill, opaque: bool = False) -> None:
    share = 1.0 if opaque else _TINT
    canvas[area] = (1 - share) * canvas[area] + share * np.array(fill.colour, np.float32)
    _hatch(canvas, area, fill)


def _hatch(canvas: NDArray[np.float32], area: NDArray[np.bool_], fill: Fill) -> None:
    if fill.direction:
        rows, columns = np.ogrid[: area.shape[0], : area.shape[1]]
        along = rows + columns if fill.direction == "/" else rows - columns
        canvas[area & (along % _PERIOD < _LINE)] = fill.lines


def _sheet(
    pictures: Sequence[Image.Image], titles: Sequence[str], caption: str, legend: Sequence[tuple[Fill, str]]
) -> Image.Image:
    """Sets pictures side by side; caption and legend share a line if they fit, else the legend has lines below."""
    font = ImageFont.load_default(_FONT)
    line = _FONT + 6
    width, height = pictures[0].size
    whole = 2 * _MARGIN + 3 * width + 2 * _GAP
    keys = [_key(fill, name, font, line) for fill, name in legend]
    rows: list[list[Image.Image]] = [[]]
    space = whole - 3 * _MARGIN - font.getlength(caption)
    for key in keys:
        if sum(one.width for one in rows[-1]) + key.width > space:
            rows.append([])
            space = whole - 2 * _MARGIN
        rows[-1].append(key)
    sheet = Image.new("RGB", (whole, height + (len(rows) + 1) * line + 3 * _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left = _MARGIN + column * (width + _GAP)
        draw.text((left, _MARGIN // 2), title, _INK, font)
        sheet.paste(picture, (left, _MARGIN + line))
    top = height + line + 2 * _MARGIN
    draw.text((_MARGIN, top), caption, _INK, font)
    for number, row in enumerate(rows):
        left = whole - _MARGIN - sum(one.width for one in row)
        for key in row:
            sheet.paste(key, (left, top + number * line))
            left += key.width
    return sheet


def _key(fill: Fill, name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, line: int) -> Image.Image:
    swatch = np.full((line - 4, 2 * line, 3), 255.0, np.float32)
    _paint(swatch, np.ones(swatch.shape[:2], bool), fill, opaque=True)
    key = Image.new("RGB", (2 * line + round(font.getlength(name)) + 3 * _MARGIN, line), _PAPER)
    key.paste(Image.fromarray(swatch.astype(np.uint8)), (_MARGIN, 1))
    ImageDraw.Draw(key).text((2 * line + 2 * _MARGIN, 0), name, _INK, font)
    return key
