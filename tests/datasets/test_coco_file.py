"""Ground truth in the form of COCO: what pycocotools reads, and every bad entry by its number."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from rsbench.datasets.coco_file import read_coco
from rsbench.datasets.coco_masks import fault_of, to_rle
from rsbench.errors import UserError

CLASSES = ("ship", "bridge")
HEIGHT, WIDTH = 20, 30


def runs(mask: np.ndarray) -> dict[str, Any]:
    """Run lengths as a list, column by column, beginning with those of the background."""
    flat = mask.ravel(order="F").astype(int)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flat))))
    counts = np.diff(np.concatenate(([0], edges, [flat.size])))
    return {"size": list(mask.shape), "counts": counts.tolist()}


def some_mask() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[3:9, 4:20] = True
    mask[5:7, 6:10] = False
    return mask


def compressed(mask: np.ndarray) -> dict[str, Any]:
    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(mask.shape), "counts": code["counts"].decode()}


def document() -> dict[str, Any]:
    triangle, square = [2, 2, 12, 2, 2, 12.5], [20, 10, 28, 10, 28, 18, 20, 18]
    return {
        "info": {"year": 2019},
        "images": [
            {"id": 7, "file_name": "b.jpg", "height": HEIGHT, "width": WIDTH},
            {"id": 0, "file_name": "a.jpg", "height": 10, "width": 10},
        ],
        "categories": [{"id": 4, "name": "bridge"}, {"id": 9, "name": "ship"}],
        "annotations": [
            {"id": 0, "image_id": 7, "category_id": 9, "bbox": [2, 2, 10, 10.5], "area": 52.5,
             "segmentation": [triangle], "iscrowd": 0},
            {"id": 3, "image_id": 7, "category_id": 4, "bbox": [2, 2, 26, 16], "area": 116.5,
             "segmentation": [triangle, square]},
            {"id": 2, "image_id": 7, "category_id": 4, "bbox": [4, 3, 16, 6], "area": 88,
             "segmentation": runs(some_mask()), "iscrowd": 1},
            {"id": 5, "image_id": 7, "category_id": 9, "bbox": [4.0, 3.0, 16.0, 6.0], "area": 88.0,
             "segmentation": compressed(some_mask()), "iscrowd": 0},
        ],
    }  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    def fill(content: Any) -> Path:
        path = tmp_path / "truth.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return fill


def test_objects_are_those_that_pycocotools_reads(write: Callable[[Any], Path]) -> None:
    path = write(document())
    found = read_coco(path, CLASSES, masks=True)
    assert found.category_ids == (9, 4) and found.counts_from_zero and found.info == {"year": 2019}
    assert [(name, one.id, one.height, one.width) for name, one in found.images.items()] == [
        ("b.jpg", 7, HEIGHT, WIDTH), ("a.jpg", 0, 10, 10),
    ]  # fmt: skip
    reader = COCO(str(path))
    expected = reader.loadAnns(reader.getAnnIds(imgIds=[7]))
    objects = found.objects(7)
    assert objects.boxes.tolist() == [one["bbox"] for one in expected]
    assert objects.areas.tolist() == [one["area"] for one in expected]
    assert [found.category_ids[label] for label in objects.labels] == [one["category_id"] for one in expected]
    assert objects.crowd.tolist() == [False, False, True, False]
    assert objects.masks is not None
    for mask, one in zip(objects.masks, expected, strict=True):
        assert np.array_equal(coco_mask.decode(dict(mask)), reader.annToMask(one))
    assert coco_mask.decode(dict(objects.masks[2])).astype(bool).tolist() == some_mask().tolist()
    empty = found.objects(0)
    assert len(empty) == 0 and empty.masks == () and empty.boxes.shape == (0, 4)


def test_without_masks_segmentations_do_not_matter(write: Callable[[Any], Path]) -> None:
    content = document()
    content["annotations"][0]["segmentation"] = [[1, 2, 3]]
    del content["annotations"][1]["segmentation"]
    found = read_coco(write(content), CLASSES, masks=False)
    assert found.objects(7).masks is None and found.objects(0).masks is None and len(found.objects(7)) == 4


def changed(path: str, value: Any) -> dict[str, Any]:
    """The document with one place changed: ``annotations.0.bbox``; None takes it away."""
    content: Any = copy.deepcopy(document())
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place = content
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return dict(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "it is no JSON"),
        ("\udcff", "it is no JSON"),
        ([], "it lacks images, annotations, categories"),
        (changed("annotations", None), "it lacks annotations"),
        (changed("images", {}), "its images are no list of objects"),
        (changed("images.1.width", None), "image 0 lacks width"),
        (changed("images.1.id", None), "entry 2 among its images lacks id"),
        (changed("images.1.id", 7), "two images have the id '7'"),
        (changed("images.1.id", "7"), "has the id '7', which is no whole number"),
        (changed("images.1.file_name", "b.jpg"), "two images have the file name 'b.jpg'"),
        (changed("images.1.file_name", 3), "image 0 has the file name 3"),
        (changed("images.1.height", 0), "image 0 has the size 10 x 0"),
        (changed("categories.1.id", 4), "two categories have the id '4'"),
        (changed("categories.1.name", "bridge"), "two categories have the name 'bridge'"),
        (changed("categories.1", None), "it lacks the categories ship"),
        (changed("annotations.1.id", 0), "two annotations have the id '0'"),
        (changed("annotations.1.area", None), "annotation 3 lacks area"),
        (changed("annotations.1.area", -1), "annotation 3 has the area -1"),
        (changed("annotations.1.image_id", 8), "annotation 3 is of the image 8, which it does not list"),
        (changed("annotations.1.category_id", 1), "annotation 3 is of the unknown category 1"),
        (changed("annotations.1.area", 10**400), "annotation 3 has the area 1000"),
        (changed("annotations.1.image_id", [7]), "annotation 3 has the image_id [7], no whole number"),
        (changed("annotations.1.image_id", 7.0), "annotation 3 has the image_id 7.0, no whole number"),
        (changed("annotations.1.category_id", [4]), "annotation 3 has the category_id [4], no whole number"),
        (changed("annotations.1.category_id", {}), "annotation 3 has the category_id {}, no whole number"),
        (changed("annotations.1.id", 3.0), "has the id 3.0, which is no whole number"),
        (changed("images.1.height", 10**400), "image 0 has the size 10 x 1000"),
        (changed("annotations.1.iscrowd", 10**400), "annotation 3 has iscrowd 1000"),
        (changed("annotations.1.bbox", [1, 2, 10**400, 4]), "is not four finite numbers"),
        (changed("annotations.1.bbox", [1e308, 2, 1e308, 4]), "lies outside the image"),
        (changed("annotations.1.iscrowd", 2), "annotation 3 has iscrowd 2"),
        (changed("annotations.1.bbox", [1, 2, 3]), "annotation 3: its box [1, 2, 3] is not four finite numbers"),
        (changed("annotations.1.bbox", [1, 2, 3, float("nan")]), "is not four finite numbers"),
        (changed("annotations.1.bbox", [1, 2, 3, "4"]), "is not four finite numbers"),
        (changed("annotations.1.bbox", [1, 2, 0, 4]), "annotation 3: its box [1, 2, 0, 4] has no extent"),
        (changed("annotations.1.bbox", [1, 2, -4, 4]), "has no extent"),
        (changed("annotations.1.bbox", [30, 2, 4, 4]), "lies outside the image of 30 x 20 pixels (id 7)"),
        (changed("annotations.1.bbox", [-9, 2, 9, 4]), "lies outside the image"),
        (changed("annotations.1.bbox", [26, 2, 5.1, 4]), "reaches beyond the image"),
        (changed("annotations.1.bbox", [26, -1.1, 2, 4]), "reaches beyond the image"),
    ],
)  # fmt: skip
def test_what_is_not_valid_is_named(content: Any, reason: str, write: Callable[[Any], Path], tmp_path: Path) -> None:
    if content == "\udcff":
        (tmp_path / "truth.json").write_bytes(b"\xff\xfe{")
        path = tmp_path / "truth.json"
    else:
        path = write(content)
    with pytest.raises(UserError) as error:
        read_coco(path, CLASSES, masks=True)
    assert reason in error.value.message and str(path) in error.value.message


def test_a_box_may_reach_a_pixel_beyond_and_passes_unchanged(write: Callable[[Any], Path]) -> None:
    found = read_coco(write(changed("annotations.0.bbox", [-1, -0.5, 31.5, 21.5])), CLASSES, masks=True)
    assert found.objects(7).boxes[0].tolist() == [-1, -0.5, 31.5, 21.5]


def test_a_category_that_is_nearly_right_is_guessed(write: Callable[[Any], Path]) -> None:
    with pytest.raises(UserError, match="none of the dataset's: ships") as error:
        read_coco(write(changed("categories.1.name", "ships")), CLASSES, masks=True)
    assert error.value.hint == "Did you mean 'ship'?"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        read_coco(tmp_path / "none.json", CLASSES, masks=True)


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([], "neither polygons nor run lengths"),
        ("x", "neither polygons nor run lengths"),
        ([[0, 0, 4, 0, 4]], "polygon 1 has 5 coordinates, an odd number"),
        ([[0, 0, 4, 0, 4, 4], [0, 0, 4, 0]], "polygon 2 has 2 corners, fewer than 3"),
        ([[0, 0, 4, 0, 4, float("inf")]], "no list of finite numbers"),
        ([[0, 0, 1e9, 0, 4, 4]], "reaches far beyond the image"),
        ([[0, 0, 10**400, 0, 4, 4]], "no list of finite numbers"),
        ({"size": [20.0, 30.0], "counts": [600]}, "of the size [20.0, 30.0], its image has [20, 30]"),
        ({"size": [20, 30], "counts": [10**400]}, "cannot be read"),
        ({"size": [20, 30], "counts": [600.0]}, "cannot be read"),
        ({"size": [20, 31], "counts": [600]}, "of the size [20, 31], its image has [20, 30]"),
        ({"size": [20, 30], "counts": [599]}, "cover 599 pixels, its image has 600"),
        ({"size": [20, 30], "counts": [601, -1]}, "cannot be read"),
        ({"size": [20, 30], "counts": "o"}, "cannot be read"),
        ({"size": [20, 30], "counts": "\x01"}, "cannot be read"),
        ({"size": [20, 30], "counts": "ooooooooooo0"}, "cannot be read"),
        ({"size": [20, 30]}, "cannot be read"),
    ],
)
def test_segmentations_that_are_not_valid(segmentation: Any, reason: str, write: Callable[[Any], Path]) -> None:
    path = write(changed("annotations.1.segmentation", segmentation))
    found = read_coco(path, CLASSES, masks=True)  # masks are coded when they are wanted
    with pytest.raises(UserError) as error:
        found.objects(7)
    assert f"{path} is not valid: annotation 3: " in error.value.message and reason in error.value.message


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_run_lengths_of_any_mask_pass_and_stay(height: int, width: int, seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < share
    for coded in (runs(mask), compressed(mask)):
        assert fault_of(coded, (height, width)) == ""
        assert np.array_equal(coco_mask.decode(dict(to_rle(coded, (height, width)))), mask)
