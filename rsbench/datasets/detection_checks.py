"""What a reader of objects must return, checked: those of strangers are run by many and seen by few."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from rsbench.datasets.boxes import fault_of_boxes
from rsbench.datasets.numbers import is_whole
from rsbench.errors import UserError
from rsbench.metric_names import plain_classes

if TYPE_CHECKING:
    from rsbench.datasets.detection import DetectionDataset, Objects

_ORDER = "A box is left, top, width, height in pixels, not the corners x1, y1, x2, y2."
_TYPES = {"boxes": (np.float64, "fiu"), "labels": (np.int64, "iu"), "areas": (np.float64, "fiu"), "crowd": (bool, "b")}


class Fault(Exception):
    """What is wrong with an item.

    Args:
        reason: as a sentence goes on.
        remedy: a sentence, if there is more to say than that the reader is wrong.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


def check_description(dataset: DetectionDataset) -> None:
    """Checks what a dataset says of itself: classes, parts, and the numbers of both in COCO files.

    Raises:
        UserError: it names dataset, item and reason.
    """

    def refuse(reason: str) -> NoReturn:
        raise UserError(f"The dataset {dataset.name} is not valid: {reason}.", "Correct its reader.")

    classes, numbers = dataset.classes, dataset.category_ids
    if isinstance(classes, str) or not classes or not all(isinstance(name, str) and name for name in classes):
        refuse(f"its classes are {classes!r}, not a tuple of names")
    if twice := _twice(classes):
        refuse(f"two of its classes are called {twice[0]!r}")
    try:
        plain_classes(classes)
    except ValueError as error:
        refuse(f"classes that metrics cannot tell apart: {str(error).rstrip('.')}")
    if len(numbers) != len(classes):
        refuse(f"it has {len(numbers)} category ids for {len(classes)} classes")
    for name, number in zip(classes, numbers, strict=True):
        if not is_whole(number):
            refuse(f"its class {name!r} has the category id {number!r}, which is no whole number")
    if twice := _twice(numbers):
        refuse(f"two of its classes have the category id {twice[0]}")
    part_of: dict[str, str] = {}
    for part, ids in dataset.parts.items():
        if not ids:
            refuse(f"its part {part!r} has no items")
        for key in ids:
            if not isinstance(key, str):
                refuse(f"its item {key!r} of {part!r} is not named by a text")
            if key in part_of:
                where = f"twice in {part!r}" if part_of[key] == part else f"in {part_of[key]!r} and in {part!r}"
                refuse(f"its item {key!r} is {where}")
            part_of[key] = part
    if not part_of:
        refuse("it has no parts")
    for key in part_of:
        if key not in dataset.image_ids:
            refuse(f"its item {key!r} has no image id")
    known: dict[int, str] = {}
    for key, number in dataset.image_ids.items():
        if not is_whole(number):
            refuse(f"its item {key!r} has the image id {number!r}, which is no whole number")
        if number in known:
            refuse(f"its items {known[number]!r} and {key!r} have the same image id, {number}")
        known[number] = key


def checked_objects(found: Objects, size: Any, classes: int, masks: bool) -> Objects:
    """Returns the objects of an image in the types that ``Objects`` names, if they can be.

    Args:
        found: what a reader gave.
        size: height and width of the image, as the dataset gives them.
        classes: how many there are.
        masks: whether there must be masks.

    Raises:
        Fault: they are not what ``Objects`` says, or do not lie in the image.
    """
    height, width = _height_and_width(size)
    shape = getattr(found.boxes, "shape", ())
    count = shape[0] if shape else 0
    arrays: dict[str, Any] = {}
    for name, wanted in {"boxes": (count, 4), "labels": (count,), "areas": (count,), "crowd": (count,)}.items():
        arrays[name] = _converted(name, getattr(found, name), wanted)
    if any(array is not getattr(found, name) for name, array in arrays.items()):
        found = replace(found, **arrays)
    if not np.isfinite(found.boxes).all():
        raise Fault("a box is not finite")
    if fault := fault_of_boxes(found.boxes, (height, width)):
        row, reason = fault
        raise Fault(f"its box {row + 1} {[round(value, 3) for value in found.boxes[row].tolist()]} {reason}", _ORDER)
    if count and not 0 <= found.labels.min() <= found.labels.max() < classes:
        wrong = found.labels.min() if found.labels.min() < 0 else found.labels.max()
        raise Fault(f"the label {wrong} is none of the {classes} classes", "Labels count the classes from 0.")
    if count and not (np.isfinite(found.areas).all() and found.areas.min() >= 0):
        raise Fault("an area is negative or not finite")
    if masks != (found.masks is not None):
        raise Fault(
            "its objects have no masks" if masks else "its objects have masks, and the dataset says it has none"
        )
    if found.masks is not None:
        _check_masks(found.masks, count, height, width)
    return found


def _height_and_width(size: Any) -> tuple[int, int]:
    try:
        height, width = size
    except (TypeError, ValueError):
        height = width = None
    if not (is_whole(height) and is_whole(width) and min(height, width) > 0):
        raise Fault(f"its size is {size!r}, not height and width in pixels")
    return int(height), int(width)


def _converted(name: str, array: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Returns an array in the type that it must have, if nothing is lost by that."""
    if not isinstance(array, np.ndarray):
        raise Fault(f"its {name} are of the type {type(array).__name__}, not an array of numpy")
    if array.shape != shape:
        remedy = "no_objects() of rsbench.datasets.detection gives those of an image without any." * (not array.size)
        raise Fault(f"its {name} have the shape {array.shape}, not {shape}", remedy)
    dtype, kinds = _TYPES[name]
    if array.dtype == dtype:
        return array
    with np.errstate(all="ignore"):
        converted = array.astype(dtype) if array.dtype.kind in kinds or not array.size else None
        if converted is None or not np.array_equal(converted, array, equal_nan=dtype is np.float64):
            raise Fault(f"its {name} are {array.dtype}, which is not {np.dtype(dtype).name} without loss")
    return converted


def _check_masks(masks: Any, count: int, height: int, width: int) -> None:
    if not isinstance(masks, (tuple, list)):
        raise Fault(f"its masks are of the type {type(masks).__name__}, not a tuple of run lengths")
    if len(masks) != count:
        raise Fault(f"it has {count} boxes and {len(masks)} masks")
    for number, mask in enumerate(masks, start=1):
        if not isinstance(mask, Mapping) or not {"size", "counts"} <= mask.keys():
            raise Fault(f"its mask {number} is of the type {type(mask).__name__}, no mapping with size and counts")
        size, counts = mask["size"], mask["counts"]
        if not isinstance(size, (list, tuple, np.ndarray)) or list(size) != [height, width]:
            raise Fault(
                f"its mask {number} has the size {size!r}, its image [{height}, {width}]", "Height comes first."
            )
        if not isinstance(counts, (bytes, str)):
            raise Fault(f"its mask {number} is not in the compressed form of COCO: its counts are no bytes")


def _twice(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]
