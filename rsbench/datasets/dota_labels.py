"""Label files of DOTA v1.0: a quadrilateral, a class and ``difficult`` in each line."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from rsbench.datasets.classes import DOTA as CLASSES
from rsbench.datasets.numbers import FAR
from rsbench.errors import UserError, near_miss

_LATER = {"container-crane": "1.5", "airport": "2.0", "helipad": "2.0"}  # classes that v1.0 does not have
_HEADER = ("imagesource:", "gsd:")
_POLYGONAL = (3, 6)  # shapely's type ids of Polygon and MultiPolygon
_FORM = "A line reads x1 y1 x2 y2 x3 y3 x4 y4 class difficult, as in 1054 1028 1063 1011 1111 1040 1112 1062 ship 0."


@dataclass(frozen=True, eq=False)
class Labels:
    """The objects of an image.

    Args:
        corners: float64 (N, 4, 2): x and y of the corners in pixels, in the order of the file.
        labels: int64 (N,), indices into ``CLASSES``.
        difficult: bool (N,).
        no_area: lines that were left out, for their quadrilateral encloses nothing.
    """

    corners: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray
    no_area: int = 0

    def __len__(self) -> int:
        return len(self.corners)


def read_labels(path: str | Path) -> Labels:
    """Reads a label file.

    The header lines ``imagesource:`` and ``gsd:`` may be there or not, and blank lines too. Quadrilaterals without
    area are left out and counted: one of them is no reason to refuse a dataset of 188,282 objects.

    Raises:
        UserError: it names file and line.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"The label file {path} cannot be read: {error.strerror}.", "Restore it.") from None
    except UnicodeDecodeError:
        raise UserError(f"The label file {path} is no text in UTF-8.", "Restore it from its archive.") from None
    corners: list[list[float]] = []
    labels: list[int] = []
    difficult: list[bool] = []
    number_of = {name: number for number, name in enumerate(CLASSES)}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split()
        if not words or (not corners and words[0].lower().startswith(_HEADER)):
            continue
        where = f"{path}, line {number}"
        if len(words) != 10:
            raise UserError(f"{where}: it has {len(words)} fields, not 10.", _FORM)
        corners.append([_coordinate(where, word) for word in words[:8]])
        labels.append(_label(where, words[8], number_of))
        difficult.append(_difficult(where, words[9]))
    found = Labels(
        np.array(corners, np.float64).reshape(-1, 4, 2), np.array(labels, np.int64), np.array(difficult, bool)
    )
    some = outlines(found.corners)
    kept = shapely.area(some) > 0
    return Labels(found.corners[kept], found.labels[kept], found.difficult[kept], int((~kept).sum()))


def outlines(corners: np.ndarray) -> np.ndarray:
    """Returns quadrilaterals (N, 4, 2) as shapely geometries; one that crosses itself as what it encloses."""
    shapes = np.asarray(shapely.polygons(corners) if len(corners) else np.zeros(0, object))
    crossed = ~shapely.is_valid(shapes)
    shapes[crossed] = polygonal(shapely.make_valid(shapes[crossed]))
    return shapes


def polygonal(shapes: np.ndarray) -> np.ndarray:
    """Drops points and lines from geometries; what is then left is a polygon, several or an empty one."""
    kept = np.array(shapes, object)
    for place in np.flatnonzero(~np.isin(shapely.get_type_id(kept), _POLYGONAL)):
        pieces = [piece for piece in shapely.get_parts(kept[place]) if shapely.get_type_id(piece) in _POLYGONAL]
        kept[place] = shapely.union_all(pieces) if pieces else shapely.Polygon()
    return kept


def _coordinate(where: str, word: str) -> float:
    try:
        value = float("" if "_" in word or not word.isascii() else word)  # Python reads 1_0 as 10
    except ValueError:
        raise UserError(f"{where}: the coordinate {word!r} is no number.", _FORM) from None
    if not math.isfinite(value):
        raise UserError(f"{where}: the coordinate {word!r} is not finite.", _FORM)
    if abs(value) > FAR:
        raise UserError(f"{where}: the coordinate {word!r} lies beyond {FAR:,.0f} pixels.", _FORM)
    return value


def _label(where: str, name: str, number_of: Mapping[str, int]) -> int:
    if name not in number_of:
        if name in _LATER:
            hint = f"It is a class of DOTA v{_LATER[name]}: take the labels of v1.0, labelTxt-v1.0."
        elif name.isdigit():
            hint = f"Classes are names: their order differs between programs. {_FORM}"
        else:
            hint = near_miss(name, number_of)
        raise UserError(f"{where}: there is no class {name!r} in DOTA v1.0.", hint)
    return number_of[name]


def _difficult(where: str, word: str) -> bool:
    if word == "2":
        raise UserError(
            f"{where}: difficult is 2, the mark of parts of objects in images that are cut into tiles already.",
            "Take the images and labels as they were published.",
        )
    if word not in ("0", "1"):
        raise UserError(f"{where}: difficult is {word!r}, neither 0 nor 1.", _FORM)
    return word == "1"
