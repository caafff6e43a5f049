"""Footprints: the mask against pixels that are tested one by one, every fault by file and feature."""

import itertools
import json
import math
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import Affine

from rsbench.datasets.footprints import Footprint, Grid, rasterise, read_footprints
from rsbench.errors import UserError

WIDTH, HEIGHT = 23, 17
STEP = 4.49e-6  # degrees, half a metre
RIO = Affine(STEP, 0, -43.6821115887, 0, -STEP, -22.9857852988)
WGS84 = CRS.from_epsg(4326)
GRID = Grid(Path("image.tif"), WIDTH, HEIGHT, RIO, WGS84)

Ring = list[list[float]]


def place(x: float, y: float, on: Affine = RIO) -> list[float]:
    return [on.c + on.a * x, on.f + on.e * y]


def lonlat(ring: Ring) -> Ring:
    """Pixels, as the tests think, to degrees with a height, as the files hold them."""
    return [[*place(x, y), 0.0] for x, y in ring]


def square(x: float, y: float, side: float) -> Ring:
    return [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]


def polygon(*rings: Ring) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [lonlat(ring) for ring in rings]}


def collection(*geometries: Any, **members: Any) -> dict[str, Any]:
    features = [{"type": "Feature", "properties": {}, "geometry": geometry} for geometry in geometries]
    return {"type": "FeatureCollection", "features": features} | members


def mask_of(path: Path, content: Any, grid: Grid = GRID) -> np.ndarray:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return rasterise(read_footprints(path, grid), grid)


def block(*boxes: tuple[int, int, int]) -> np.ndarray:
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x, y, side in boxes:
        expected[y : y + side, x : x + side] = 1
    return expected


def test_one_building(tmp_path: Path) -> None:
    found = mask_of(tmp_path / "a.geojson", collection(polygon(square(3, 4, 6))))
    assert found.dtype == np.uint8
    assert np.array_equal(found, block((3, 4, 6)))
    (footprint,) = read_footprints(tmp_path / "a.geojson", GRID)
    ((ring,),) = footprint.polygons
    assert footprint.number == 1 and ring.shape == (5, 2)
    assert np.allclose(GRID.to_pixels(ring), square(3, 4, 6), atol=1e-6)


def test_a_courtyard_several_parts_and_overlaps(tmp_path: Path) -> None:
    court = polygon(square(2, 2, 8), square(4, 4, 3))
    parts = {"type": "MultiPolygon", "coordinates": [[lonlat(square(12, 1, 4))], [lonlat(square(14, 3, 4))]]}
    mixed = {"type": "GeometryCollection", "geometries": [polygon(square(18, 12, 2)), parts, None]}
    found = mask_of(tmp_path / "a.geojson", collection(court, None, mixed))
    expected = block((2, 2, 8), (12, 1, 4), (14, 3, 4), (18, 12, 2))
    expected[4:7, 4:7] = 0
    assert np.array_equal(found, expected)
    first, second = read_footprints(tmp_path / "a.geojson", GRID)
    assert (first.number, len(first.polygons), len(first.polygons[0])) == (1, 1, 2)
    assert (second.number, len(second.polygons)) == (3, 3)


@pytest.mark.parametrize(
    "content",
    ["", " \n", collection(), collection(None), collection({"type": "Polygon", "coordinates": []}),
     collection({"type": "MultiPolygon", "coordinates": [[]]}),
     collection({"type": "GeometryCollection", "geometries": []})],
)  # fmt: skip
def test_no_building(content: Any, tmp_path: Path) -> None:
    assert not mask_of(tmp_path / "a.geojson", content).any()
    assert read_footprints(tmp_path / "a.geojson", GRID) == ()


def test_only_centres_of_pixels_count(tmp_path: Path) -> None:
    found = mask_of(tmp_path / "a.geojson", collection(polygon(square(2.6, 2.4, 2.0))))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[2:4, 3:5] = 1
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "name",
    ["urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:OGC::CRS84", "OGC:CRS84", "CRS84", "EPSG:4326", "epsg:4326",
     "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:EPSG:6.9:4326",
     "http://www.opengis.net/def/crs/OGC/1.3/CRS84", "http://www.opengis.net/def/crs/EPSG/0/4326"],
)  # fmt: skip
def test_spellings_of_wgs84(name: str, tmp_path: Path) -> None:
    crs = {"type": "name", "properties": {"name": name}}
    assert mask_of(tmp_path / "a.geojson", collection(polygon(square(0, 0, 3)), crs=crs)).sum() == 9


