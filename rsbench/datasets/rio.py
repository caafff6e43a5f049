"""SpaceNet-1 Rio: tiles of 3 bands at 0.5 m, and on each the footprints of the buildings as a mask."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from rsbench.datasets.footprints import HIDING, Grid, one_line, rasterise, read_footprints, wgs84
from rsbench.datasets.layout import list_names
from rsbench.datasets.rio_layout import TITLE, find_tiles, tile_id
from rsbench.datasets.segmentation import SegmentationDataset
from rsbench.datasets.splits import SplitList
from rsbench.errors import UserError

CLASSES = ("background", "building")
_RESTORE = "Restore it from the original archive."

# GDAL is kept from looking at the files beside an image: listing thousands for each tile takes longer than decoding,
# and an .aux.xml there would change what is read without changing the fingerprint. Nor may what the user set for other
# programs let damaged files pass or move pixels.
_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GTIFF_IGNORE_READ_ERRORS": "NO",
    "GTIFF_DIRECT_IO": "NO",
    "GTIFF_VIRTUAL_MEM_IO": "NO",
    "GTIFF_POINT_GEO_IGNORE": "NO",
}

Files = Mapping[str, tuple[Path, Path]]
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
    found = find_tiles(root)
    files = {tile_id(number): paths for number, paths in found.tiles.items()}
    expected = {key for ids in split.parts.values() for key in ids}
    for keys, does, hint in (
        (expected - set(files), "lacks tiles of the split", "Unpack the archives again"),
        (set(files) - expected - set(split.unused), "has tiles unknown to the split", "Move them elsewhere"),
    ):
        if keys:
            raise UserError(
                f"{TITLE} in {found.images} {does} {split.name!r}: {list_names(sorted(keys, key=_number))}.",
                f"{hint}, or take --split present, which divides the tiles that are there.",
            )
    used = {key: files[key] for key in expected}
    grids: Grids = {}
    return SegmentationDataset(
        "spacenet-rio",
        CLASSES,
        split.parts,
        files=used.__getitem__,
        read_image=partial(_read_image, used, grids),
        read_labels=partial(_read_labels, used, grids),
    )


def read_grid(path: Path) -> Grid:
    """Reads where the pixels of an image lie; UserError if it is no TIFF or has no geotransform."""
    wgs84()  # a PROJ that cannot work would look like an image without a coordinate system
    with HIDING, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it is an error here
        with _opened(path) as source:
            grid = Grid(path, source.width, source.height, source.transform, source.crs)
    if grid.transform.is_identity or grid.transform.is_degenerate or not all(map(math.isfinite, grid.transform)):
        raise UserError(
            f"The image {path} has no geotransform: where its pixels lie on the earth is not known.",
            "Restore the image: tools that know nothing of GeoTIFF drop it.",
        )
    return grid


def _grid(files: Files, grids: Grids, key: str) -> Grid:
    """Reads the grid of an image once: hiding a warning, which other threads must wait for, is not for every load."""
    if key not in grids:
        grids[key] = read_grid(files[key][0])
    return grids[key]


def _read_image(files: Files, grids: Grids, key: str) -> np.ndarray:
    path = _grid(files, grids, key).path  # one without a geotransform is refused before rasterio warns of it
    with _opened(path) as source:
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


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens a GeoTIFF; what fails while it is open is the file's fault."""
    try:
        with rasterio.Env(**_SETTINGS), rasterio.open(path, driver="GTiff") as source:
            yield source
    except (RasterioError, OSError) as error:
        reason = one_line(error.__cause__ or error)
        raise UserError(f"The image {path} cannot be decoded: {reason}.", _RESTORE) from None


def _number(key: str) -> int:
    return int(key.rpartition("_img")[2] or 0) if key.rpartition("_img")[2].isdigit() else 0
