"""Partitions of the labelled tiles of SpaceNet-1 Rio: ``python -m rsbench.datasets.rio_splits FOLDER`` writes the list.

The challenge published no labels for its test part, and papers that divide the labelled tiles into 5,000 and 1,940 give
no list. The shipped list is one draw of that; two rules make a partition of the tiles that are there.
"""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rasterio.warp import transform as project

from rsbench.datasets.footprints import Grid, wgs84
from rsbench.datasets.geotiff import read_grid
from rsbench.datasets.rio_layout import AREA, TITLE, find_tiles
from rsbench.datasets.splits import SplitList, draw_order, make_split, write_split
from rsbench.errors import UserError

NAME = "5000-1940"
FILE = "spacenet_rio_5000-1940.txt"
IDS = "{class}_img{number}"
TILES, TRAIN = 6940, 5000
SEED = 0
BLOCK = 1000.0  # side of the blocks in metres
_CORNER = (-43.8, -23.1)  # longitude and latitude from which blocks are counted: a fixed place, south-west of the city
_FAR = 1e8  # metres or degrees, beyond which nothing on the earth lies in any coordinate system
_DEGREE = 111_320.0  # metres per degree of latitude, and of longitude at the equator


def draw(path: str | Path) -> SplitList:
    """Writes the shipped partition to ``path`` and returns it."""
    return write_split(
        path,
        name=NAME,
        ids=IDS,
        assignment=_rows(_first(range(1, TILES + 1), TRAIN)),
        origin=(
            f"{TITLE}, the {TILES:,} labelled tiles: {TRAIN:,} to train and {TILES - TRAIN:,} to val.",
            "No list with these counts was ever published. Drawn by rsbench/datasets/rio_splits.py: tiles in the order",
            f"of the SHA-256 of '{SEED}/{AREA}/<number>', the first {TRAIN:,} to train.",
            f"It is assumed that the tiles are numbered from 1 to {TILES} without a gap.",
        ),
    )


def present(root: Path) -> SplitList:
    """Divides the labelled tiles under ``root`` in the order and by the shares of the shipped list.

    Raises:
        UserError: there are fewer than 2 tiles, or none can be found.
    """
    numbers = _tiles(root)
    train = min(max(round(len(numbers) * TRAIN / TILES), 1), len(numbers) - 1)
    return _list("present", _first(numbers, train))


def blocks(root: Path) -> SplitList:
    """Divides the labelled tiles under ``root`` by blocks of 1 km of ground.

    Neighbouring tiles share buildings and look alike: here they are in the same part, except along the borders between
    blocks. The centre of a tile decides on its block. Blocks go to val in the order of a draw until val has its share
    of the tiles; the last one stays in train whatever its size.

    Raises:
        UserError: all tiles lie in one block, or none can be found.
    """
    members: dict[tuple[int, int], list[int]] = {}
    found = _tiles(root)
    for number, (image, _) in found.items():
        members.setdefault(_block(read_grid(image)), []).append(number)
    if len(members) == 1:
        raise UserError(
            f"All {len(found)} tiles in {root} lie in one block of {BLOCK / 1000:g} km.",
            "Take --split present, or more tiles.",
        )
    val: set[int] = set()
    for block in sorted(members, key=_place_in_draw)[:-1]:
        if len(val) < len(found) * (TILES - TRAIN) / TILES:
            val.update(members[block])
    return _list("blocks", {number: "val" if number in val else "train" for number in found})


def _tiles(root: Path) -> Mapping[int, tuple[Path, Path]]:
    found = find_tiles(root).tiles
    if len(found) < 2:
        raise UserError(f"{root} holds one tile of {TITLE}, and two parts need two.", "Add tiles.")
    return found


def _first(numbers: Iterable[int], train: int) -> dict[int, str]:
    """Gives the first ``train`` tiles of the draw to train and the others to val."""
    order = draw_order(AREA, numbers, SEED)
    return {number: "train" if place < train else "val" for place, number in enumerate(order)}


def _rows(parts: Mapping[int, str]) -> dict[str, list[str]]:
    return {AREA: [parts.get(number, "") for number in range(1, max(parts) + 1)]}


def _list(name: str, parts: Mapping[int, str]) -> SplitList:
    made = make_split(name=name, ids=IDS, assignment=_rows(parts))
    return replace(made, unused=())  # numbers between those that are there belong to no tile


def _block(grid: Grid) -> tuple[int, int]:
    """Returns column and row of the block in which the centre of an image lies."""
    if grid.crs is None:
        raise UserError(f"The image {grid.path} names no coordinate system.", "Restore it from the original archive.")
    x, y = grid.to_ground(grid.width / 2, grid.height / 2)
    try:
        if grid.crs != wgs84() and max(abs(x), abs(y)) < _FAR:  # PROJ takes for ever to wrap what is further
            (x,), (y,) = project(grid.crs, wgs84(), [x], [y])
    except Exception:  # what PROJ and GDAL raise has no public base
        x = y = math.inf
    if not (abs(x) <= 180 and abs(y) <= 90):
        raise UserError(f"The image {grid.path} does not lie on the earth.", "Restore it from the original archive.")
    east = (x - _CORNER[0]) * _DEGREE * math.cos(math.radians(_CORNER[1]))
    north = (y - _CORNER[1]) * _DEGREE
    return math.floor(east / BLOCK), math.floor(north / BLOCK)


def _place_in_draw(block: tuple[int, int]) -> bytes:
    return hashlib.sha256(f"{SEED}/{AREA}/{block[0]}/{block[1]}".encode()).digest()


if __name__ == "__main__":
    target = Path(sys.argv[1]) / FILE
    drawn = draw(target)
    print(target, drawn.sha256, drawn.counts)
