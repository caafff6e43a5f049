"""Cutting images of DOTA into tiles: where the tiles lie, and which part of an object is in which tile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import shapely

from rsbench.datasets.dota_labels import Labels, outlines, polygonal
from rsbench.errors import UserError, near_miss

SMALLEST = 1.0  # pixels: an object of which a narrower strip is in a tile is not there, whatever the policy
_CHOICES = {"cut": ("drop", "crowd", "keep"), "difficult": ("keep", "drop", "crowd"), "area": ("polygon", "box")}
_ROUNDING = 1e-9  # of a share: one that is exactly what is asked for is enough
_DIGITS = 3  # of coordinates in files


@dataclass(frozen=True)
class Settings:
    """How images become tiles and quadrilaterals become boxes.

    Args:
        tile: side of a tile in pixels; an image that is smaller gives one tile of its own size.
        stride: from one tile to the next; the last one of a row is moved back to the border of the image.
        inside: share of the area of an object that must be in the tile for it to be kept.
        cut: what becomes of objects of which less is inside: ``drop``, ``crowd`` (nothing is learned or counted
            there) or ``keep``.
        difficult: what becomes of objects that are marked so: ``keep``, ``drop`` or ``crowd``.
        area: what makes an object small, medium or large: the area of its ``polygon`` or of its ``box``.

    Raises:
        UserError: a value that cannot be.

    >>> Settings(tile=1024, stride=824, difficult="drop").name
    'tiles-1024-824-difficult-drop'
    """

    tile: int = 800
    stride: int = 640
    inside: float = 0.7
    cut: str = "drop"
    difficult: str = "keep"
    area: str = "polygon"

    def __post_init__(self) -> None:
        if not 32 <= self.tile <= 8192:
            raise UserError(f"Tiles of {self.tile} pixels are not made.", "Choose a side between 32 and 8192.")
        if not 1 <= self.stride <= self.tile:
            raise UserError(
                f"A stride of {self.stride} pixels with tiles of {self.tile} leaves gaps or stands still.",
                f"Choose one between 1 and {self.tile}.",
            )
        if not 0 < self.inside <= 1:
            raise UserError(
                f"The share inside, {self.inside}, is not above 0 and at most 1.", "Choose one, such as 0.7."
            )
        for key, known in _CHOICES.items():
            if getattr(self, key) not in known:
                raise UserError(f"{key} cannot be {getattr(self, key)!r}.", near_miss(str(getattr(self, key)), known))

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Returns settings from a mapping; UserError for an unknown name."""
        known = [field.name for field in fields(cls)]
        for key in values:
            if key not in known:
                raise UserError(f"Tiles of DOTA have no setting {key!r}.", near_miss(key, known))
        return cls(**values)

    @property
    def name(self) -> str:
        """The name of a folder of such tiles: it says all that is not the default."""
        usual = Settings()
        odd = [key for key in ("inside", *_CHOICES) if getattr(self, key) != getattr(usual, key)]
        return "-".join([f"tiles-{self.tile}-{self.stride}", *(f"{key}-{getattr(self, key)}" for key in odd)])

    def as_dict(self) -> dict[str, Any]:
        """Returns the settings by name."""
        return asdict(self)


@dataclass(frozen=True)
class Counts:
    """What became of the objects of one or more images.

    Args:
        objects: that the label files have, those without area too.
        no_area: that enclose nothing and are left out.
        outside: that lie outside their image and are left out.
        difficult: that are marked so.
        annotations: objects in tiles, as often as they are there.
        crowd: of these, those in which nothing counts.
        cut: parts of objects in tiles with less than the share inside; dropped unless the policy is another.
        nowhere: objects that are to be found and stand in no tile: every tile has too little of them.
    """

    objects: int = 0
    no_area: int = 0
    outside: int = 0
    difficult: int = 0
    annotations: int = 0
    crowd: int = 0
    cut: int = 0
    nowhere: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(**{name: value + getattr(other, name) for name, value in asdict(self).items()})


def origins(length: int, tile: int, stride: int) -> list[int]:
    """Returns where the tiles of a row begin.

    >>> origins(1111, 800, 640), origins(1440, 800, 640), origins(557, 800, 640)
    ([0, 311], [0, 640], [0])
    """
    last = max(length - tile, 0)
    return [*range(0, last, stride), last]


