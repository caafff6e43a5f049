"""Writes demo scenes as SpaceNet-1 Rio: georeferenced tiles and footprints, with all that is odd in the real ones."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from rsbench.datasets.demo.outlines import buildings, collection, on_ground
from rsbench.datasets.demo.scene import VERSION, render
from rsbench.datasets.demo.shapes import Points, clip
from rsbench.datasets.demo.writers import SPLIT_FILE, write_once
from rsbench.datasets.rio_layout import AREA, TITLE
from rsbench.datasets.splits import SplitList, stratified, write_split
from rsbench.errors import UserError

FEWEST = 8
SHARES = {"train": 2 / 3, "val": 1 / 3}
SIZES = ((439, 406), (438, 406), (439, 407))  # width and height; the real ones differ in the same way
_CANVAS = 448
_KINDS = (
    "shore", "suburb", "hill", "bay", "dense", "estate", "hillside", "works", "country", "suburb", "dense", "hillside",
    "works", "suburb", "estate",
)  # fmt: skip
_EDGES = {1: (0.0, 0.1), 2: (0.3, 1.2)}  # tiles at the edge of the photograph: directions of the edge in radians
_NO_BYTES, _NO_FEATURES, _TWO_PARTS, _NULL = 3, 4, 5, 7  # tiles with oddities of the real footprints; 6 has a hole
_WEST, _NORTH, _STEP = -43.6822, -22.9496, (0.0019684, 0.0018225)  # degrees: first tile, and its width and height
_COLUMNS = 10


def write_rio(root: str | Path, seed: int = 0, *, tiles: int = 30) -> SplitList:
    """Writes demo scenes as ``root/SN1_buildings/train/{3band,geojson}`` in torchgeo's names, unless they are there.

    Tiles lie beside each other, ten to a row, at the place of the real ones. Two are mostly no-data; among the
    footprints are a file without bytes, an empty collection, a building of two parts, courtyards, a null geometry.

    Args:
        root: folder that receives ``SN1_buildings``.
        seed: of the scenes and of the partition.
        tiles: how many; at least 8.

    Returns:
        The partition, two thirds to train and one third to val; also kept as ``root/SN1_buildings/demo_split.txt``.

    Raises:
        UserError: the folder holds something else, such as the real dataset or scenes of another seed.
    """
    if tiles < FEWEST:
        raise UserError(f"{tiles} demo tiles are too few.", f"Ask for {FEWEST} or more.")
    name = f"demo-v{VERSION}-seed{seed}-{tiles}"

    def fill(partial: Path) -> None:
        train = partial / "train"
        for folder in ("3band", "geojson"):
            (train / folder).mkdir(parents=True)
        for number in range(1, tiles + 1):
            _write_tile(train, seed, number)
        write_split(
            partial / SPLIT_FILE,
            name=name,
            ids="{class}_img{number}",
            assignment=stratified({AREA: tiles}, SHARES, seed),
            origin=[f"Demo scenes drawn by rsbench in the layout of {TITLE}; none of them is a real image."],
        )

    return write_once(root, "SN1_buildings", name, fill)


def _write_tile(train: Path, seed: int, number: int) -> None:
    scene = render(f"rio/{_KINDS[(number - 1) % len(_KINDS)]}", _CANVAS, f"{seed}/{number}")
    width, height = SIZES[(number - 1) % len(SIZES)]
    image = np.maximum(scene.image[:height, :width], 1)  # only what the sensor did not see is zero in all bands
    edge = _edge(seed, number, width, height)
    if edge is not None:
        x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
        image[edge[0] * x[None, :] + edge[1] * y[:, None] > edge[2]] = 0
    row, column = divmod(number - 1, _COLUMNS)
    west, north = _WEST + column * _STEP[0], _NORTH - row * _STEP[1]
    transform = Affine(_STEP[0] / width, 0.0, west, 0.0, -_STEP[1] / height, north)
    with rasterio.open(
        train / "3band" / f"3band_{AREA}_img{number}.tif", "w", driver="GTiff", dtype="uint8", count=3, width=width,
        height=height, crs="EPSG:4326", transform=transform, photometric="RGB", interleave="pixel",
    ) as file:  # fmt: skip
        file.write(np.moveaxis(image, 2, 0))

    def cut(polygon: Points) -> Points:
        inside = clip(polygon, width, height)
        return inside if edge is None else _before(inside, edge)

    text = "" if number == _NO_BYTES else _geojson(buildings(scene, cut), number, transform)
    (train / "geojson" / f"Geo_{AREA}_img{number}.geojson").write_text(text, encoding="utf-8")


def _edge(seed: int, number: int, width: int, height: int) -> tuple[float, float, float] | None:
    """Returns (a, b, c) of the edge of the photograph, which ends where a x + b y > c; None if it does not end."""
    if number not in _EDGES:
        return None
    digest = hashlib.sha256(f"rio/edge/{seed}/{number}".encode()).digest()
    low, high = _EDGES[number]
    angle = low + (high - low) * digest[0] / 255
    a, b = math.cos(angle), math.sin(angle)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    seen = 0.12 + 0.26 * digest[1] / 255
    return a, b, float(np.quantile(a * x + b * y, seen))


def _before(points: Points, edge: tuple[float, float, float]) -> Points:
    """Returns the part of a polygon where a x + b y <= c (one step of Sutherland and Hodgman)."""
    beyond = points @ np.array(edge[:2]) - edge[2] if len(points) else np.zeros(0)
    kept = []
    for k in range(len(points)):
        if (beyond[k] > 0) != (beyond[k - 1] > 0):
            share = beyond[k - 1] / (beyond[k - 1] - beyond[k])
            kept.append(points[k - 1] + share * (points[k] - points[k - 1]))
        if beyond[k] <= 0:
            kept.append(points[k])
    return np.array(kept).reshape(-1, 2)


def _geojson(found: list[list[Points]], number: int, transform: Affine) -> str:
    """Returns the footprints of a tile, with what is odd in the real ones."""
    shapes = [on_ground(rings, transform) for rings in found]
    geometries: list[Any] = [{"type": "Polygon", "coordinates": shape} for shape in shapes]
    if number == _NO_FEATURES:
        geometries = []
    if number == _TWO_PARTS:
        geometries[:2] = [{"type": "MultiPolygon", "coordinates": shapes[:2]}]
    if number == _NULL:
        geometries.append(None)
    return collection(geometries, lambda k: {"building": "yes", "id": f"way/{number}{k:04d}"})
