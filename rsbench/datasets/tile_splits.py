"""Partitions of georeferenced tiles: by a draw of the tiles, and by a draw of blocks of ground."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from rasterio.warp import transform as project

from rsbench.datasets.footprints import Grid, wgs84
from rsbench.datasets.geotiff import read_grid
from rsbench.datasets.splits import SplitList, draw_order, make_split, the_partition, write_split
from rsbench.datasets.tile_layout import Found, TileLayout
from rsbench.errors import UserError

IDS = "{class}_img{number}"
SEED = 0
BLOCK = 1000.0  # side of the blocks in metres
_FAR = 1e8  # metres or degrees, beyond which nothing on the earth lies in any coordinate system
_DEGREE = 111_320.0  # metres per degree of latitude, and of longitude at the equator
_RESTORE = "Restore it from the original archive."
_NUMBERS = {2: "two", 3: "three"}


@dataclass(frozen=True, kw_only=True)
class TilePlan:
    """How the tiles of a dataset are divided.

    Args:
        layout: of the dataset.
        find: ``find(root)`` finds its tiles.
        name: of the shipped partition.
        sizes: tiles in each of its parts; the first part takes what the others leave.
        corner: longitude and latitude from which blocks are counted: a fixed place, south-west of the tiles.
    """

    layout: TileLayout
    find: Callable[[Path], Found]
    name: str
    sizes: Mapping[str, int]
    corner: tuple[float, float]

    @property
    def total(self) -> int:
        """Labelled tiles."""
        return sum(self.sizes.values())

    def draw(self, path: str | Path, numbers: Iterable[int], origin: Iterable[str]) -> SplitList:
        """Writes the partition of all labelled tiles to ``path`` and returns it.

        Args:
            path: of the file.
            numbers: of the tiles; those between them, which have no labels, are unused.
            origin: comment lines.
        """
        rows = self._rows(self._divide(numbers, self.sizes))
        return write_split(path, name=self.name, ids=IDS, assignment=rows, origin=origin)

    def present(self, root: Path) -> SplitList:
        """Divides the labelled tiles under ``root`` in the order and by the shares of the shipped list.

        Each part has at least one tile.

        Raises:
            UserError: there are fewer tiles than parts, or none can be found.
        """
        numbers = self._tiles(root)
        return self._list("present", self._divide(numbers, self._shares(len(numbers))))

    def blocks(self, root: Path) -> SplitList:
        """Divides the labelled tiles under ``root`` by blocks of 1 km of ground.

        Neighbouring tiles share buildings and look alike: here they are in the same part, except along the borders
        between blocks. The centre of a tile decides on its block. Blocks go to the second part in the order of a draw
        until it has its share of the tiles, then to the third; what is left, the last block at least, is the first's.

        Raises:
            UserError: the tiles lie in fewer blocks than there are parts, or none can be found.
        """
        members: dict[tuple[int, int], list[int]] = {}
        found = self._tiles(root)
        for number, (image, _) in found.items():
            members.setdefault(self._block(read_grid(image)), []).append(number)
        if len(members) < len(self.sizes):
            few = "one block" if len(members) == 1 else f"{len(members)} blocks"
            raise UserError(
                f"All {len(found)} tiles in {root} lie in {few} of {BLOCK / 1000:g} km.",
                f"Take {the_partition('present')}, or more tiles.",
            )
        first, *others = self.sizes
        given: dict[str, list[int]] = {part: [] for part in others}
        order = sorted(members, key=self._place_in_draw)
        for place, block in enumerate(order):
            left = len(order) - place
            for part in list(others):
                enough = len(given[part]) >= len(found) * self.sizes[part] / self.total
                if given[part] and (enough or left <= len(others)):  # the parts after it need a block each
                    others.remove(part)
            if others:
                given[others[0]] += members[block]
        parts = {number: part for part, numbers in given.items() for number in numbers}
        return self._list("blocks", {number: parts.get(number, first) for number in found})

    def _tiles(self, root: Path) -> Mapping[int, tuple[Path, Path]]:
        found, parts = self.find(root).tiles, len(self.sizes)
        if len(found) < parts:
            count = "one tile" if len(found) == 1 else f"{len(found)} tiles"
            need = f"{_NUMBERS[parts]} parts need {_NUMBERS[parts]}"
            raise UserError(f"{root} holds {count} of {self.layout.title}, and {need}.", "Add tiles.")
        return found

    def _shares(self, count: int) -> dict[str, int]:
        """Returns how many of ``count`` tiles each part gets."""
        first, *others = self.sizes
        shares = {part: max(1, round(count * self.sizes[part] / self.total)) for part in others}
        return {first: count - sum(shares.values())} | shares

    def _divide(self, numbers: Iterable[int], sizes: Mapping[str, int]) -> dict[int, str]:
        """Gives the first tiles of the draw to the first part, the next ones to the second, and so on."""
        order = iter(draw_order(self.layout.area, numbers, SEED))
        return {next(order): part for part, size in sizes.items() for _ in range(size)}

    def _rows(self, parts: Mapping[int, str]) -> dict[str, list[str]]:
        return {self.layout.area: [parts.get(number, "") for number in range(1, max(parts) + 1)]}

    def _list(self, name: str, parts: Mapping[int, str]) -> SplitList:
        made = make_split(name=name, ids=IDS, assignment=self._rows(parts))
        return replace(made, unused=())  # numbers between those that are there belong to no tile

    def _block(self, grid: Grid) -> tuple[int, int]:
        """Returns column and row of the block in which the centre of an image lies."""
        if grid.crs is None:
            raise UserError(f"The image {grid.path} names no coordinate system.", _RESTORE)
        x, y = grid.to_ground(grid.width / 2, grid.height / 2)
        try:
            if grid.crs != wgs84() and max(abs(x), abs(y)) < _FAR:  # PROJ takes for ever to wrap what is further
                (x,), (y,) = project(grid.crs, wgs84(), [x], [y])
        except Exception:  # what PROJ and GDAL raise has no public base
            x = y = math.inf
        if not (abs(x) <= 180 and abs(y) <= 90):
            raise UserError(
                f"The image {grid.path} does not lie on the earth.", "Restore it from the original archive."
            )
        west, south = self.corner
        east = (x - west) * _DEGREE * math.cos(math.radians(south))
        return math.floor(east / BLOCK), math.floor((y - south) * _DEGREE / BLOCK)

    def _place_in_draw(self, block: tuple[int, int]) -> bytes:
        return hashlib.sha256(f"{SEED}/{self.layout.area}/{block[0]}/{block[1]}".encode()).digest()