def test_another_projection_on_both_sides(tmp_path: Path) -> None:
    utm = Grid(Path("utm.tif"), WIDTH, HEIGHT, Affine(0.5, 0, 635000, 0, -0.5, 7457000), CRS.from_epsg(32723))
    ring = [place(x, y, utm.transform) for x, y in square(5, 5, 4)]
    content = collection({"type": "Polygon", "coordinates": [ring]})
    content["crs"] = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32723"}}
    assert np.array_equal(mask_of(tmp_path / "a.geojson", content, utm), block((5, 5, 4)))


def crs_of(name: Any) -> dict[str, Any]:
    return {"crs": {"type": "name", "properties": {"name": name}}}


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        ("{", ["not valid JSON"]),
        ("\x00\x01", ["not valid JSON"]),
        ("[" * 100_000, ["not valid JSON"]),
        ("[]", ["no GeoJSON FeatureCollection"]),
        (polygon(square(0, 0, 3)), ["no GeoJSON FeatureCollection"]),
        ({"type": "FeatureCollection", "features": None}, ["no GeoJSON FeatureCollection"]),
        ({"type": "FeatureCollection", "features": [7]}, ["Feature 1 of", "no GeoJSON feature"]),
        ({"type": "FeatureCollection", "features": [{"type": "Feature"}]}, ["Feature 1 of", "no GeoJSON feature"]),
        (collection(None, {"type": "Point", "coordinates": [0, 0]}), ["Feature 2 of", "'Point'"]),
        (collection({"type": "LineString", "coordinates": []}), ["Feature 1 of", "'LineString'"]),
        (collection(7), ["Feature 1 of", "type None"]),
        (collection({"type": "Polygon"}), ["without coordinates"]),
        (collection({"type": "GeometryCollection"}), ["without geometries"]),
        (collection({"type": "MultiPolygon", "coordinates": [7]}), ["not a list of rings"]),
        (collection({"type": "Polygon", "coordinates": [7]}), ["not a list of points"]),
        (collection({"type": "Polygon", "coordinates": [[[1], [2], [3], [1]]]}), ["not a list of points"]),
        (collection(None, None, polygon([[0, 0], [1, 1], [0, 0]])), ["Feature 3 of", "ring of 3 points"]),
        (collection(polygon(square(0, 0, 3)[:-1])), ["Feature 1 of", "not closed"]),
        (collection(polygon([[0, 0], [math.nan, 1], [1, 1], [0, 0]])), ["not a finite number"]),
        (collection(polygon([[0, 0], [math.inf, 1], [1, 1], [0, 0]])), ["not a finite number"]),
        (collection({"type": "Polygon", "coordinates": [[["0", 0], [1, 1], [2, 2], ["0", 0]]]}), ["not a finite"]),
        (collection({"type": "Polygon", "coordinates": [[[10**400, 0], [1, 1], [2, 2], [0, 0]]]}), ["not a finite"]),
        (collection(polygon(square(WIDTH + 1.2, 0, 3))), ["Feature 1 of", "outside its image image.tif"]),
        (collection(polygon(square(3, -6, 3))), ["Feature 1 of", "outside its image image.tif"]),
        (collection(None, polygon(square(-WIDTH, 0, 80 / STEP))), ["Feature 2 of", "beyond", "image.tif"]),
        (collection(polygon(square(1, 1, 3), square(-90, 1, 3))), ["Feature 1 of", "beyond", "image.tif"]),
        (collection({"type": "Polygon", "coordinates": [square(-1e308, 0, 1e308)]}), ["Feature 1 of", "too large"]),
        (collection({"type": "Polygon", "coordinates": [square(-1e300, -1e300, 2e300)]}), ["Feature 1 of", "beyond"]),
        (collection(**crs_of("EPSG:32723")), ["are in EPSG:32723", "is in EPSG:4326"]),
        (collection(**crs_of("EPSG:999999")), ["unknown coordinate system", "999999"]),
        (collection(**crs_of("the moon")), ["unknown coordinate system", "the moon"]),
        (collection(crs={"type": "link"}), ["name no coordinate system"]),
    ],
)  # fmt: skip
def test_faults_name_the_file_and_the_feature(content: Any, reasons: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    with warnings.catch_warnings(), pytest.raises(UserError) as error:
        warnings.simplefilter("error")
        mask_of(path, content)
    assert all(reason in error.value.message for reason in [*reasons, str(path)])
    assert error.value.hint and len(error.value.message) < 400


SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1))


