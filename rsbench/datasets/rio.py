"""SpaceNet-1 Rio: tiles of 3 bands at 0.5 m, and on each the footprints of the buildings as a mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.errors import RasterioError

from rsbench.datasets.footprints import Grid, rasterise, read_footprints
from rsbench.datasets.layout import list_names
from rsbench.datasets.rio_layout import TITLE, find_tiles, tile_id
from rsbench.datasets.segmentation import SegmentationDataset
from rsbench.datasets.splits import SplitList
from rsbench.errors import UserError

CLASSES = ("background", "building")
_RESTORE = "Restore it from the original archive."

Files = Mapping[str, tuple[Path, Path]]


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
    return SegmentationDataset(
        "spacenet-rio",
        CLASSES,
        split.parts,
        files=used.__getitem__,
        read_image=partial(_read_image, used),
        read_labels=partial(_read_labels, used),
    )


def read_grid(path: Path) -> Grid:
    """Reads where the pixels of an image lie; UserError if it is no TIFF."""
    with _opened(path) as source:
        return Grid(path, source.width, source.height, source.transform, source.crs)


def _read_image(files: Files, key: str) -> np.ndarray:
    path = files[key][0]
    with _opened(path) as source:
        if source.count != 3 or set(source.dtypes) != {"uint8"}:
            what = f"{source.count} band{'s' * (source.count > 1)} of {'/'.join(sorted(set(source.dtypes)))}"
            eight = " This is the 8-band product under another name." if source.count == 8 else ""
            raise UserError(
                f"The image {path} has {what}, where {TITLE} has 3 bands of uint8.{eight}",
                "Take the 3-band tiles: how other values map to 0-255 is a choice that rsbench does not guess.",
            )
        return np.ascontiguousarray(np.moveaxis(source.read(), 0, 2))


def _read_labels(files: Files, key: str) -> np.ndarray:
    image, labels = files[key]
    grid = read_grid(image)
    return rasterise(read_footprints(labels, grid), grid)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens a GeoTIFF; what fails while it is open is the file's fault.

    GDAL is kept from looking at the files beside it: listing thousands for each tile takes longer than decoding, and
    an ``.aux.xml`` there would change what is read without changing the fingerprint.
    """
    try:
        with (
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(path, driver="GTiff") as source,
        ):
            yield source
    except (RasterioError, OSError) as error:
        reason = error.__cause__ or error
        raise UserError(f"The image {path} cannot be decoded: {str(reason).rstrip('.')}.", _RESTORE) from None


def _number(key: str) -> int:
    return int(key.rpartition("_img")[2] or 0) if key.rpartition("_img")[2].isdigit() else 0
