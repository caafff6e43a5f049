"""Where the images and annotations of NWPU VHR-10 lie on disk. This module is light."""

from __future__ import annotations

import os
from pathlib import Path

from rsbench.datasets.layout import descend, is_system, list_names
from rsbench.errors import UserError

TITLE = "NWPU VHR-10"
FOLDER = "NWPU VHR-10 dataset"
POSITIVE = "positive image set"
ANNOTATIONS = "annotations.json"
PAGE = "https://huggingface.co/datasets/isaaccorley/vhr10"
_GET = (
    f"Get {FOLDER}.zip and {ANNOTATIONS} from {PAGE}, or let `--download` of rsbench run or sweep do it, so that "
    f"'{FOLDER}/{POSITIVE}/001.jpg' and '{FOLDER}/{ANNOTATIONS}' exist."
)


def find_folder(root: str | Path) -> Path:
    """Returns the folder that holds ``positive image set`` and ``annotations.json``; UserError if there is none."""
    root = Path(root).expanduser()
    if not root.is_dir():
        raise UserError(f"There is no folder {root} with {TITLE}.", _GET)
    try:
        places = [root, *descend(root, FOLDER)]
        for name in ("vhr10", "vhr-10", "nwpu", "nwpu vhr-10"):
            places += [place for inner in descend(root, name) for place in (inner, *descend(inner, FOLDER))]
        found = [place for place in places if descend(place, POSITIVE)]
        if not found:
            packed = [
                entry.name
                for place in places
                for entry in sorted(os.scandir(place), key=lambda entry: entry.name)
                if entry.is_file() and entry.name.lower().endswith((".zip", ".rar")) and "vhr" in entry.name.lower()
            ]
            if packed:
                raise UserError(
                    f"{root} holds {TITLE} in an archive: {list_names(packed)}.",
                    "Unpack it: unzip FILE, or unrar x FILE.",
                )
            if root.absolute().name.lower() == POSITIVE:
                raise UserError(
                    f"{root} is the folder {POSITIVE!r} of {TITLE}.",
                    f"Give the folder above: {root.absolute().parent}.",
                )
            raise UserError(f"{root} holds no {TITLE}: no folder {POSITIVE!r} was found.", _GET)
    except OSError as error:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Repair it first.") from None
    if not (found[0] / ANNOTATIONS).is_file():
        raise UserError(
            f"{TITLE} in {found[0]} has no {ANNOTATIONS}.",
            f"It is a file of its own beside the archive of the images. {_GET}",
        )
    return found[0]


def find_images(folder: Path) -> dict[str, Path]:
    """Returns the positive images by item id; UserError if something else lies there or a file is empty."""
    images = descend(folder, POSITIVE)[0]
    try:
        entries = [entry for entry in os.scandir(images) if not is_system(entry.name)]
        foreign = sorted(one.name for one in entries if not one.name.lower().endswith(".jpg") or not one.is_file())
        empty = sorted(one.name for one in entries if one.is_file() and not one.stat().st_size)
    except OSError as error:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Repair it first.") from None
    for names, what, hint in (
        (foreign, "has what are no JPEG images", "Move it elsewhere."),
        (empty, "has empty files", "Unpack the archive again; was the disk full?"),
    ):
        if names:
            raise UserError(f"{TITLE} in {images} {what}: {list_names(names)}.", hint)
    if not entries:
        raise UserError(f"{images} holds no image of {TITLE}.", _GET)
    return {f"{POSITIVE}/{name}": images / name for name in sorted(entry.name for entry in entries)}
