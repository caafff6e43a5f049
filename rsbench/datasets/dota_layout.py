"""Where images and labels of DOTA v1.0 lie on disk, before they are cut into tiles."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rsbench.datasets.layout import descend, is_system, list_names
from rsbench.errors import UserError

TITLE = "DOTA v1.0"
PAGE = "https://captain-whu.github.io/DOTA/dataset.html"
PARTS = ("train", "val")  # the part "test" has no public labels
FLAT = "all"  # the part of a folder that is not divided
GET = (
    f"Get the images and labels of v1.0 by hand from {PAGE} (no program can: they lie on services that ask a person), "
    "and unpack them so that train/images/P0000.png, train/labelTxt/P0000.txt and the same of val exist."
)
_BASES = ("dota", "dota1.0", "dota-v1.0", "dota_v1.0", "dotav1", "dotav1.0", "dota1", "dota_1")
_LABELS = (
    "labelTxt", "labelTxt-v1.0", "labelTxt-v1.0/labelTxt", "labelTxt/labelTxt", "annotations/version1.0",
    "labels/labelTxt", "labelTxt-v1.0/labels",
)  # fmt: skip
_LATER = ("labelTxt-v1.5", "labelTxt-v2.0", "annotations/version1.5", "annotations/version2.0")
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_PART = re.compile(r"part[-_]?\d*", re.IGNORECASE)  # the images come in archives part1.zip, ..., each with "images"
_DEPTH = 2  # folders down from "images" that may hold some too, such as images/images or images/part1/images


@dataclass(frozen=True)
class Source:
    """An image and its label file; the stem of both names it."""

    image: Path
    labels: Path

    @property
    def stem(self) -> str:
        """The name of the image, without its ending."""
        return self.image.stem


def find_parts(root: str | Path) -> dict[str, tuple[Source, ...]]:
    """Finds the labelled images under ``root``, sorted by name.

    Folder names may be written in capitals or not.

    Returns:
        The sources of the parts ``train`` and ``val``, of those that are there; or of the one part ``all`` where
        ``images`` and ``labelTxt`` lie in ``root`` itself.

    Raises:
        UserError: there are none; an image without labels, labels without an image, two images of one name, an empty
            image or a file of another kind.
    """
    root = Path(root).expanduser()
    if not root.is_dir():
        raise UserError(f"There is no folder {root} with {TITLE}.", GET)
    try:
        for base in (root, *(folder for name in _BASES for folder in descend(root, name))):
            parts = {part: folder for part in PARTS for folder in descend(base, part)}
            if parts:
                return {part: _sources(folder) for part, folder in parts.items()}
            if descend(base, "images"):
                return {FLAT: _sources(base)}
        if root.name.lower() in ("images", "labeltxt"):
            raise UserError(f"{root} is the folder {root.name} of {TITLE}.", f"Give the folder above: {root.parent}.")
        packed = [path.name for path in sorted(root.iterdir()) if path.name.lower().endswith((".zip", ".rar", ".7z"))]
        if packed:
            raise UserError(f"{root} holds {TITLE} in archives: {list_names(packed)}.", f"Unpack them. {GET}")
    except OSError as error:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Repair it first.") from None
    raise UserError(f"{root} holds no {TITLE}: neither the folders train and val nor images were found.", GET)


def _sources(folder: Path) -> tuple[Source, ...]:
    images = _files(_image_folders(folder), _SUFFIXES, "images")
    if not images:
        raise UserError(f"{folder} has no folder of images of {TITLE}.", GET)
    labels = _files([_label_folder(folder)], (".txt",), "label files")
    for some, others, what in ((images, labels, "images without labels"), (labels, images, "labels without an image")):
        alone = sorted(some[stem].name for stem in set(some) - set(others))
        if alone:
            raise UserError(
                f"{TITLE} in {folder} has {what}: {list_names(alone)}.",
                "Unpack all archives again, or move these elsewhere; an image without objects has an empty label file.",
            )
    empty = sorted(path.name for path in images.values() if not path.stat().st_size)
    if empty:
        raise UserError(
            f"{TITLE} in {folder} has empty images: {list_names(empty)}.",
            "Unpack the archive again; was the disk full?",
        )
    return tuple(Source(images[stem], labels[stem]) for stem in sorted(images))


def _image_folders(folder: Path) -> list[Path]:
    """Returns the folders that hold images: ``images`` and what lies in it, also of ``part1``, ``part2``, ..."""
    archives = [folder / entry.name for entry in os.scandir(folder) if _PART.fullmatch(entry.name) and entry.is_dir()]
    found = []
    for top in (place for base in (folder, *sorted(archives)) for place in descend(base, "images")):
        for place, folders, files in os.walk(top):
            deep = len(Path(place).relative_to(top).parts)
            folders[:] = sorted(name for name in folders if not is_system(name)) if deep < _DEPTH else []
            if any(name.lower().endswith(_SUFFIXES) for name in files):
                found.append(Path(place))
    return found


def _label_folder(folder: Path) -> Path:
    candidates = [place for name in _LABELS for place in descend(folder, name)]
    for place in candidates:
        if any(path.suffix.lower() == ".txt" for path in place.iterdir()):
            return place
    later = [place for name in _LATER for place in descend(folder, name)]
    if later:
        raise UserError(
            f"{later[0]} holds labels of a later version of DOTA, and there are none of v1.0 in {folder}.",
            "Later versions have more objects and classes: their numbers are not comparable. Put labelTxt-v1.0 there.",
        )
    if candidates:
        raise UserError(f"{candidates[0]} holds no label file of {TITLE}.", f"Unpack labelTxt.zip there. {GET}")
    raise UserError(f"{TITLE} in {folder} has images and no labels: there is no folder labelTxt.", GET)


def _files(folders: Iterable[Path], suffixes: tuple[str, ...], what: str) -> Mapping[str, Path]:
    """Returns the files of some folders by stem."""
    found: dict[str, Path] = {}
    foreign = []
    for folder in folders:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = folder / entry.name
            if is_system(entry.name) or entry.is_dir():
                continue
            if path.suffix.lower() not in suffixes:
                foreign.append(str(path))
            elif path.stem in found:
                raise UserError(
                    f"{TITLE} has two {what} of the name {path.stem}: {found[path.stem]} and {path}.", "Keep one."
                )
            else:
                found[path.stem] = path
    if foreign:
        raise UserError(
            f"{TITLE} has files of another kind among its {what}: {list_names(foreign)}.", "Move them away."
        )
    return found