@pytest.mark.parametrize(("right", "down"), SIDES)
def test_how_far_a_footprint_may_reach(right: int, down: int, tmp_path: Path) -> None:
    """By the size of the tile beyond each of its edges, and no further."""

    def reaching(by: float) -> dict[str, Any]:
        x, y = (WIDTH / 2 + right * WIDTH * (by + 0.5)), (HEIGHT / 2 + down * HEIGHT * (by + 0.5))
        return polygon([[6, 5], [14, 11], [x, y], [6, 5]])

    path = tmp_path / "a.geojson"
    assert mask_of(path, collection(reaching(0.99))).any()
    with pytest.raises(UserError, match=f"Feature 1 of {re.escape(str(path))} .*beyond"):
        mask_of(path, collection(reaching(1.01)))


def test_nothing_but_the_message_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="unknown coordinate system"):
        mask_of(tmp_path / "a.geojson", collection(**crs_of("EPSG:999998")))
    assert capfd.readouterr() == ("", "")


def test_a_strange_proj_database_is_named(tmp_path: Path) -> None:
    """A PROJ_DATA of another program is the usual cause of coordinate systems that are not known."""
    code = (
        "from rsbench.datasets import rio_splits\n"
        "from rsbench.datasets.footprints import wgs84\n"
        "from rsbench.errors import UserError\n"
        "try:\n    wgs84()\nexcept UserError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PROJ_DATA": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stderr == "" and done.returncode == 0
    assert "PROJ" in done.stdout and f"PROJ_DATA={tmp_path}" in done.stdout


def test_what_lies_at_the_edge_is_cut_and_not_refused(tmp_path: Path) -> None:
    found = mask_of(
        tmp_path / "a.geojson",
        collection(polygon(square(-3, -3, 5)), polygon(square(WIDTH + 0.8, 3, 4)), polygon(square(-15, 12, 20))),
    )
    expected = block((0, 0, 2))
    expected[12:, :5] = 1
    assert np.array_equal(found, expected)


def test_images_without_or_with_another_coordinate_system(tmp_path: Path) -> None:
    for crs, reason in ((None, "names no coordinate system"), (CRS.from_epsg(32723), "is in EPSG:32723")):
        with pytest.raises(UserError, match=reason) as error:
            mask_of(tmp_path / "a.geojson", collection(), Grid(Path("image.tif"), WIDTH, HEIGHT, RIO, crs))
        assert "image.tif" in error.value.message and "a.geojson" in error.value.message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_footprints(tmp_path / "absent.geojson", GRID)


NUMBER = st.floats(0.25, 1)
STAR = st.tuples(st.floats(-3, WIDTH + 3), st.floats(-3, HEIGHT + 3), st.lists(NUMBER, min_size=3, max_size=9))


def ring_of(x: float, y: float, radii: list[float], size: float) -> np.ndarray:
    """A simple polygon: corners at growing angles around a centre."""
    turns = np.arange(len(radii)) * 2 * math.pi / len(radii) + 0.1
    corners = np.stack([x + size * np.cos(turns) * radii, y + size * np.sin(turns) * radii], axis=1)
    return np.concatenate([corners, corners[:1]])


def inside(x: float, y: float, ring: np.ndarray) -> bool:
    """Counts the edges that a ray to the right crosses."""
    crossings = 0
    for (ax, ay), (bx, by) in itertools.pairwise(ring):
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            crossings += 1
    return crossings % 2 == 1


def near(x: float, y: float, ring: np.ndarray) -> bool:
    """Whether a point lies on an edge as far as rounding lets one tell."""
    for a, b in itertools.pairwise(ring):
        along = b - a
        share = np.clip(np.dot([x, y] - a, along) / max(np.dot(along, along), 1e-12), 0, 1)
        if np.hypot(*(a + share * along - [x, y])) < 1e-5:
            return True
    return False


@settings(deadline=None, max_examples=40)
@given(stars=st.lists(STAR, min_size=1, max_size=4), size=st.floats(2, 12), hollow=st.booleans())
def test_mask_against_pixels_tested_one_by_one(stars: list, size: float, hollow: bool) -> None:
    footprints, pixels = [], []
    for number, (x, y, radii) in enumerate(stars, start=1):
        rings = [ring_of(x, y, radii, size)] + ([ring_of(x, y, radii, 0.5 * size)] if hollow else [])
        pixels.append(rings)
        footprints.append(Footprint(number, (tuple(np.array([place(px, py) for px, py in r]) for r in rings),)))
    found = rasterise(tuple(footprints), GRID)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            x, y = column + 0.5, row + 0.5
            if not any(near(x, y, ring) for rings in pixels for ring in rings):
                expected = any(sum(inside(x, y, ring) for ring in rings) == 1 for rings in pixels)
                assert found[row, column] == expected
