"""SpaceNet-2 Las Vegas: RGB tiles of 650 x 650 pixels at 0.3 m, and each building as an object with its mask."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import Affine

from rsbench.datasets.detection import RLE, DetectionDataset, Objects, no_objects
from rsbench.datasets.footprints import Footprint, Grid, rasterise, read_footprints
from rsbench.datasets.geotiff import opened, read_grid
from rsbench.datasets.run_lengths import encode_window
from rsbench.datasets.splits import SplitList
from rsbench.datasets.tile_layout import Files, number_of, tiles_of
from rsbench.datasets.vegas_layout import LAYOUT, TITLE
from rsbench.errors import UserError

CLASSES = ("building",)
RANGE = (0.0, 1910.0)  # 95th percentile of the brightest values of the tiles, as users of the data report
_PRODUCTS = {8: "the 8-band product (MUL, MS)", 1: "the panchromatic product (PAN)"}
_TYPES = ("uint8", "uint16")


def open_vegas(root: str | Path, split: SplitList, to_8_bit: tuple[float, float] = RANGE) -> DetectionDataset:
    """Opens the tiles of a split under ``root``.

    The item ids are ``AOI_2_Vegas_img1`` and so on, under both namings of the files; the number is also that of the
    image in COCO files.

    Tiles of 16 bits become 8 bits by one linear range for all bands of all tiles: its lower end is 0, its upper end
    255, halves are rounded up, and what lies beyond is clipped. A range of each tile's own (percentiles, its least and
    greatest value) would make the same roof bright in one tile and dark in the next, and would let a single bright
    roof darken all others. Tiles of 8 bits are taken as they are.

    One feature of a GeoJSON file is one object, all parts of a MultiPolygon together; holes stay holes. A pixel belongs
    to it if its centre lies inside. Its box holds exactly its pixels, and its area is their number. Buildings may
    overlap. One that covers no centre, as slivers do that the cut of a tile leaves, is left out.

    Args:
        root: folder of the dataset (``rsbench.datasets.vegas_layout``).
        split: which tiles make up which part; its unused tiles may be there or not.
        to_8_bit: values that become 0 and 255 where tiles have 16 bits.

    Raises:
        UserError: the tiles are not there, or not exactly those of the split; the range is empty.
    """
    low, high = map(float, to_8_bit)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UserError(
            f"The range {low:g} to {high:g} cannot be mapped to 8 bits.", f"Give two numbers, such as {RANGE}."
        )
    reader = _Reader(tiles_of(root, LAYOUT, split), (low, high))
    policies: dict[str, Any] = {
        "object": "a feature is one object; multipolygons are not divided, holes are not filled",
        "mask": "pixels whose centre lies in the footprint",
        "area": "pixels of the mask",
        "footprints without a pixel": "left out",
        "8 bits": f"linear from {low:g}-{high:g}, one range for all bands and tiles"
        if reader.type == "uint16"
        else "as the files have them",
    }
    return DetectionDataset(
        "spacenet-vegas",
        CLASSES,
        split.parts,
        files=reader.files.__getitem__,
        size=reader.size,
        read_image=reader.image,
        read_objects=reader.objects,
        image_ids={key: number_of(key) for key in sorted(reader.files)},
        category_ids=(1,),
        masks=True,
        policies=policies,
    )


class _Reader:
    """Reads tiles, several threads at once.

    Args:
        files: image and footprints by item id.
        span: values that become 0 and 255.
    """

    def __init__(self, files: Files, span: tuple[float, float]) -> None:
        self.files = files
        self._grids: dict[str, Grid] = {}
        self._first = files[min(files, key=number_of)][0]
        with opened(read_grid(self._first).path) as source:
            self.type = str(source.dtypes[0])
        low, high = span
        values = np.arange(2**16, dtype=np.float64)
        self._table = np.clip(np.floor((values - low) * (255 / (high - low)) + 0.5), 0, 255).astype(np.uint8)

    def grid(self, key: str) -> Grid:
        """Reads where the pixels of a tile lie, once: that takes a lock, which others must wait for."""
        if key not in self._grids:
            self._grids[key] = read_grid(self.files[key][0])
        return self._grids[key]

    def size(self, key: str) -> tuple[int, int]:
        """Returns height and width of a tile."""
        grid = self.grid(key)
        return grid.height, grid.width

    def image(self, key: str) -> np.ndarray:
        """Decodes a tile, uint8 (H, W, 3)."""
        path = self.grid(key).path
        with opened(path) as source:
            types = sorted(set(source.dtypes))
            if source.count != 3 or types[0] not in _TYPES or len(types) > 1:
                what = f"{source.count} band{'s' * (source.count > 1)} of {'/'.join(types)}"
                product = _PRODUCTS.get(source.count)
                raise UserError(
                    f"The image {path} has {what}, where {TITLE} has 3 bands of uint16 (or uint8, where it was "
                    f"converted).{f' This is {product} under another name.' if product else ''}",
                    "Take the RGB tiles (RGB-PanSharpen, PS-RGB).",
                )
            if types[0] != self.type:
                raise UserError(
                    f"The image {path} is {types[0]} and {self._first} is {self.type}: the dataset is a mixture.",
                    "Take all tiles from one source: the same ground would look different.",
                )
            pixels = np.moveaxis(source.read(), 0, 2)
        return np.ascontiguousarray(pixels if self.type == "uint8" else self._table[pixels])

    def objects(self, key: str) -> Objects:
        """Reads the buildings of a tile."""
        grid = self.grid(key)
        with rasterio.Env():  # one for all: setting it up takes as long as drawing a building
            found = [_mask(footprint, grid) for footprint in read_footprints(self.files[key][1], grid)]
        kept = [one for one in found if one is not None]
        if not kept:
            return no_objects(masks=True)
        masks, boxes, areas = zip(*kept, strict=True)
        nothing = np.zeros(len(kept))
        return Objects(
            np.array(boxes, np.float64),
            nothing.astype(np.int64),
            np.array(areas, np.float64),
            nothing.astype(bool),
            masks,
        )


def _mask(footprint: Footprint, grid: Grid) -> tuple[RLE, tuple[int, int, int, int], int] | None:
    """Returns the mask of a building, its bounds (left, top, width, height) and its pixels; None if it has none."""
    corners = np.concatenate([grid.to_pixels(ring) for rings in footprint.polygons for ring in rings])
    size = np.array([grid.width, grid.height])
    low = np.clip(np.floor(corners.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)), 0, size).astype(int)
    (left, top), (width, height) = low.tolist(), (high - low).tolist()
    if width <= 0 or height <= 0:
        return None
    window = Grid(grid.path, width, height, grid.transform @ Affine.translation(left, top), grid.crs)
    inside = rasterise((footprint,), window)
    columns, rows = np.flatnonzero(inside.any(axis=0)), np.flatnonzero(inside.any(axis=1))
    if not len(rows):
        return None
    x, y = int(columns[0]), int(rows[0])
    box = (left + x, top + y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)
    return encode_window(inside > 0, (top, left), (grid.height, grid.width)), box, int(inside.sum())
