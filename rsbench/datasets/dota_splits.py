"""Partitions of the tiles of DOTA v1.0: as its parts say, or a draw over the images of a folder that has no parts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from rsbench.datasets.dota import find_tiles, read_parts
from rsbench.datasets.dota_layout import PARTS, TITLE
from rsbench.datasets.dota_prepare import read_manifest
from rsbench.datasets.splits import SplitList, the_partition
from rsbench.errors import UserError

TRAIN = 0.75  # of the images of an undivided folder
SEED = 0


def official(root: Path) -> SplitList:
    """The parts train and val of the dataset. Those who publish no number on its test server report on val.

    Raises:
        UserError: the folder has no tiles, or not both parts.
    """
    truths = read_parts(find_tiles(root), list(PARTS))
    return _list("official", {part: [f"{part}/{name}" for name in truths[part].images] for part in PARTS})


def present(root: Path) -> SplitList:
    """Divides the images of a folder that has no parts, three to train for one to val, in the order of a draw.

    An image is drawn with all its tiles, and with all images that were cut from the same one (``P0861__...``), so that
    no ground is in both parts. A folder that has the part train alone, or val, is divided likewise.

    Raises:
        UserError: the folder has no tiles, or both parts, or fewer than 2 images.
    """
    folder = find_tiles(root)
    parts = read_manifest(folder)["parts"]
    if len(parts) > 1:
        raise UserError(
            f"{TITLE} in {folder} has the parts {' and '.join(parts)}: nothing is left to draw.",
            f"Take {the_partition('official')}.",
        )
    (part,) = parts
    tiles: dict[str, list[str]] = {}
    for name in read_parts(folder, [part])[part].images:
        tiles.setdefault(name.partition("__")[0], []).append(f"{part}/{name}")
    if len(tiles) < 2:
        raise UserError(f"{folder} has tiles of one image of {TITLE}, and two parts need two.", "Add images.")
    order = sorted(tiles, key=lambda image: hashlib.sha256(f"{SEED}/{image}".encode()).digest())
    train = min(max(round(len(order) * TRAIN), 1), len(order) - 1)
    drawn = {"train": order[:train], "val": order[train:]}
    return _list("present", {name: [key for image in images for key in tiles[image]] for name, images in drawn.items()})


def _list(name: str, parts: Mapping[str, Iterable[str]]) -> SplitList:
    """Returns a partition with the digest of its lines ``<part> <item>``."""
    ordered = {part: tuple(sorted(keys)) for part, keys in parts.items()}
    lines = "".join(f"{part} {key}\n" for part, keys in ordered.items() for key in keys)
    return SplitList(name, ordered, hashlib.sha256(lines.encode()).hexdigest())
