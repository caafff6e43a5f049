"""Partitions of the labelled tiles of SpaceNet-1 Rio: ``python -m rsbench.datasets.rio_splits FOLDER`` writes the list.

The challenge published no labels for its test part, and papers that divide the labelled tiles into 5,000 and 1,940 give
no list. The shipped list is one draw of that; two rules make a partition of the tiles that are there.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rsbench.datasets.rio_layout import AREA, LAYOUT, TITLE, find_tiles
from rsbench.datasets.splits import SplitList
from rsbench.datasets.tile_splits import SEED, TilePlan

NAME = "5000-1940"
FILE = "spacenet_rio_5000-1940.txt"
TILES, TRAIN = 6940, 5000
_PLAN = TilePlan(
    layout=LAYOUT,
    find=find_tiles,
    name=NAME,
    sizes={"train": TRAIN, "val": TILES - TRAIN},
    corner=(-43.8, -23.1),
)


def draw(path: str | Path) -> SplitList:
    """Writes the shipped partition to ``path`` and returns it."""
    return _PLAN.draw(
        path,
        range(1, TILES + 1),
        origin=(
            f"{TITLE}, the {TILES:,} labelled tiles: {TRAIN:,} to train and {TILES - TRAIN:,} to val.",
            "No list with these counts was ever published. Drawn by rsbench/datasets/rio_splits.py: tiles in the order",
            f"of the SHA-256 of '{SEED}/{AREA}/<number>', the first {TRAIN:,} to train.",
            f"It is assumed that the tiles are numbered from 1 to {TILES} without a gap.",
        ),
    )


def present(root: Path) -> SplitList:
    """Divides the labelled tiles under ``root`` in the order and by the shares of the shipped list.

    Raises:
        UserError: there are fewer than 2 tiles, or none can be found.
    """
    return _PLAN.present(root)


def blocks(root: Path) -> SplitList:
    """Divides the labelled tiles under ``root`` by blocks of 1 km of ground.

    Blocks go to val in the order of a draw until val has its share of the tiles; the last one stays in train.

    Raises:
        UserError: all tiles lie in one block, or none can be found.
    """
    return _PLAN.blocks(root)


if __name__ == "__main__":
    target = Path(sys.argv[1]) / FILE
    drawn = draw(target)
    print(target, drawn.sha256, drawn.counts)
