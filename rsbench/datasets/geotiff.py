"""Reads GeoTIFF files: where their pixels lie on the earth, and the pixels, whatever GDAL was told by the user."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from rsbench.datasets.footprints import HIDING, Grid, one_line, wgs84
from rsbench.errors import UserError

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


def read_grid(path: Path) -> Grid:
    """Reads where the pixels of an image lie; UserError if it is no TIFF or has no geotransform."""
    wgs84()  # a PROJ that cannot work would look like an image without a coordinate system
    with HIDING, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # it is an error here
        with opened(path) as source:
            grid = Grid(path, source.width, source.height, source.transform, source.crs)
    if grid.transform.is_identity or grid.transform.is_degenerate or not all(map(math.isfinite, grid.transform)):
        raise UserError(
            f"The image {path} has no geotransform: where its pixels lie on the earth is not known.",
            "Restore the image: tools that know nothing of GeoTIFF drop it.",
        )
    return grid


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Opens a GeoTIFF; what fails while it is open is the file's fault, a UserError.

    An image without a geotransform makes rasterio warn: read its grid first.
    """
    try:
        with rasterio.Env(**_SETTINGS), rasterio.open(path, driver="GTiff") as source:
            yield source
    except (RasterioError, OSError) as error:
        reason = one_line(error.__cause__ or error)
        raise UserError(f"The image {path} cannot be decoded: {reason}.", _RESTORE) from None