def tiles_of(height: int, width: int, settings: Settings) -> np.ndarray:
    """Returns left, top, right and bottom of the tiles of an image, int64 (T, 4), row by row."""
    return np.array(
        [
            (left, top, min(left + settings.tile, width), min(top + settings.tile, height))
            for top in origins(height, settings.tile, settings.stride)
            for left in origins(width, settings.tile, settings.stride)
        ],
        np.int64,
    )


def tile_name(stem: str, left: int, top: int) -> str:
    """Returns the file name of a tile after the convention of the development kit: image, scale, place.

    >>> tile_name("P0706", 311, 382)
    'P0706__1__311___382.png'
    """
    return f"{stem}__1__{left}___{top}.png"


def cut_objects(
    labels: Labels, height: int, width: int, settings: Settings
) -> tuple[list[list[dict[str, Any]]], Counts]:
    """Returns the annotations in each tile of ``tiles_of``, in the coordinates of the tile, and what was counted.

    An annotation is a mapping in the form of COCO without ids: ``category_id`` (from 1), ``bbox``, ``area``,
    ``segmentation``, ``iscrowd`` and ``difficult``. The box is the horizontal one of the part that is in the tile.
    """
    tiles = tiles_of(height, width, settings)
    shapes = outlines(labels.corners)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    whole_areas = shapely.area(shapes)
    away = (bounds[:, :2] >= (width, height)).any(axis=1) | (bounds[:, 2:] <= 0).any(axis=1)
    wanted = ~labels.difficult if settings.difficult == "drop" else np.ones(len(labels), bool)
    touching = (bounds[None, :, :2] < tiles[:, None, 2:]).all(2) & (bounds[None, :, 2:] > tiles[:, None, :2]).all(2)
    of_tile, of_object = np.nonzero(touching & wanted)
    boxes = tiles[of_tile]
    within = (bounds[of_object, :2] >= boxes[:, :2]).all(1) & (bounds[of_object, 2:] <= boxes[:, 2:]).all(1)
    parts = shapes[of_object]
    parts[~within] = polygonal(shapely.intersection(parts[~within], shapely.box(*boxes[~within].T)))
    extents = shapely.bounds(parts).reshape(-1, 4)
    areas = shapely.area(parts)
    share = np.where(within, 1.0, areas / whole_areas[of_object])
    seen = within | ((areas > 0) & (extents[:, 2:] - extents[:, :2] >= SMALLEST).all(1))
    little = seen & (share < settings.inside - _ROUNDING)
    kept = seen & ~little if settings.cut == "drop" else seen
    crowd = little & (settings.cut == "crowd") | labels.difficult[of_object] & (settings.difficult == "crowd")
    found: list[list[dict[str, Any]]] = [[] for _ in tiles]
    for place in np.flatnonzero(kept):
        number, origin = of_object[place], tiles[of_tile[place], :2]
        left, top, right, bottom = (extents[place] - np.tile(origin, 2)).tolist()
        box = [round(value, _DIGITS) for value in (left, top, right - left, bottom - top)]
        area = areas[place] if settings.area == "polygon" else (right - left) * (bottom - top)
        found[of_tile[place]].append(
            {
                "category_id": int(labels.labels[number]) + 1,
                "bbox": box,
                "area": round(float(area), _DIGITS),
                "segmentation": _rings(parts[place], origin),
                "iscrowd": int(crowd[place]),
                "difficult": int(labels.difficult[number]),
            }
        )
    learnt = np.zeros(len(labels), bool)
    learnt[of_object[kept & ~crowd]] = True
    ignored = labels.difficult if settings.difficult != "keep" else np.zeros(len(labels), bool)
    counts = Counts(
        objects=len(labels) + labels.no_area,
        no_area=labels.no_area,
        outside=int(away.sum()),
        difficult=int(labels.difficult.sum()),
        annotations=int(kept.sum()),
        crowd=int((kept & crowd).sum()),
        cut=int(little.sum()),
        nowhere=int((~learnt & ~ignored & ~away).sum()),
    )
    return found, counts


def _rings(part: Any, origin: np.ndarray) -> list[list[float]]:
    """Returns the outer rings of what is in a tile, each as x1, y1, x2, y2, ... without the repeated first corner."""
    rings = (shapely.get_coordinates(piece.exterior)[:-1] - origin for piece in shapely.get_parts(part))
    return [np.round(ring, _DIGITS).ravel().tolist() for ring in rings]
