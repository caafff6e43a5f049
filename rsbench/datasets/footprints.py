"""Footprints of buildings: GeoJSON polygons in the coordinates of a raster, and as a mask on its pixels.

Used by the SpaceNet readers. Holes are kept, heights (Z) are dropped, nothing is repaired: a file that is not what it
should be is refused by name and by the number of the feature, counted from 1.
"""

from __future__ import annotations

import functools
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.features import rasterize
from rasterio.transform import Affine

from rsbench.datasets.numbers import is_finite
from rsbench.errors import UserError

_OUTSIDE = 1.0  # pixels that a footprint may lie beyond the edge of its tile: the cut of tile and footprint is inexact
_CRS84 = re.compile(r"(?:.*[:/])?CRS:?84", re.IGNORECASE)  # WGS 84, longitude first
_EPSG = re.compile(
    r"(?:urn:(?:x-)?ogc:def:crs:|https?://www\.opengis\.net/def/crs/)?EPSG(?:[:/][\w.]*)?[:/](\d+)", re.I
)
HIDING = threading.Lock()  # to be held where a warning is hidden (rasterio does while it draws): filters are global
_RESTORE = "Restore it from the original archive."


@dataclass(frozen=True)
class Grid:
    """Where the pixels of a raster lie on the earth.

    Args:
        path: of the raster, for messages.
        width: columns.
        height: rows.
        transform: from (column, row), (0, 0) being the outer corner of the first pixel, to coordinates in ``crs``.
        crs: coordinate reference system; None if the raster names none.
    """

    path: Path
    width: int
    height: int
    transform: Affine
    crs: CRS | None

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Turns coordinates of shape (K, 2) into pixels, (column, row), likewise of shape (K, 2)."""
        a, b, c, d, e, f, *_ = ~self.transform
        return np.stack([a * points[:, 0] + b * points[:, 1] + c, d * points[:, 0] + e * points[:, 1] + f], axis=1)

    def to_ground(self, column: float, row: float) -> tuple[float, float]:
        """Returns the coordinates of a place in pixels."""
        a, b, c, d, e, f, *_ = self.transform
        return a * column + b * row + c, d * column + e * row + f


@functools.cache
def wgs84() -> CRS:
    """Returns WGS 84.

    Raises:
        UserError: PROJ, which knows the coordinate systems, cannot use its database. That of another program, named in
            the environment, is the usual cause.
    """
    try:
        with rasterio.Env():  # without it GDAL prints errors
            return CRS.from_epsg(4326)
    except CRSError as error:
        named = [f"{name}={os.environ[name]}" for name in ("PROJ_DATA", "PROJ_LIB") if name in os.environ]
        raise UserError(
            f"PROJ cannot use its database of coordinate systems ({', '.join(named) or one_line(error)}).",
            f"{'Unset ' + ' and '.join(name.partition('=')[0] for name in named) if named else 'Reinstall rasterio'}: "
            "rasterio has a database of its own version.",
        ) from None


def one_line(error: BaseException) -> str:
    """Returns the message of an error as part of a sentence: GDAL's may have several lines.

    >>> one_line(OSError("No such\\nfile."))
    'No such file'
    """
    return " ".join(str(error).split()).rstrip(".")


Rings = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Footprint:
    """One building: a feature of a GeoJSON file.

    Args:
        number: of the feature in its file, from 1.
        polygons: its parts; each is a tuple of closed rings, the outer one first and then the holes, float64 arrays of
            shape (K, 2), in the coordinates of the raster. They may reach beyond its edge.
    """

    number: int
    polygons: tuple[Rings, ...]


def read_footprints(path: str | Path, grid: Grid) -> tuple[Footprint, ...]:
    """Reads the footprints of one tile.

    A file of no bytes, an empty collection and features without a geometry mean that there is no building.

    Args:
        path: of a GeoJSON FeatureCollection of polygons, multipolygons and collections of these.
        grid: of the raster to which they belong.

    Raises:
        UserError: the file cannot be read or is no such collection; its coordinate system is not that of the raster;
            a ring is not closed, has fewer than 4 points or a coordinate that is no finite number; a footprint lies
            more than a pixel outside the raster, or reaches further beyond an edge than the raster is wide or high.
    """
    path = Path(path)
    if grid.crs is None:
        raise UserError(
            f"The image {grid.path} names no coordinate system: the footprints in {path} cannot be placed on it.",
            "Restore the image: tools that know nothing of GeoTIFF drop it.",
        )
    collection = _parse(path)
    if collection is None:
        return ()
    _compare_crs(collection.get("crs"), path, grid)
    found = []
    for number, feature in enumerate(collection["features"], start=1):

        def fault(reason: str, number: int = number) -> UserError:
            return UserError(f"Feature {number} of {path} {reason}.", _RESTORE)

        if not isinstance(feature, dict) or "geometry" not in feature:
            raise fault("is no GeoJSON feature with a geometry")
        polygons = tuple(_polygons(feature["geometry"], fault))
        if polygons:
            _place(polygons, grid, fault)
            found.append(Footprint(number, polygons))
    return tuple(found)


def rasterise(footprints: tuple[Footprint, ...], grid: Grid) -> np.ndarray:
    """Draws footprints on the pixels of a raster: those whose centre lies inside one of them.

    What reaches beyond the raster is cut off.

    Returns:
        uint8 array of shape (height, width): 1 inside, 0 outside.
    """
    # every part is a shape of its own: rings of one shape that overlap would cut holes into each other
    shapes = [
        {"type": "Polygon", "coordinates": [ring.tolist() for ring in rings]}
        for footprint in footprints
        for rings in footprint.polygons
    ]
    if not shapes:
        return np.zeros((grid.height, grid.width), np.uint8)
    size = (grid.height, grid.width)
    with HIDING:
        return rasterize(shapes, size, 0, transform=grid.transform, default_value=1, dtype=np.uint8)


def _parse(path: Path) -> dict[str, Any] | None:
    """Returns the FeatureCollection in a file, None if the file is empty."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"The footprints {path} cannot be read: {error.strerror}.", _RESTORE) from None
    if not data.strip():
        return None
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:  # also what is not text
        raise UserError(f"The footprints {path} are not valid JSON: {error}.", _RESTORE) from None
    good = isinstance(found, dict) and found.get("type") == "FeatureCollection"
    if not good or not isinstance(found.get("features"), list):
        raise UserError(f"The file {path} is no GeoJSON FeatureCollection.", _RESTORE)
    return dict(found)


