"""Draws the RESISC45 partitions that the task ships: ``python -m rsbench.datasets.resisc45 FOLDER``.

No partition of RESISC45 is official. The CtxMIM paper takes the train and val parts of GeRSP, which publishes neither
the images nor the ratio. These two are drawn once, with equal shares in every class, and shipped as files; a test draws
them again and compares. Both have a part ``val``, the one that the paper reports on.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rsbench.datasets.layout import RESISC45
from rsbench.datasets.splits import SplitList, stratified, write_split

IDS = "{class}/{class}_{number:03d}.jpg"
IMAGES_PER_CLASS = 700
SEED = 0
SHARES = {
    "60-20-20": {"train": 0.6, "val": 0.2, "test": 0.2},
    "80-20": {"train": 0.8, "val": 0.2},
}


def draw(name: str, path: Path) -> SplitList:
    """Writes the partition ``name`` (a key of ``SHARES``) to ``path`` and returns it."""
    rows = stratified(dict.fromkeys(RESISC45.classes, IMAGES_PER_CLASS), SHARES[name], SEED)
    return write_split(
        path,
        name=name,
        ids=IDS,
        assignment=rows,
        origin=(
            f"NWPU-RESISC45, {IMAGES_PER_CLASS} images in each of {len(rows)} classes: {name} per cent in every class.",
            f"Drawn with seed {SEED} by rsbench/datasets/resisc45.py: images in the order of the SHA-256 of",
            f"'{SEED}/<class>/<number>', the first share to the first part, and so on.",
        ),
    )


if __name__ == "__main__":
    for split in SHARES:
        target = Path(sys.argv[1]) / f"resisc45_{split}.txt"
        drawn = draw(split, target)
        print(target, drawn.sha256, drawn.counts)
