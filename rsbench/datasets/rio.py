"""SpaceNet-1 Rio: tiles of 3 bands at 0.5 m, and on each the footprints of the buildings as a mask."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from rsbench.datasets.footprints import Grid, rasterise, read_footprints
from rsbench.datasets.geotiff import opened, read_grid
from rsbench.datasets.rio_layout import LAYOUT, TITLE
from rsbench.datasets.segmentation import SegmentationDataset
from rsbench.datasets.splits import SplitList
from rsbench.datasets.tile_layout import Files, tiles_of
from rsbench.errors import UserError

CLASSES = ("background", "building")

Grids = dict[str, Grid]


def open_rio(root: str | Path, split: SplitList) -> SegmentationDataset:
    """Opens the tiles of a split under ``root``.

    The item ids are ``AOI_1_RIO_img1`` and so on, under both namings of the files. Tiles differ in size; a pixel is a
    building if its centre lies in a footprint; pixels that are zero in all bands are no-data.

    Args:
        root: folder of the dataset: torchgeo's, of unpacked archives, or of the first release
            (``rsbench.datasets.rio_layout``).
        split: which tiles make up which part; its unused tiles may be there or not.

    Raises:
        UserError: the tiles are not there, or not exactly those of the split.
    """
    used = tiles_of(root, LAYOUT, split)
    grids: Grids = {}
    return SegmentationDataset(
        "spacenet-rio",
        CLASSES,
        split.parts,
        files=used.__getitem__,
        read_image=partial(_read_image, used, grids),
        read_labels=partial(_read_labels, used, grids),
    )


def _grid(files: Files, grids: Grids, key: str) -> Grid:
    """Reads the grid of an image once: hiding a warning, which other threads must wait for, is not for every load."""
    if key not in grids:
        grids[key] = read_grid(files[key][0])
    return grids[key]


def _read_image(files: Files, grids: Grids, key: str) -> np.ndarray:
    path = _grid(files, grids, key).path  # one without a geotransform is refused before rasterio warns of it
    with opened(path) as source:
        if source.count != 3 or set(source.dtypes) != {"uint8"}:
            what = f"{source.count} band{'s' * (source.count > 1)} of {'/'.join(sorted(set(source.dtypes)))}"
            eight = " This is the 8-band product under another name." if source.count == 8 else ""
            raise UserError(
                f"The image {path} has {what}, where {TITLE} has 3 bands of uint8.{eight}",
                "Take the 3-band tiles: how other values map to 0-255 is a choice that rsbench does not guess.",
            )
        return np.ascontiguousarray(np.moveaxis(source.read(), 0, 2))


def _read_labels(files: Files, grids: Grids, key: str) -> np.ndarray:
    grid = _grid(files, grids, key)
    return rasterise(read_footprints(files[key][1], grid), grid)
