"""Tiles and the parts of objects in them, against a clipping of polygons that shares no line with the code."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsbench.datasets.dota_labels import Labels
from rsbench.datasets.dota_tiles import Settings, cut_objects, origins, tile_name, tiles_of
from rsbench.errors import UserError


def labels_of(*quadrilaterals: list, difficult: tuple[int, ...] = (), label: int = 6) -> Labels:
    corners = np.array(quadrilaterals, np.float64).reshape(-1, 4, 2)
    flags = np.array([k in difficult for k in range(len(corners))], bool)
    return Labels(corners, np.full(len(corners), label), flags)


def upright(left: float, top: float, right: float, bottom: float) -> list:
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


@given(st.integers(1, 5000), st.integers(32, 1200), st.integers(1, 1200))
@settings(max_examples=300, deadline=None)
def test_tiles_cover_a_row_and_stay_in_it(length: int, tile: int, stride: int) -> None:
    stride = min(stride, tile)
    found = origins(length, tile, stride)
    assert found[0] == 0 and found[-1] == max(length - tile, 0)
    assert all(0 < b - a <= stride for a, b in pairwise(found))
    assert all(start % stride == 0 for start in found[:-1])


def by_the_loop(length: int, tile: int, stride: int) -> list[int]:
    """What the development kit does: step on, and move the last one back."""
    found, left = [], 0
    while left < length:
        if left + tile >= length:
            found.append(max(length - tile, 0))
            break
        found.append(left)
        left += stride
    return found


@given(st.integers(1, 5000), st.sampled_from([(800, 640), (1024, 824), (1024, 924), (512, 512), (100, 7)]))
@settings(max_examples=200, deadline=None)
def test_tiles_are_those_of_the_development_kit(length: int, sizes: tuple[int, int]) -> None:
    assert origins(length, *sizes) == by_the_loop(length, *sizes)


def test_known_images() -> None:
    found = tiles_of(1182, 1111, Settings())
    assert found.tolist() == [
        [0, 0, 800, 800], [311, 0, 1111, 800], [0, 382, 800, 1182], [311, 382, 1111, 1182],
    ]  # fmt: skip
    assert tiles_of(557, 712, Settings()).tolist() == [[0, 0, 712, 557]]  # smaller than a tile: as it is
    assert tile_name("P0706", 311, 382) == "P0706__1__311___382.png"


def clip(polygon: list[tuple[float, float]], tile: tuple[float, ...]) -> list[tuple[float, float]]:
    """Sutherland and Hodgman: one side of the tile after the other."""
    left, top, right, bottom = tile
    for axis, limit, sign in ((0, left, 1), (0, right, -1), (1, top, 1), (1, bottom, -1)):
        result = []
        for a, b in zip(polygon, polygon[1:] + polygon[:1], strict=True):
            inside_a, inside_b = sign * (a[axis] - limit) >= 0, sign * (b[axis] - limit) >= 0
            if inside_a != inside_b:
                t = (limit - a[axis]) / (b[axis] - a[axis])
                result.append((a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])))
            if inside_b:
                result.append(b)
        polygon = result
    return polygon


def shoelace(polygon: list[tuple[float, float]]) -> float:
    pairs = zip(polygon, polygon[1:] + polygon[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


rectangles = st.builds(
    lambda x, y, w, h, angle: [
        (x + math.cos(angle) * u - math.sin(angle) * v, y + math.sin(angle) * u + math.cos(angle) * v)
        for u, v in ((-w, -h), (w, -h), (w, h), (-w, h))
    ],
    st.floats(-20, 170), st.floats(-20, 140), st.floats(2, 60), st.floats(2, 60), st.floats(0, math.pi),
)  # fmt: skip


@given(st.lists(rectangles, min_size=1, max_size=6), st.sampled_from(["drop", "keep", "crowd"]))
@settings(max_examples=150, deadline=None)
def test_parts_of_objects_agree_with_another_clipping(quadrilaterals: list, cut: str) -> None:
    height, width = 120, 150
    some = Settings(tile=64, stride=48, cut=cut)
    found, counts = cut_objects(labels_of(*quadrilaterals), height, width, some)
    expected_cut = expected_kept = 0
    for tile, annotations in zip(tiles_of(height, width, some), found, strict=True):
        expected = []
        for polygon in quadrilaterals:
            part = clip(polygon, tuple(tile))
            share = shoelace(part) / shoelace(polygon) if len(part) > 2 else 0.0
            if abs(share - some.inside) < 1e-6:
                return  # too near for two clippings to agree
            points = np.array(part).reshape(-1, 2)
            if len(part) < 3 or not shoelace(part) or (np.ptp(points, axis=0) < 1).any():
                continue
            expected_cut += share < some.inside
            if share >= some.inside or cut != "drop":
                low, high = points.min(0) - tile[:2], points.max(0) - tile[:2]
                crowd = int(cut == "crowd" and share < some.inside)
                expected.append((*low, *(high - low), shoelace(part), crowd))
        got = [(*one["bbox"], one["area"], one["iscrowd"]) for one in annotations]
        assert np.allclose(np.array(got).reshape(-1, 6), np.array(expected).reshape(-1, 6), atol=2e-3)
        expected_kept += len(expected)
        for one in annotations:
            (ring,) = one["segmentation"]
            assert shoelace(list(zip(ring[::2], ring[1::2], strict=True))) == pytest.approx(one["area"], abs=0.3)
    assert (counts.cut, counts.annotations) == (expected_cut, expected_kept)


def test_seven_tenths_inside_are_enough() -> None:
    # tiles 0..100 and 50..150; the object has 70 of its 100 columns in the first, and 80 in the second
    row = labels_of(upright(30, 10, 130, 20))
    found, counts = cut_objects(row, 100, 150, Settings(tile=100, stride=50))
    assert [[one["bbox"] for one in tile] for tile in found] == [[[30, 10, 70, 10]], [[0, 10, 80, 10]]]
    assert counts.annotations == 2 and counts.cut == 0 and counts.nowhere == 0
    found, counts = cut_objects(row, 100, 150, Settings(tile=100, stride=50, inside=0.75))
    assert [len(tile) for tile in found] == [0, 1] and counts.cut == 1


def test_an_object_larger_than_a_tile_is_counted_as_lost() -> None:
    _, counts = cut_objects(labels_of(upright(0, 0, 150, 100)), 100, 150, Settings(tile=64, stride=64))
    assert counts.annotations == 0 and counts.nowhere == 1
    found, counts = cut_objects(labels_of(upright(0, 0, 150, 100)), 100, 150, Settings(tile=64, stride=64, cut="crowd"))
    assert all(one["iscrowd"] for tile in found for one in tile) and counts.nowhere == 1 and counts.crowd == 6


@pytest.mark.parametrize(
    ("policy", "expected"), [("keep", [(0, 0), (0, 1)]), ("drop", [(0, 0)]), ("crowd", [(0, 0), (1, 1)])]
)
def test_difficult(policy: str, expected: list[tuple[int, int]]) -> None:
    both = labels_of(upright(1, 1, 9, 9), upright(20, 1, 29, 9), difficult=(1,))
    (found,), counts = cut_objects(both, 50, 50, Settings(difficult=policy))
    assert [(one["iscrowd"], one["difficult"]) for one in found] == expected
    assert counts.difficult == 1 and counts.objects == 2 and counts.nowhere == 0


def test_area_of_polygon_or_box() -> None:
    diamond = labels_of([[20, 10], [30, 20], [20, 30], [10, 20]])
    for area, expected in (("polygon", 200), ("box", 400)):
        (found,), _ = cut_objects(diamond, 50, 50, Settings(area=area))
        assert found[0]["area"] == expected and found[0]["bbox"] == [10, 10, 20, 20]
        assert found[0]["category_id"] == 7


def test_objects_outside_and_across_the_border() -> None:
    some = labels_of(upright(60, 0, 70, 10), upright(-30, 5, -1, 9), upright(45, 0, 55, 10), upright(48, 20, 52, 30))
    (found,), counts = cut_objects(some, 50, 50, Settings())
    assert found == [] and counts.outside == 2 and counts.cut == 2 and counts.nowhere == 2
    (found,), _ = cut_objects(some, 50, 50, Settings(cut="keep"))
    assert [one["bbox"] for one in found] == [[45, 0, 5, 10], [48, 20, 2, 10]]


def test_strips_narrower_than_a_pixel_are_not_there() -> None:
    (found,), _ = cut_objects(labels_of(upright(49.5, 0, 60, 10)), 50, 50, Settings(cut="keep"))
    assert found == []
    (found,), _ = cut_objects(labels_of(upright(10, 0, 10.5, 10)), 50, 50, Settings())  # whole: the label says so
    assert found[0]["bbox"] == [10, 0, 0.5, 10]


def test_a_quadrilateral_that_crosses_itself() -> None:
    bow = labels_of([[10, 10], [30, 30], [30, 10], [10, 30]])
    (found,), _ = cut_objects(bow, 50, 50, Settings())
    assert found[0]["bbox"] == [10, 10, 20, 20] and found[0]["area"] == 200 and len(found[0]["segmentation"]) == 2
    found, counts = cut_objects(bow, 50, 52, Settings(tile=50, stride=32, inside=0.5))
    assert counts.annotations == 2  # in both tiles, the second of which begins at 2


def test_no_objects() -> None:
    found, counts = cut_objects(labels_of(), 900, 900, Settings())
    assert found == [[], [], [], []] and counts.objects == 0


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"tile": 16}, "16 pixels"),
        ({"stride": 900}, "leaves gaps"),
        ({"stride": 0}, "stands still"),
        ({"inside": 0}, "share inside"),
        ({"inside": 1.1}, "share inside"),
        ({"cut": "drp"}, "cut cannot be 'drp'"),
        ({"difficult": "all"}, "difficult cannot be 'all'"),
        ({"area": "mask"}, "area cannot be 'mask'"),
        ({"tiles": 3}, "no setting 'tiles'"),
    ],
)
def test_settings_that_cannot_be(values: dict, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        Settings.of(values)


def test_names_of_settings_differ_where_settings_do() -> None:
    variants = [
        Settings(), Settings(tile=512, stride=512), Settings(inside=0.5), Settings(cut="crowd"), Settings(cut="keep"),
        Settings(difficult="crowd"), Settings(difficult="drop"), Settings(area="box"),
    ]  # fmt: skip
    assert len({one.name for one in variants}) == len(variants) and Settings().name == "tiles-800-640"
