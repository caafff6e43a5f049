"""Writes demo scenes as SpaceNet-2 Las Vegas: georeferenced tiles of 16 bits, footprints as odd as the real ones."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from rsbench.datasets.demo.outlines import buildings, collection, on_ground
from rsbench.datasets.demo.scene import VERSION, render
from rsbench.datasets.demo.shapes import Points, clip, rectangle
from rsbench.datasets.demo.writers import SPLIT_FILE, write_once
from rsbench.datasets.splits import SplitList, stratified, write_split
from rsbench.datasets.vegas_layout import AREA, TITLE
from rsbench.errors import UserError

FOLDER = "AOI_2_Vegas_Train"
SIZE = 256  # the real tiles have 650 pixels
FEWEST = 9
SHARES = {"train": 20 / 36, "val": 12 / 36, "test": 4 / 36}
_IMAGES, _LABELS = "RGB-PanSharpen", "geojson/buildings"
_KINDS = ("suburb", "garden", "commerce", "suburb", "flats", "suburb", "garden", "commerce", "desert")
_TWO_PARTS, _SLIVER, _NULL = 4, 6, 7  # tiles with oddities of the real footprints; 5 has courtyards, 9 no building
_WEST, _NORTH, _STEP = -115.2794, 36.1774, 2.7e-6  # degrees: first tile, and the size of a pixel
_COLUMNS = 9
_BRIGHT = 1910  # the value of white; what shines is brighter
_SHINE = 2600


def write_vegas(root: str | Path, seed: int = 0, *, tiles: int = 36) -> SplitList:
    """Writes demo scenes as ``root/AOI_2_Vegas_Train/{RGB-PanSharpen,geojson/buildings}``, unless they are there.

    Tiles lie beside each other, nine to a row, at the place of the real ones. Among the footprints are an empty
    collection, a building of two parts, courtyards, a sliver that covers no pixel, a null geometry, and at every edge
    buildings that are cut.

    Args:
        root: folder that receives ``AOI_2_Vegas_Train``.
        seed: of the scenes and of the partition.
        tiles: how many; at least 9.

    Returns:
        The partition: of 36 tiles 20 to train, 12 to val, 4 to test; also kept as
        ``root/AOI_2_Vegas_Train/demo_split.txt``.

    Raises:
        UserError: the folder holds something else, such as the real dataset or scenes of another seed.
    """
    if tiles < FEWEST:
        raise UserError(f"{tiles} demo tiles are too few.", f"Ask for {FEWEST} or more.")
    name = f"demo-v{VERSION}-seed{seed}-{tiles}"

    def fill(partial: Path) -> None:
        for folder in (_IMAGES, _LABELS):
            (partial / folder).mkdir(parents=True)
        for number in range(1, tiles + 1):
            _write_tile(partial, seed, number)
        write_split(
            partial / SPLIT_FILE,
            name=name,
            ids="{class}_img{number}",
            assignment=stratified({AREA: tiles}, SHARES, seed),
            origin=[f"Demo scenes drawn by rsbench in the layout of {TITLE}; none of them is a real image."],
        )

    return write_once(root, FOLDER, name, fill)


def _write_tile(folder: Path, seed: int, number: int) -> None:
    scene = render(f"vegas/{_KINDS[(number - 1) % len(_KINDS)]}", SIZE, f"{seed}/{number}")
    row, column = divmod(number - 1, _COLUMNS)
    side = SIZE * _STEP
    transform = Affine(_STEP, 0.0, _WEST + column * side, 0.0, -_STEP, _NORTH - row * side)
    path = folder / _IMAGES / f"{_IMAGES}_{AREA}_img{number}.tif"
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=3, width=SIZE, height=SIZE, crs="EPSG:4326",
        transform=transform, interleave="pixel",
    ) as file:  # fmt: skip
        file.write(np.moveaxis(_sixteen_bits(scene.image, f"{seed}/{number}"), 2, 0))

    def cut(polygon: Points) -> Points:
        return clip(polygon, SIZE, SIZE)

    text = _geojson(buildings(scene, cut), number, transform)
    (folder / _LABELS / f"buildings_{AREA}_img{number}.geojson").write_text(text, encoding="utf-8")


def _sixteen_bits(image: np.ndarray, seed: str) -> np.ndarray:
    """Returns values as of the sensor: between the steps of 8 bits too, and beyond white where something shines."""
    entropy = int.from_bytes(hashlib.sha256(f"vegas/bits/{seed}".encode()).digest()[:16], "big")
    rng = np.random.Generator(np.random.PCG64(entropy))
    values = (image + rng.random(image.shape) - 0.5) * (_BRIGHT / 255)
    values += (image >= 254) * rng.random(image.shape) * (_SHINE - _BRIGHT)
    return np.clip(np.round(values), 1, 2**16 - 1).astype(np.uint16)


def _geojson(found: list[list[Points]], number: int, transform: Affine) -> str:
    """Returns the footprints of a tile, with what is odd in the real ones."""
    if number == _SLIVER:
        found = [*found, [rectangle(SIZE - 0.1, 40, 0.2, 3)]]
    shapes = [on_ground(rings, transform) for rings in found]
    geometries: list[Any] = [{"type": "Polygon", "coordinates": shape} for shape in shapes]
    if number == _TWO_PARTS:
        geometries[:2] = [{"type": "MultiPolygon", "coordinates": shapes[:2]}]
    if number == _NULL:
        geometries.append(None)
    return collection(geometries, lambda _: {"Id": 0})
