"""A dataset of objects that does not fit together is refused with its name, the item and the reason."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_detection as tiny
from hypothesis import given
from hypothesis import strategies as st

from rsbench.datasets.detection import DetectionDataset, Objects
from rsbench.errors import UserError


def dataset(masks: bool = False, **changes: Any) -> DetectionDataset:
    made = (tiny.tiny_masks if masks else tiny.tiny_boxes).open(None, tiny.demo(None, 0))
    own = {field.name: getattr(made, field.name) for field in fields(made) if field.init}
    return DetectionDataset(**{**own, **changes})


def reading(with_masks: bool = False, size: Any = tiny.size, **changes: Any) -> DetectionDataset:
    """A dataset whose reader returns other objects: each change is a function of what it returned before."""

    def read(key: str) -> Objects:
        found = tiny.objects(key, with_masks)
        return replace(found, **{name: change(getattr(found, name)) for name, change in changes.items()})

    return dataset(with_masks, read_objects=read, size=size)


def numbered(**changes: Any) -> dict[str, Any]:
    found = {**tiny.NUMBERS, **changes}
    return {key: number for key, number in found.items() if number is not None}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"image_ids": numbered(v03=None)}, "its item 'v03' has no image id"),
        ({"image_ids": numbered(v03=1.0)}, "its item 'v03' has the image id 1.0, which is no whole number"),
        ({"image_ids": numbered(v03="3")}, "its item 'v03' has the image id '3', which is no whole number"),
        ({"image_ids": numbered(v03=True)}, "its item 'v03' has the image id True"),
        ({"image_ids": numbered(v03=2**63)}, "its item 'v03' has the image id 9223372036854775808"),
        ({"image_ids": numbered(v03=tiny.NUMBERS["t00"])}, r"its items 'v03' and 't00' have the same image id, \d+"),
        ({"category_ids": (7,)}, "it has 1 category ids for 2 classes"),
        ({"category_ids": (7, "3")}, "its class 'storage tank' has the category id '3', which is no whole number"),
        ({"category_ids": (7, 7)}, "two of its classes have the category id 7"),
        ({"classes": ("pond", "pond")}, "two of its classes are called 'pond'"),
        ({"classes": ("pond 1", "pond_1")}, "Two of the classes pond 1, pond_1 have the same name in a metric"),
        ({"classes": "pond"}, "its classes are 'pond', not a tuple of names"),
        ({"classes": ("pond", 3)}, r"its classes are \('pond', 3\)"),
        ({"classes": ()}, r"its classes are \(\)"),
        ({"parts": {"train": ("t00", "t01"), "val": ("t01",)}}, "its item 't01' is in 'train' and in 'val'"),
        ({"parts": {"train": ("t00", "t00"), "val": ("t01",)}}, "its item 't00' is twice in 'train'"),
        ({"parts": {"train": (), "val": ("t01",)}}, "its part 'train' has no items"),
        ({"parts": {"train": (1,), "val": ("t01",)}}, "its item 1 of 'train' is not named by a text"),
        ({"parts": {}}, "it has no parts"),
    ],
)
def test_a_description_that_does_not_fit_together_is_refused_at_opening(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=f"The dataset tiny-boxes is not valid: .*{reason}") as error:
        dataset(**changes)
    assert error.value.hint == "Correct its reader."


def test_numbers_of_numpy_become_plain_ones() -> None:
    """JSON does not take those of numpy, and files of detections are written at the very end of a run."""
    made = dataset(image_ids={key: np.int32(n) for key, n in tiny.NUMBERS.items()}, category_ids=np.array([7, 3]))
    assert made.image_ids == tiny.NUMBERS and made.category_ids == (7, 3)
    assert {type(number) for number in (*made.image_ids.values(), *made.category_ids)} == {int}


def but_first(value: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Changes the first entry of an array, or the first row."""

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        array[:1] = value
        return array

    return change