def _compare_crs(member: Any, path: Path, grid: Grid) -> None:
    """Refuses footprints in another coordinate system than the raster's; without a crs member they are in WGS 84."""
    name = "EPSG:4326"
    if member is not None:
        try:
            name = str(member["properties"]["name"])
        except (TypeError, KeyError):
            raise UserError(f"The footprints {path} name no coordinate system in their crs member.", _RESTORE) from None
    try:
        code = _EPSG.fullmatch(name)
        if _CRS84.fullmatch(name):
            own = wgs84()
        else:
            with rasterio.Env():  # without it GDAL prints errors
                own = CRS.from_epsg(int(code[1])) if code else CRS.from_user_input(name)
    except (CRSError, OverflowError, ValueError):
        raise UserError(f"The footprints {path} are in an unknown coordinate system, {name!r}.", _RESTORE) from None
    if own != grid.crs:
        raise UserError(
            f"The footprints {path} are in {name}{'' if member else ' (they name none)'}, but their image {grid.path} "
            f"is in {grid.crs.to_string() if grid.crs else 'none'}.",
            "Bring one of them into the coordinate system of the other, or restore both from the original archive.",
        )


def _polygons(geometry: Any, fault: Callable[[str], UserError]) -> Iterator[Rings]:
    """Yields the polygons of a geometry; none where it is null or empty."""
    if geometry is None:
        return
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    inner = "geometries" if kind == "GeometryCollection" else "coordinates"
    if kind not in ("Polygon", "MultiPolygon", "GeometryCollection"):
        raise fault(f"is of the type {kind!r}, not a polygon or several")
    content = geometry.get(inner)
    if not isinstance(content, list):
        raise fault(f"has a {kind} without {inner}")
    if kind == "GeometryCollection":
        for member in content:
            yield from _polygons(member, fault)
        return
    for rings in [content] if kind == "Polygon" else content:
        if not isinstance(rings, list):
            raise fault("has a polygon that is not a list of rings")
        if rings:
            yield tuple(_ring(ring, fault) for ring in rings)


def _ring(ring: Any, fault: Callable[[str], UserError]) -> np.ndarray:
    if not isinstance(ring, list) or not all(isinstance(point, list) and len(point) >= 2 for point in ring):
        raise fault("has a ring that is not a list of points")
    if len(ring) < 4:
        raise fault(f"has a ring of {len(ring)} points, where a ring takes 4 or more")
    numbers = [value for point in ring for value in point[:2]]
    if not all(map(is_finite, numbers)):
        raise fault("has a coordinate that is not a finite number")
    points = np.array(numbers, np.float64).reshape(-1, 2)
    if not np.array_equal(points[0], points[-1]):
        raise fault("has a ring that is not closed: its last point is not its first")
    return points


def _place(polygons: tuple[Rings, ...], grid: Grid, fault: Callable[[str], UserError]) -> None:
    """Refuses a footprint that is not of this raster (bounding boxes are compared).

    That is one of which no part comes within a pixel of it, and one that reaches further beyond an edge than it is wide
    or high: footprints are cut to their tile, and what is larger by far is an error that would make all of it building.
    """
    size = np.array([grid.width, grid.height])
    with np.errstate(over="ignore", invalid="ignore"):  # of absurd coordinates; they are refused below
        pixels = [[grid.to_pixels(ring) for ring in rings] for rings in polygons]
    at = "at ({})".format(", ".join(f"{value:.9g}" for value in polygons[0][0][0]))
    if not all(np.isfinite(ring).all() for rings in pixels for ring in rings):
        raise fault(f"has coordinates too large for its image {grid.path}, {at}")
    if not any((outer.max(axis=0) >= -_OUTSIDE).all() and (outer.min(axis=0) <= size + _OUTSIDE).all()
               for outer, *_ in pixels):  # fmt: skip
        raise fault(f"lies outside its image {grid.path}, {at}")
    if any((ring < -size).any() or (ring > 2 * size).any() for rings in pixels for ring in rings):
        raise fault(f"reaches far beyond its image {grid.path}, by more than the image is wide or high, {at}")
