"""Reads the ground truth of a detection dataset from a JSON file in the form of COCO, and refuses what is not valid."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rsbench.datasets.boxes import fault_of_boxes
from rsbench.datasets.coco_masks import fault_of, to_rle
from rsbench.datasets.detection import Objects, no_objects
from rsbench.datasets.layout import list_names
from rsbench.datasets.numbers import is_finite, is_whole
from rsbench.errors import UserError, near_miss

_PLURALS = {"image": "images", "annotation": "annotations", "category": "categories"}
_RESTORE = "Restore the file from its archive, or correct it."


@dataclass(frozen=True)
class CocoImage:
    """An image as the file describes it: its number, height and width in pixels."""

    id: int
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class CocoFile:
    """The ground truth of a file.

    Args:
        path: of the file.
        sha256: hexadecimal digest of its bytes.
        images: by file name, in the order of the file.
        category_ids: number of each class in the file, in the order in which the reader gave the names.
        counts_from_zero: whether an annotation has the number 0, which COCO evaluation takes for "not matched".
        info: what the file says about itself; empty if nothing.
    """

    path: Path
    sha256: str
    images: Mapping[str, CocoImage]
    category_ids: tuple[int, ...]
    counts_from_zero: bool
    info: Mapping[str, Any]
    _sizes: Mapping[int, tuple[int, int]] = field(repr=False)
    _objects: Mapping[int, Objects] = field(repr=False)
    _segmentations: Mapping[int, tuple[tuple[int, Any], ...]] | None = field(repr=False)

    def objects(self, image_id: int) -> Objects:
        """Returns the objects of an image in the order of the file. Masks are coded now: several threads may call it.

        Raises:
            UserError: the segmentation of an annotation is not valid; it names file and annotation.
        """
        found = self._objects.get(image_id)
        if self._segmentations is None:
            return no_objects(masks=False) if found is None else found
        if found is None:
            return no_objects(masks=True)
        shape = self._sizes[image_id]
        masks = []
        for number, segmentation in self._segmentations[image_id]:
            reason = fault_of(segmentation, shape)
            if reason:
                raise _fault(self.path, f"annotation {number}: {reason}")
            masks.append(to_rle(segmentation, shape))
        return Objects(found.boxes, found.labels, found.areas, found.crowd, tuple(masks))


def read_coco(path: str | Path, classes: Sequence[str], *, masks: bool) -> CocoFile:
    """Reads a file of ``images``, ``annotations`` and ``categories``.

    Classes are found by name, never by position or number. Boxes stay as they are in the file.

    Args:
        path: of the JSON file.
        classes: names in label order; the categories of the file are these and no others.
        masks: whether the segmentations are wanted; they are coded when objects are asked for.

    Raises:
        UserError: no JSON, or something in it is missing, doubled, unknown or impossible; it names file and number.
    """
    path = Path(path)
    data, sha256 = _load(path)
    images = _read_images(path, data["images"])
    categories = _read_categories(path, data["categories"], classes)
    label_of = {number: label for label, number in enumerate(categories)}
    by_image: dict[int, list[Mapping[str, Any]]] = {}
    sizes = {image.id: (image.height, image.width) for image in images.values()}
    wanted = ("id", "image_id", "category_id", "bbox", "area", *(["segmentation"] if masks else []))
    for annotation in _entries(path, data["annotations"], "annotation", wanted):
        number = annotation["id"]
        for key in ("image_id", "category_id"):
            if not is_whole(annotation[key]):
                raise _fault(path, f"annotation {number} has the {key} {_short(annotation[key])}, no whole number")
        if annotation["image_id"] not in sizes:
            raise _fault(path, f"annotation {number} is of the image {annotation['image_id']}, which it does not list")
        if annotation["category_id"] not in label_of:
            raise _fault(path, f"annotation {number} is of the unknown category {annotation['category_id']}")
        by_image.setdefault(annotation["image_id"], []).append(annotation)
    objects = {}
    for image_id, found in by_image.items():
        objects[image_id] = Objects(
            boxes=_boxes(path, found, sizes[image_id]),
            labels=np.array([label_of[one["category_id"]] for one in found], np.int64),
            areas=np.array([_area(path, one) for one in found], np.float64),
            crowd=np.array([_crowd(path, one) for one in found], bool),
        )
    segmentations = None
    if masks:
        segmentations = {key: tuple((one["id"], one["segmentation"]) for one in some) for key, some in by_image.items()}
    from_zero = any(one["id"] == 0 for found in by_image.values() for one in found)
    info = data.get("info")
    known = info if isinstance(info, dict) else {}
    return CocoFile(
        path, sha256, images, categories, from_zero, known, sizes, objects, segmentations if masks else None
    )


def _load(path: Path) -> tuple[dict[str, Any], str]:
    """Returns what the file holds, and the digest of its bytes."""
    try:
        content = path.read_bytes()
        data = json.loads(content)
    except FileNotFoundError:
        raise UserError(f"The file {path} does not exist.", "Restore it from its archive.") from None
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.", "Restore it.") from None
    except (ValueError, RecursionError) as error:
        raise _fault(path, f"it is no JSON ({error})") from None
    missing = [key for key in ("images", "annotations", "categories") if not isinstance(data, dict) or key not in data]
    if missing:
        raise _fault(path, f"it lacks {', '.join(missing)}: it is no ground truth in the form of COCO")
    return data, hashlib.sha256(content).hexdigest()


def _entries(path: Path, found: Any, what: str, wanted: Iterable[str]) -> list[dict[str, Any]]:
    """Checks that a list holds objects that have all that is wanted, and numbers of their own."""
    plural = _PLURALS[what]
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise _fault(path, f"its {plural} are no list of objects")
    for place, entry in enumerate(found, start=1):
        missing = [key for key in wanted if key not in entry]
        if missing:
            who = f"{what} {entry['id']}" if "id" in entry else f"entry {place} among its {plural}"
            raise _fault(path, f"{who} lacks {', '.join(missing)}")
        if not is_whole(entry["id"]):
            reason = f"has the id {_short(entry['id'])}, which is no whole number"
            raise _fault(path, f"entry {place} among its {plural} {reason}")
    _once(path, (entry["id"] for entry in found), f"two {plural} have the id")
    return found


def _read_images(path: Path, found: Any) -> dict[str, CocoImage]:
    entries = _entries(path, found, "image", ("id", "file_name", "height", "width"))
    for entry in entries:
        if not all(is_whole(entry[key]) and entry[key] > 0 for key in ("height", "width")):
            raise _fault(path, f"image {entry['id']} has the size {_short(entry['width'])} x {_short(entry['height'])}")
        if not isinstance(entry["file_name"], str) or not entry["file_name"]:
            raise _fault(path, f"image {entry['id']} has the file name {entry['file_name']!r}")
    _once(path, (entry["file_name"] for entry in entries), "two images have the file name")
    return {one["file_name"]: CocoImage(one["id"], one["height"], one["width"]) for one in entries}


def _read_categories(path: Path, found: Any, classes: Sequence[str]) -> tuple[int, ...]:
    entries = _entries(path, found, "category", ("id", "name"))
    _once(path, (entry["name"] for entry in entries), "two categories have the name")
    number_of = {str(entry["name"]): entry["id"] for entry in entries}
    unknown = [name for name in number_of if name not in classes]
    if unknown:
        raise UserError(
            f"{path} has categories that are none of the dataset's: {list_names(unknown)}.",
            near_miss(unknown[0], classes),
        )
    missing = [name for name in classes if name not in number_of]
    if missing:
        raise _fault(path, f"it lacks the categories {list_names(missing)}")
    return tuple(number_of[name] for name in classes)


def _boxes(path: Path, found: Sequence[Mapping[str, Any]], size: tuple[int, int]) -> np.ndarray:
    """Returns the boxes of an image, float64 (N, 4), checked against its height and width."""
    for one in found:
        box = one["bbox"]
        if not (isinstance(box, list) and len(box) == 4 and all(map(is_finite, box))):
            raise _fault(path, f"annotation {one['id']}: its box {_short(box)} is not four finite numbers")
    boxes = np.array([one["bbox"] for one in found], np.float64)
    if fault := fault_of_boxes(boxes, size):
        row, reason = fault
        one = found[row]
        where = f" (id {one['image_id']})" if "image" in reason else ""
        raise _fault(path, f"annotation {one['id']}: its box {_short(one['bbox'])} {reason}{where}")
    return boxes


def _area(path: Path, one: Mapping[str, Any]) -> float:
    if not is_finite(one["area"]) or one["area"] < 0:
        raise _fault(path, f"annotation {one['id']} has the area {_short(one['area'])}")
    return float(one["area"])


def _crowd(path: Path, one: Mapping[str, Any]) -> bool:
    value = one.get("iscrowd", 0)
    if value not in (0, 1):
        raise _fault(path, f"annotation {one['id']} has iscrowd {_short(value)}, which is neither 0 nor 1")
    return bool(value)


def _once(path: Path, values: Iterable[Any], what: str) -> None:
    value, count = next(iter(Counter(map(str, values)).most_common(1)), ("", 0))
    if count > 1:
        raise _fault(path, f"{what} {value!r}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _fault(path: Path, reason: str) -> UserError:
    return UserError(f"{path} is not valid: {reason}.", _RESTORE)
