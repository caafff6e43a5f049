"""Writes demo scenes as datasets, in the folders, names, sizes and format of the real ones: the same readers run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from rsbench.datasets.demo.scene import VERSION, render
from rsbench.datasets.layout import EUROSAT, RESISC45, Layout
from rsbench.datasets.splits import SplitList, read_split, spell, stratified, write_split
from rsbench.errors import UserError
from rsbench.locks import exclusive

SPLIT_FILE = "demo_split.txt"
SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}
_QUALITY = 92  # of the JPEG files, as far as one can tell that of the real ones


def write_eurosat(root: str | Path, seed: int = 0, *, per_class: int = 60) -> SplitList:
    """Writes demo scenes as ``root/eurosat/2750/<Class>/<Class>_1.jpg``, 64 x 64 pixels, unless they are there.

    Args:
        root: folder that receives ``eurosat``.
        seed: of the scenes and of the partition.
        per_class: scenes in each of the 10 classes; at least 5.

    Returns:
        The partition, 60/20/20 in every class; also kept as ``root/eurosat/demo_split.txt``.

    Raises:
        UserError: the folder holds something else, such as the real dataset or scenes of another seed.
    """
    return _write(Path(root), "eurosat", "2750", "eurosat", EUROSAT, "{class}/{class}_{number}.jpg", seed, per_class)


def write_resisc45(root: str | Path, seed: int = 0, *, per_class: int = 10) -> SplitList:
    """Writes demo scenes as ``root/NWPU-RESISC45/<class>/<class>_001.jpg``, 256 x 256 pixels, unless they are there.

    Arguments, result and errors as for ``write_eurosat``; there are 45 classes.
    """
    return _write(
        Path(root), "NWPU-RESISC45", ".", "resisc45", RESISC45, "{class}/{class}_{number:03d}.jpg", seed, per_class
    )


def _write(
    root: Path, folder: str, inner: str, kind: str, layout: Layout, ids: str, seed: int, per_class: int
) -> SplitList:
    if per_class < 5:
        raise UserError(f"{per_class} demo scenes per class are too few for three parts.", "Ask for 5 or more.")
    name = f"demo-v{VERSION}-seed{seed}-{per_class}"

    def fill(partial: Path) -> None:
        for class_name in layout.classes:
            (partial / inner / class_name).mkdir(parents=True)
            for number in range(1, per_class + 1):
                scene = render(f"{kind}/{class_name}", layout.size, f"{seed}/{number}")
                path = partial / inner / spell(ids, class_name, number)
                Image.fromarray(scene.image).save(path, "JPEG", quality=_QUALITY)
        write_split(
            partial / SPLIT_FILE,
            name=name,
            ids=ids,
            assignment=stratified(dict.fromkeys(layout.classes, per_class), SHARES, seed),
            origin=[f"Demo scenes drawn by rsbench in the layout of {layout.title}; none of them is a real image."],
        )

    return write_once(root, folder, name, fill)


def write_once(root: str | Path, folder: str, name: str, fill: Callable[[Path], None]) -> SplitList:
    """Fills ``root/folder``, which appears only when it is complete, unless it is there already.

    Args:
        root: folder that is made if need be.
        folder: that receives the scenes.
        name: of the partition; it tells scenes of one kind, seed and number from others.
        fill: ``fill(partial)`` writes scenes, and the partition as ``SPLIT_FILE``, into an empty folder.

    Returns:
        The partition.

    Raises:
        UserError: the folder holds something else, such as the real dataset or scenes of another seed.
    """
    root = Path(root).expanduser()
    target = root / folder
    if target.exists():
        return _reuse(target, name)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with exclusive(target):  # several processes that start at once: one draws, the others find the scenes
            if not target.exists():
                _fill(root, target, fill)
    except OSError as error:
        raise UserError(f"Demo scenes cannot be written to {root}: {error.strerror}.", "Choose a folder.") from None
    return _reuse(target, name)


def _fill(root: Path, target: Path, fill: Callable[[Path], None]) -> None:
    partial = Path(tempfile.mkdtemp(dir=root, prefix=f".{target.name}-"))
    try:
        fill(partial)
        partial.chmod(0o755)
        try:
            partial.rename(target)
        except OSError:
            if not target.exists():
                raise
            # where there are no locks, another process was faster; its scenes are the same, or _reuse says so
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _reuse(target: Path, name: str) -> SplitList:
    """Returns the partition of scenes that are there; a folder appears under its name only when it is complete."""
    path = target / SPLIT_FILE
    if not path.is_file():
        raise UserError(
            f"{target} is there already and holds no demo scenes.", "Give the demo another folder; nothing was changed."
        )
    found = read_split(path)
    if found.name != name:
        raise UserError(
            f"{target} holds the demo scenes {found.name}, not {name}.", "Delete it or give the demo another folder."
        )
    return found
