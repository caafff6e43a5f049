"""What pictures of predictions have in common: colours and patterns that do without colour vision, sheets, a choice.

Colours are those of Okabe and Ito (Color Universal Design, 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

BLUE, VERMILLION, YELLOW = (0, 114, 178), (213, 94, 0), (240, 228, 66)
_COLOURS = (BLUE, (230, 159, 0), (0, 158, 115), (204, 121, 167), YELLOW, (86, 180, 233), VERMILLION)
DARK, BLACK, WHITE, PAPER, INK = (45, 45, 45), (0, 0, 0), (255, 255, 255), (255, 255, 255), (30, 30, 30)
_TINT = 0.6  # of the colour of a class over the grey image
_GAP, _MARGIN, _FONT = 6, 8, 15
_PERIOD, _LINE = 7, 2  # pixels of a hatching

Colour = tuple[int, int, int]


class Fill(NamedTuple):
    """How an area is drawn: a colour, and lines of another colour in one direction (``/``, ``\\`` or none)."""

    colour: Colour
    lines: Colour = BLACK
    direction: str = ""


RIGHT, MISSED, FALSE = Fill(BLUE), Fill(YELLOW, BLACK, "\\"), Fill(VERMILLION, WHITE, "/")


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


def colour(index: int) -> Colour:
    """Returns the colour of a class: the seven, then these darker, then lighter, then all again."""
    lap, place = divmod(index % (3 * len(_COLOURS)), len(_COLOURS))
    toward, share = ((0, 0.0), (0, 0.45), (255, 0.5))[lap]
    red, green, blue = (round((1 - share) * value + share * toward) for value in _COLOURS[place])
    return red, green, blue


def paint(canvas: NDArray[np.float32], area: NDArray[np.bool_], fill: Fill, opaque: bool = False) -> None:
    """Fills an area, bool (H, W), of a canvas, float32 (H, W, 3); the canvas shows through unless ``opaque``."""
    share = 1.0 if opaque else _TINT
    canvas[area] = (1 - share) * canvas[area] + share * np.array(fill.colour, np.float32)
    hatch(canvas, area, fill)


def hatch(canvas: NDArray[np.float32], area: NDArray[np.bool_], fill: Fill) -> None:
    """Draws the lines of a fill over an area of a canvas."""
    if fill.direction:
        rows, columns = np.ogrid[: area.shape[0], : area.shape[1]]
        along = rows + columns if fill.direction == "/" else rows - columns
        canvas[area & (along % _PERIOD < _LINE)] = fill.lines


def sheet(
    pictures: Sequence[Image.Image], titles: Sequence[str], caption: str, legend: Sequence[tuple[Fill, str]]
) -> Image.Image:
    """Sets pictures side by side; caption and legend share a line if they fit, else the legend has lines below."""
    font = ImageFont.load_default(_FONT)
    line = _FONT + 6
    width, height = pictures[0].size
    whole = 2 * _MARGIN + len(pictures) * width + (len(pictures) - 1) * _GAP
    keys = [_key(fill, name, font, line) for fill, name in legend]
    rows: list[list[Image.Image]] = [[]]
    space = whole - 3 * _MARGIN - font.getlength(caption)
    for key in keys:
        if sum(one.width for one in rows[-1]) + key.width > space:
            rows.append([])
            space = whole - 2 * _MARGIN
        rows[-1].append(key)
    sheet = Image.new("RGB", (whole, height + (len(rows) + 1) * line + 3 * _MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        left = _MARGIN + column * (width + _GAP)
        draw.text((left, _MARGIN // 2), title, INK, font)
        sheet.paste(picture, (left, _MARGIN + line))
    top = height + line + 2 * _MARGIN
    draw.text((_MARGIN, top), caption, INK, font)
    for number, row in enumerate(rows):
        left = whole - _MARGIN - sum(one.width for one in row)
        for key in row:
            sheet.paste(key, (left, top + number * line))
            left += key.width
    return sheet


def _key(fill: Fill, name: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, line: int) -> Image.Image:
    swatch = np.full((line - 4, 2 * line, 3), 255.0, np.float32)
    paint(swatch, np.ones(swatch.shape[:2], bool), fill, opaque=True)
    key = Image.new("RGB", (2 * line + round(font.getlength(name)) + 3 * _MARGIN, line), PAPER)
    key.paste(Image.fromarray(swatch.astype(np.uint8)), (_MARGIN, 1))
    ImageDraw.Draw(key).text((2 * line + 2 * _MARGIN, 0), name, INK, font)
    return key