def corners(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"boxes": np.ndarray.tolist}, "its boxes are of the type list, not an array of numpy"),
        ({"labels": np.ndarray.tolist}, "its labels are of the type list"),
        ({"boxes": lambda boxes: boxes[0]}, r"its boxes have the shape \(4,\), not \(4, 4\)"),
        ({"boxes": lambda boxes: boxes[0, 0]}, "its boxes are of the type float64, not an array"),
        ({"labels": lambda labels: labels[1:]}, r"its labels have the shape \(\d,\), not \(\d,\)"),
        ({"labels": lambda labels: labels.astype(float)}, "its labels are float64, which is not int64 without loss"),
        ({"labels": lambda labels: labels.astype(bool)}, "its labels are bool"),
        ({"labels": lambda labels: labels.astype(str)}, "its labels are <U"),
        ({"labels": lambda labels: np.full(len(labels), 2**63, np.uint64)}, "its labels are uint64, which is not int"),
        ({"labels": but_first(2)}, "the label 2 is none of the 2 classes"),
        ({"labels": but_first(-1)}, "the label -1 is none"),
        ({"crowd": lambda crowd: crowd.astype(int)}, "its crowd are int64, which is not bool without loss"),
        ({"boxes": lambda boxes: boxes.astype(object)}, "its boxes are object"),
        ({"boxes": but_first(np.nan)}, "a box is not finite"),
        ({"boxes": but_first([0, 0, 4, 0])}, r"its box 1 \[0.0, 0.0, 4.0, 0.0\] has no extent"),
        ({"boxes": but_first([0, 0, 98.5, 4])}, "its box 1 .* reaches beyond the image of 96 x 96 pixels"),
        ({"boxes": but_first([-1.5, 0, 4, 4])}, "reaches beyond the image"),
        ({"boxes": but_first([96, 0, 1, 4])}, "lies outside the image"),
        ({"boxes": but_first([1e308, 0, 1e308, 4])}, "lies outside the image"),
        ({"areas": but_first(-1)}, "an area is negative or not finite"),
        ({"areas": but_first(np.inf)}, "an area is negative or not finite"),
        ({"masks": lambda masks: ()}, "its objects have masks, and the dataset says it has none"),
        ({"size": lambda key: (96, 96.0)}, r"its size is \(96, 96\.0\), not height and width in pixels"),
        ({"size": lambda key: 96}, "its size is 96, not height and width"),
        ({"size": lambda key: (96, 0)}, r"its size is \(96, 0\)"),
    ],
)
def test_objects_that_cannot_be_are_refused_with_the_item(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=f"The item 't03' of tiny-boxes is not valid: .*{reason}") as error:
        reading(**changes).objects("t03")
    assert error.value.hint.startswith("Correct its reader.")


def test_corners_in_place_of_sides_are_guessed() -> None:
    with pytest.raises(UserError, match=r"a box|its box \d .* reaches beyond the image") as error:
        reading(boxes=corners).check()
    assert "left, top, width, height in pixels, not the corners x1, y1, x2, y2" in error.value.hint


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"masks": lambda masks: None}, "its objects have no masks"),
        ({"masks": lambda masks: masks[1:]}, r"it has (\d) boxes and \d masks"),
        ({"masks": lambda masks: iter(masks)}, "its masks are of the type tuple_iterator"),
        ({"masks": lambda masks: tuple({**one, "size": [96, 95]} for one in masks)}, r"mask 1 has the size \[96, 95\]"),
        ({"masks": lambda masks: tuple({**one, "size": 96} for one in masks)}, "its mask 1 has the size 96"),
        ({"masks": lambda masks: tuple({**one, "counts": [96 * 96]} for one in masks)}, "not in the compressed form"),
        ({"masks": lambda masks: tuple(one["counts"] for one in masks)}, "its mask 1 is of the type bytes"),
    ],
)
def test_masks_that_cannot_be_are_refused_with_the_item(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=f"The item 't03' of tiny-masks is not valid: .*{reason}"):
        reading(True, **changes).objects("t03")


def test_masks_may_have_their_size_in_any_sequence() -> None:
    for kind in (tuple, np.array):
        made = reading(True, masks=lambda masks, kind=kind: [{**one, "size": kind(one["size"])} for one in masks])
        made.check()


def test_what_is_no_objects_and_no_image_is_refused() -> None:
    with pytest.raises(UserError, match="its objects are of the type dict, not Objects"):
        dataset(read_objects=lambda key: {}).objects("t03")
    with pytest.raises(UserError, match="its image is of the type list, not an array of numpy"):
        dataset(read_image=lambda key: tiny.image(key).tolist()).load("t03")
    empty = dataset(read_objects=lambda key: Objects(*[np.zeros(0)] * 4))
    with pytest.raises(UserError, match=r"its boxes have the shape \(0,\), not \(0, 4\)") as error:
        empty.objects("t03")
    assert "no_objects()" in error.value.hint


@given(st.sampled_from(["float32", "float16", "int32", "uint8"]), st.sampled_from(["int32", "uint8", "int16"]))
def test_types_are_converted_where_nothing_is_lost(boxes: str, labels: str) -> None:
    made = reading(
        boxes=lambda a: a.astype(boxes), areas=lambda a: a.astype("uint16"), labels=lambda a: a.astype(labels)
    )
    for key in ("t03", "t04"):  # the second has none
        found, expected = made.objects(key), tiny.objects(key, masks=False)
        for name in ("boxes", "labels", "areas", "crowd"):
            one, other = getattr(found, name), getattr(expected, name)
            assert one.dtype == getattr(tiny.objects("t03", masks=False), name).dtype and np.array_equal(one, other)


def test_crowds_are_not_counted() -> None:
    made = dataset()
    expected = {part: sum((~tiny.objects(key, False).crowd).sum() for key in tiny.PARTS[part]) for part in made.parts}
    assert {part: made.labelled(part) for part in made.parts} == expected
    assert sum(len(made.objects(key)) for key in made.parts["val"]) > expected["val"]
    assert reading(crowd=np.ones_like).labelled("train") == 0


def test_the_fingerprint_can_stand_on_something_else_than_the_files(tmp_path: Path) -> None:
    path = tmp_path / "image"
    found = set()
    for content in (b"one", b"two"):
        path.write_bytes(content)
        own = dataset(files=lambda key: (path,), digest=lambda key: key.encode())
        found |= {own.fingerprint, dataset(files=lambda key: (path,)).fingerprint}
    assert len(found) == 3
    assert dataset(files=lambda key: (path,), digest=lambda key: b"").fingerprint not in found
