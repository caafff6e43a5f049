"""NWPU VHR-10: aerial images of 0.08 to 2 m with boxes and masks of ten classes of objects, in the layout of COCO."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from rsbench.datasets.classes import VHR10 as CLASSES
from rsbench.datasets.coco_file import CocoFile, read_coco
from rsbench.datasets.detection import DetectionDataset, Objects
from rsbench.datasets.images import load_image
from rsbench.datasets.layout import list_names
from rsbench.datasets.splits import SplitList, the_partition
from rsbench.datasets.vhr10_layout import ANNOTATIONS, POSITIVE, TITLE, find_folder, find_images
from rsbench.errors import UserError

# Image 650 ends 24 bytes early in the archive and in every copy of it. This file, and no other, is taken as it is.
_CUT = f"{POSITIVE}/650.jpg"
CUT_SHA256 = "bb7b7fce7d61eda1f104a0eac5bbb28f375f5e03eca63e795c0cdc0efb155ccd"
_CUT_NOTE = "650.jpg ends 24 bytes early, as in every copy of the dataset: its last 9 of 537 rows are grey in part"
_END_OF_IMAGE = b"\xff\xd9"


def open_boxes(root: str | Path, split: SplitList) -> DetectionDataset:
    """Opens the images of a split with the boxes of their objects.

    Item ids are paths such as ``positive image set/001.jpg``; images and classes have the numbers of annotations.json.
    The images of the negative set, which hold no object, are not used.

    Args:
        root: the folder ``NWPU VHR-10 dataset``, or the one that holds it or ``vhr10``.
        split: which images make up which part.

    Raises:
        UserError: images or annotations are not there, or not those of the split, or not valid.
    """
    return _open(root, split, masks=False)


def open_masks(root: str | Path, split: SplitList) -> DetectionDataset:
    """Opens the images of a split with the boxes and masks of their objects; see ``open_boxes``."""
    return _open(root, split, masks=True)


def _open(root: str | Path, split: SplitList, *, masks: bool) -> DetectionDataset:
    folder = find_folder(root)
    files = find_images(folder)
    truth = read_coco(folder / ANNOTATIONS, CLASSES, masks=masks)
    listed = {f"{POSITIVE}/{name}" for name in truth.images}
    expected = {key for ids in split.parts.values() for key in ids}
    for keys, does, hint in (
        (expected - set(files), f"lacks images of the split {split.name!r}", "Unpack the archive again"),
        (
            set(files) - expected - set(split.unused),
            f"has images unknown to the split {split.name!r}",
            "Move them away",
        ),
        (expected - listed, f"has images that {ANNOTATIONS} does not list", f"Restore {ANNOTATIONS}"),
    ):
        if keys:
            names = list_names(sorted(key.rpartition("/")[2] for key in keys))
            raise UserError(
                f"{TITLE} in {folder} {does}: {names}.",
                f"{hint}, or take {the_partition('present')}: it divides the images that are there.",
            )
    used = {key: files[key] for key in sorted(expected)}
    policies = {
        "annotations": f"sha256 {truth.sha256}",
        "boxes": "as the file has them",
        "area": "as the file has it: of the mask",
    }
    if truth.counts_from_zero:
        policies["annotation ids"] = "numbered anew from 1, for the file counts from 0"
    cut = used.get(_CUT)
    return DetectionDataset(
        "vhr10",
        CLASSES,
        split.parts,
        files=partial(_files, used),
        size=partial(_size, truth),
        read_image=partial(_read_image, used),
        read_objects=partial(_read_objects, truth),
        image_ids={key: truth.images[_name(key)].id for key in used},
        category_ids=truth.category_ids,
        masks=masks,
        policies=policies,
        notes=(_CUT_NOTE,) if cut is not None and _is_known_cut(cut) else (),
    )


def _files(used: Mapping[str, Path], key: str) -> tuple[Path, ...]:
    return (used[key],)  # the annotations are one file of all: its digest is among the policies


def _size(truth: CocoFile, key: str) -> tuple[int, int]:
    image = truth.images[_name(key)]
    return image.height, image.width


def _read_objects(truth: CocoFile, key: str) -> Objects:
    return truth.objects(truth.images[_name(key)].id)


def _read_image(used: Mapping[str, Path], key: str) -> np.ndarray:
    """Decodes an image; the known one that is cut off as far as it goes, and grey where nothing is left."""
    path = used[key]
    if key == _CUT and _is_known_cut(path):
        with Image.open(io.BytesIO(path.read_bytes() + _END_OF_IMAGE)) as image:
            return np.array(image)
    return load_image(path)


def _is_known_cut(path: Path) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == CUT_SHA256
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.", "Restore it.") from None


def _name(key: str) -> str:
    return key.rpartition("/")[2]
