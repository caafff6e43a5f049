"""Partitions of the positive images of NWPU VHR-10: ``python -m rsbench.datasets.vhr10_splits TRAIN VAL FOLDER``.

The dataset has no official partition. The shipped list is the one of RSPrompter (Chen et al., 2024), which publishes it
as two JSON files in the form of COCO; a rule makes a partition of the images that are there.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from rsbench.datasets.classes import VHR10 as CLASSES
from rsbench.datasets.coco_file import read_coco
from rsbench.datasets.layout import list_names
from rsbench.datasets.splits import SplitList, draw_order, make_split, write_split
from rsbench.datasets.vhr10_layout import POSITIVE, TITLE, find_folder, find_images
from rsbench.errors import UserError

NAME = "rsprompter"
FILE = "vhr10_rsprompter.txt"
IDS = "{class}/{number:03d}.jpg"
TRAIN = 0.8  # of the images that are there
SEED = 0
_IMAGE = re.compile(r"(\d{3})\.jpg")


def convert(train: str | Path, val: str | Path, path: str | Path) -> SplitList:
    """Writes the partition of two COCO files to ``path`` and returns it.

    Raises:
        UserError: a file is not valid, or an image is in both.
    """
    parts: dict[int, str] = {}
    for part, source in (("train", train), ("val", val)):
        numbers = _numbers(read_coco(source, CLASSES, masks=False).images, source)
        if both := sorted(set(numbers) & set(parts)):
            raise UserError(f"{train} and {val} share images: {list_names(map(str, both))}.", "Restore the files.")
        parts |= dict.fromkeys(numbers, part)
    count = {part: list(parts.values()).count(part) for part in ("train", "val")}
    return write_split(
        path,
        name=NAME,
        ids=IDS,
        assignment=_rows(parts),
        origin=(
            f"{TITLE}, the positive images: {count['train']} to train and {count['val']} to val.",
            "The partition of RSPrompter (Chen et al., 2024, IEEE TGRS, github.com/KyanChen/RSPrompter): the images of",
            "its NWPU_instances_train.json and NWPU_instances_val.json. The dataset itself has no partition.",
        ),
    )


def present(root: Path) -> SplitList:
    """Divides the positive images under ``root``, four to train for one to val, in the order of a draw.

    Raises:
        UserError: there are fewer than 2 images, or none can be found.
    """
    folder = find_folder(root)
    numbers = _numbers((key.rpartition("/")[2] for key in find_images(folder)), folder / POSITIVE)
    if len(numbers) < 2:
        raise UserError(f"{folder} holds one image of {TITLE}, and two parts need two.", "Add images.")
    order = draw_order(POSITIVE, numbers, SEED)
    train = min(max(round(len(order) * TRAIN), 1), len(order) - 1)
    parts = {number: "train" if place < train else "val" for place, number in enumerate(order)}
    made = make_split(name="present", ids=IDS, assignment=_rows(parts))
    return replace(made, unused=())  # numbers between those that are there belong to no image


def _numbers(names: Iterable[str], where: str | Path) -> list[int]:
    matches = {name: _IMAGE.fullmatch(name) for name in names}
    wrong = [name for name, match in matches.items() if match is None or match[1] == "000"]
    if wrong:
        raise UserError(
            f"{where} has images that are not named 001.jpg and so on: {list_names(wrong)}.", "Rename them."
        )
    return [int(match[1]) for match in matches.values() if match]


def _rows(parts: Mapping[int, str]) -> dict[str, list[str]]:
    return {POSITIVE: [parts.get(number, "") for number in range(1, max(parts) + 1)]}


if __name__ == "__main__":
    target = Path(sys.argv[3]) / FILE
    written = convert(sys.argv[1], sys.argv[2], target)
    print(target, written.sha256, written.counts)
