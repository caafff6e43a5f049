"""DOTA v1.0: aerial images with fifteen classes of objects, read from tiles that ``rsbench data prepare`` has cut."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Mapping
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np

from rsbench.datasets.classes import DOTA as CLASSES
from rsbench.datasets.coco_file import CocoFile, CocoImage, read_coco
from rsbench.datasets.detection import DetectionDataset, Objects
from rsbench.datasets.dota_layout import GET, TITLE, find_parts
from rsbench.datasets.dota_prepare import MANIFEST, read_manifest
from rsbench.datasets.dota_tiles import Counts
from rsbench.datasets.images import load_image
from rsbench.datasets.items import file_sha256
from rsbench.datasets.layout import list_names
from rsbench.datasets.splits import SplitList, the_partition
from rsbench.errors import UserError

Truths = Mapping[str, CocoFile]


def open_dota(root: str | Path, split: SplitList) -> DetectionDataset:
    """Opens the tiles of a split with the horizontal boxes of their objects.

    Item ids are ``<part>/<tile>``, such as ``train/P0706__1__311___382.png``.

    Args:
        root: a folder of tiles, or one that holds exactly one such folder.
        split: which tiles make up which part; its unused tiles may be there or not.

    The fingerprint is that of the images and label files from which the tiles were cut, and of how: the bytes of the
    tiles differ between libraries. Whoever takes it has every tile compared with what was cut, so that one that was
    damaged or replaced is noticed (``rsbench.datasets.remembered`` says when that is spared); so are annotations that
    were changed, as soon as the folder is opened. Not noticed is that a source has changed since the tiles were cut:
    the sources need not be there any more.

    Raises:
        UserError: there are no tiles yet, or not those of the split, or they are not valid.
    """
    folder = find_tiles(root)
    expected = sorted({key for ids in split.parts.values() for key in ids})
    truths = read_parts(folder, sorted({key.partition("/")[0] for key in expected}))
    listed = {f"{part}/{name}" for part, truth in truths.items() for name in truth.images}
    there = {f"{part}/{name}" for part in truths for name in _names(folder / part)}
    again = f"{_command(folder.parent, root)} again: it makes what is missing"
    for keys, does, hint in (
        (
            set(expected) - listed,
            f"has no tiles of the split {split.name!r} by the names",
            "Take a split of this folder",
        ),
        (set(expected) - there, "lacks tiles", f"Run {again}"),
        (listed - set(expected) - set(split.unused), f"has tiles unknown to the split {split.name!r}", f"Run {again}"),
    ):
        if keys:
            raise UserError(f"{TITLE} in {folder} {does}: {list_names(sorted(keys))}.", f"{hint}.")
    manifest = read_manifest(folder)
    return DetectionDataset(
        "dota",
        CLASSES,
        split.parts,
        files=partial(_files, folder),
        size=partial(_size, truths),
        read_image=partial(_read_image, folder),
        read_objects=partial(_read_objects, truths),
        image_ids={key: _find(truths, key).id for key in expected},
        category_ids=next(iter(truths.values())).category_ids,
        masks=False,
        policies={
            **manifest["settings"],
            "boxes": "horizontal, of the part of the quadrilateral in the tile",
            "format": manifest["format"],
        },
        notes=_notes(truths),
        digest=_Digests(folder, truths, again),
    )


def find_tiles(root: str | Path) -> Path:
    """Returns the one folder of tiles that ``root`` is or holds; UserError if there is none, or there are several."""
    root = Path(root).expanduser()
    if not root.is_dir():
        raise UserError(f"There is no folder {root} with {TITLE}.", GET)
    if (root / MANIFEST).is_file():
        return root
    found = sorted(path.parent for depth in ("*", "*/*") for path in root.glob(f"{depth}/{MANIFEST}"))
    if len(found) > 1:
        raise UserError(
            f"{root} holds several folders of tiles: {list_names(str(path.relative_to(root)) for path in found)}.",
            f"Give the one that is meant, such as --data {shlex.quote(str(found[0]))}.",
        )
    if not found:
        find_parts(root)  # says so if there is nothing that could be prepared
        raise UserError(f"{TITLE} in {root} is not cut into tiles yet.", f"Run once: {_command(root, root)}")
    return found[0]


def read_parts(folder: Path, parts: list[str]) -> dict[str, CocoFile]:
    """Reads the annotations of some parts of a folder of tiles.

    Raises:
        UserError: a part is not there or not finished, or its file is not valid or not the one that was prepared.
    """
    manifest = read_manifest(folder)
    known, digests = manifest["parts"], manifest["annotations"]
    again = f"Run {_command(folder.parent, folder.parent)} again"
    for part in parts:
        if part not in known:
            raise UserError(
                f"{folder} has no part {part!r}: it has {list_names(known)}.",
                f"With train and val take {the_partition('official')}, and elsewhere {the_partition('present')}.",
            )
        if part not in digests or not (folder / f"{part}.json").is_file():
            raise UserError(
                f"The tiles of {part!r} in {folder} are not finished.",
                f"{again}: it goes on where it broke off.",
            )
    truths = {part: _read(path, path.stat().st_mtime_ns) for part in parts for path in [folder / f"{part}.json"]}
    for part, truth in truths.items():
        if truth.sha256 != digests[part]:
            raise UserError(f"{truth.path} is not the one that was prepared.", f"{again}: it is written anew.")
    return truths


@lru_cache(maxsize=2)
def _read(path: Path, _: int) -> CocoFile:
    """Reads annotations; those of the whole dataset take seconds, and split and dataset both want them."""
    return read_coco(path, CLASSES, masks=False)


def _command(root: Path, given: str | Path) -> str:
    return f"rsbench data prepare --task dota --data {shlex.quote(str(given if root == Path(given) else root))}"


def _notes(truths: Truths) -> tuple[str, ...]:
    """Says what the labels lacked and what the tiles lost."""
    counts = Counts()
    modes: dict[str, int] = {}
    for truth in truths.values():
        counts += Counts(**truth.info["counts"])
        for mode, number in truth.info["modes"].items():
            modes[mode] = modes.get(mode, 0) + number
    grey = sum(number for mode, number in modes.items() if mode in ("1", "L", "LA"))
    clear = sum(number for mode, number in modes.items() if mode in ("RGBA", "LA", "PA"))
    said = (
        (counts.no_area, "objects without area are left out"),
        (counts.outside, "objects outside their image are left out"),
        (counts.nowhere, f"of {counts.objects:,} objects are in no tile, for each tile has too little of them"),
        (grey, "images are grey: their levels are repeated in three channels"),
        (clear, "images have an alpha channel, which is dropped"),
    )
    return tuple(f"{number:,} {text}" for number, text in said if number)


class _Digests:
    """What stands for a tile in the fingerprint: the digests of the image and the label file that it was cut from.

    Args:
        folder: of the tiles.
        truths: annotations by part.
        again: the command that makes the tile anew, as a sentence goes on.
    """

    def __init__(self, folder: Path, truths: Truths, again: str) -> None:
        self.folder, self.again = folder, again
        self.known = {
            f"{part}/{name}": (bytes.fromhex(source["image"] + source["labels"]), digest)
            for part, truth in truths.items()
            for source in truth.info["sha256"].values()
            for name, digest in source["tiles"].items()
        }

    @cached_property
    def depends(self) -> bytes:
        """What it depends on beside the tiles, for ``rsbench.datasets.items.fingerprint``."""
        content = sorted((key, sources.hex(), digest) for key, (sources, digest) in self.known.items())
        return hashlib.sha256(json.dumps(content).encode()).digest()

    def __call__(self, key: str) -> bytes:
        sources, digest = self.known[key]
        if file_sha256(self.folder / key).hex() != digest:
            raise UserError(
                f"The tile {self.folder / key} is not the one that was cut: it was damaged or replaced.",
                f"Delete it and run {self.again}.",
            )
        return sources


def _files(folder: Path, key: str) -> tuple[Path, ...]:
    return (folder / key,)


def _find(truths: Truths, key: str) -> CocoImage:
    part, _, name = key.partition("/")
    return truths[part].images[name]


def _size(truths: Truths, key: str) -> tuple[int, int]:
    image = _find(truths, key)
    return image.height, image.width


def _read_image(folder: Path, key: str) -> np.ndarray:
    return load_image(folder / key)


def _read_objects(truths: Truths, key: str) -> Objects:
    return truths[key.partition("/")[0]].objects(_find(truths, key).id)


def _names(folder: Path) -> set[str]:
    try:
        return {entry.name for entry in os.scandir(folder)}
    except OSError as error:
        raise UserError(f"The folder {folder} cannot be read: {error.strerror}.", "Prepare it again.") from None
