"""Partitions of the labelled tiles of SpaceNet-2 Las Vegas: ``python -m rsbench.datasets.vegas_splits INDEX FOLDER``.

The challenge published no labels for its test part, and papers that divide the labelled tiles 8:1:1 give no list. The
shipped list is one draw of that; two rules make a partition of the tiles that are there.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from rsbench.datasets.splits import SplitList
from rsbench.datasets.tile_splits import SEED, TilePlan
from rsbench.datasets.vegas_layout import AREA, LAYOUT, TITLE, find_tiles
from rsbench.errors import UserError

NAME = "8-1-1"
FILE = "spacenet_vegas_8-1-1.txt"
SIZES = {"train": 3081, "val": 385, "test": 385}
TILES = sum(SIZES.values())
_PLAN = TilePlan(layout=LAYOUT, find=find_tiles, name=NAME, sizes=SIZES, corner=(-115.5, 36.0))
_LOCATION = re.compile(r".*_AOI_2_Vegas_img(\d+)\.tif")


def draw(path: str | Path, numbers: Iterable[int]) -> SplitList:
    """Writes the shipped partition to ``path`` and returns it.

    Args:
        path: of the file.
        numbers: of the labelled tiles.
    """
    return _PLAN.draw(
        path,
        numbers,
        origin=(
            f"{TITLE}, the {TILES:,} labelled tiles: " + ", ".join(f"{n:,} to {part}" for part, n in SIZES.items()),
            "(8:1:1). No list was ever published. Drawn by rsbench/datasets/vegas_splits.py: tiles in the order of",
            f"the SHA-256 of '{SEED}/{AREA}/<number>', the first {SIZES['train']:,} to train, the next to val.",
            "The numbers of the labelled tiles are those of AOI_2_Vegas_Train_Tindex.geojson in the repository",
            "SpaceNetChallenge/utilities; the tiles of the other numbers (-) have no public labels.",
        ),
    )


def read_index(path: str | Path) -> list[int]:
    """Returns the numbers of the labelled tiles from the published index; UserError if it is none."""
    try:
        features = json.loads(Path(path).read_bytes())["features"]
        matches = [_LOCATION.fullmatch(feature["properties"]["location"]) for feature in features]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The index {path} cannot be read: {error}.", "Take AOI_2_Vegas_Train_Tindex.geojson."
        ) from None
    numbers = sorted({int(match[1]) for match in matches if match})
    if len(numbers) != TILES:
        raise UserError(f"The index {path} lists {len(numbers)} tiles, not {TILES}.", "Restore it.")
    return numbers


def present(root: Path) -> SplitList:
    """Divides the labelled tiles under ``root`` in the order and by the shares of the shipped list.

    Raises:
        UserError: there are fewer than 3 tiles, or none can be found.
    """
    return _PLAN.present(root)


def blocks(root: Path) -> SplitList:
    """Divides the labelled tiles under ``root`` by blocks of 1 km of ground.

    Blocks go to val in the order of a draw until val has its share of the tiles, then to test likewise; the others
    stay in train.

    Raises:
        UserError: the tiles lie in fewer than 3 blocks, or none can be found.
    """
    return _PLAN.blocks(root)


if __name__ == "__main__":
    target = Path(sys.argv[2]) / FILE
    drawn = draw(target, read_index(sys.argv[1]))
    print(target, drawn.sha256, drawn.counts)
