"""Where scene-classification datasets lie on disk, and whether what lies there is the dataset.

This module is light: the tasks take their class names from it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.errors import UserError

if TYPE_CHECKING:
    from rsbench.datasets.splits import SplitList

_SYSTEM_FILES = {"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r", "@eadir", "__macosx"}
_SHOWN = 3  # names that an error message lists before it only counts


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a scene-classification dataset lies on disk.

    Args:
        title: as an error message names it.
        classes: folder names in label order.
        folders: where the class folders may lie under the root, the usual place first; ``"."`` is the root itself.
        suffix: of the image files, lower case.
        size: side of the square images in pixels.
        get: one sentence that says what to download from where.
        confusion: what it most likely means that files have another suffix.
    """

    title: str
    classes: tuple[str, ...]
    folders: tuple[str, ...]
    suffix: str
    size: int
    get: str
    confusion: str = ""


_RESISC45_CLASSES = """
airplane airport baseball_diamond basketball_court beach bridge chaparral church circular_farmland cloud commercial_area
dense_residential desert forest freeway golf_course ground_track_field harbor industrial_area intersection island lake
meadow medium_residential mobile_home_park mountain overpass palace parking_lot railway railway_station
rectangular_farmland river roundabout runway sea_ice ship snowberg sparse_residential stadium storage_tank tennis_court
terrace thermal_power_station wetland
"""

EUROSAT = Layout(
    title="EuroSAT RGB",
    classes=(
        "AnnualCrop",
        "Forest",
        "HerbaceousVegetation",
        "Highway",
        "Industrial",
        "Pasture",
        "PermanentCrop",
        "Residential",
        "River",
        "SeaLake",
    ),
    folders=("eurosat/2750", "2750", "."),
    suffix=".jpg",
    size=64,
    get="Download EuroSAT.zip (94 MB) from https://github.com/phelber/EuroSAT.",
    confusion="Files that end in .tif belong to the 13-band set, which is another dataset.",
)

RESISC45 = Layout(
    title="NWPU-RESISC45",
    classes=tuple(_RESISC45_CLASSES.split()),
    folders=("NWPU-RESISC45", "."),
    suffix=".jpg",
    size=256,
    get="Download NWPU-RESISC45.zip (about 430 MB) from https://huggingface.co/datasets/isaaccorley/resisc45.",
)


def locate(layout: Layout, root: str | Path, split: SplitList) -> Path:
    """Finds the class folders under ``root`` and checks that they hold the images of the split and no others.

    Args:
        layout: where the images lie.
        root: folder that the user gives.
        split: which images make up which part; its unused images may be there or not.

    Returns:
        The folder that holds the class folders: an item id is a path below it.

    Raises:
        UserError: the folder, a class or images are missing; or there are classes or files that the split does not
            know, empty files, or files of another kind. Hidden and system files are passed over.
    """
    try:
        base = _find_base(layout, Path(root).expanduser())
        present, folders = _scan(base)
    except OSError as error:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Repair it first.") from None
    where = f"{layout.title} in {base}"
    expected = {key for ids in split.parts.values() for key in ids}
    unknown = sorted({class_of(key) for key in expected} - set(layout.classes))
    if unknown:
        raise UserError(
            f"The split {split.name!r} has classes that {layout.title} lacks: {list_names(unknown)}.",
            "Use a split of this dataset.",
        )
    foreign = sorted({class_of(key) for key in present} - set(layout.classes) | folders - set(layout.classes))
    if foreign:
        raise UserError(
            f"{where} has folders that are not its classes: {list_names(foreign)}.",
            "Move them elsewhere; a typing error?",
        )
    wrong = sorted(key for key in present if not key.lower().endswith(layout.suffix))
    if wrong:
        hint = f"{layout.title} consists of {layout.suffix} files. {layout.confusion}".strip()
        raise UserError(f"{where} has files of another kind: {list_names(wrong)}.", hint)
    missing = sorted(expected - set(present))
    if missing:
        raise UserError(
            f"{where} lacks images of the split {split.name!r}: {list_names(missing)}.",
            f"Unpack the archive again. {layout.get}",
        )
    extra = sorted(set(present) - expected - set(split.unused))
    if extra:
        raise UserError(
            f"{where} has images that the split {split.name!r} does not know: {list_names(extra)}.",
            "Move them elsewhere, or use the split that belongs to this folder.",
        )
    empty = sorted(key for key in expected if present[key] == 0)
    if empty:
        raise UserError(
            f"{where} has empty files: {list_names(empty)}.", "Unpack the archive again; was the disk full?"
        )
    return base


def class_of(key: str) -> str:
    """Returns the class of an item id: its folder."""
    return key.partition("/")[0]


def list_names(names: Iterable[str]) -> str:
    """Returns the first names and how many more there are."""
    listed = list(names)
    more = f" and {len(listed) - _SHOWN:,} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


def _find_base(layout: Layout, root: Path) -> Path:
    """Returns the folder under ``root`` that holds class folders; UserError if there is none, or half of one."""
    put = f"Put it so that {root / layout.folders[0] / layout.classes[0]} exists."
    if not root.is_dir():
        raise UserError(f"There is no folder {root} with {layout.title}.", f"{layout.get} {put}")
    found = Counter(
        {folder: sum((root / folder / name).is_dir() for name in layout.classes) for folder in layout.folders}
    )
    folder, count = found.most_common(1)[0]
    if not count:
        raise UserError(f"{root} holds no {layout.title}: no class folder was found.", f"{layout.get} {put}")
    if count < len(layout.classes):
        absent = [name for name in layout.classes if not (root / folder / name).is_dir()]
        raise UserError(
            f"{layout.title} in {root / folder} lacks classes: {list_names(absent)}.", f"{layout.get} {put}"
        )
    return root / folder


def _scan(base: Path) -> tuple[dict[str, int], set[str]]:
    """Lists the images below the class folders as id -> size in bytes, and the names of all folders."""
    present: dict[str, int] = {}
    folders: set[str] = set()
    for entry in sorted(os.scandir(base), key=lambda entry: entry.name):
        if is_system(entry.name) or not entry.is_dir():
            continue  # loose files beside the class folders, such as a read-me or the lists, are no images
        folders.add(entry.name)
        for item in os.scandir(entry.path):
            if not is_system(item.name):
                present[f"{entry.name}/{item.name}"] = item.stat().st_size if item.is_file() else 0
    return present, folders


def descend(base: Path, name: str) -> list[Path]:
    """Returns the folders ``base/name`` whatever the case of their letters, sorted; ``.`` is ``base`` itself."""
    if name == ".":
        return [base]
    first, _, rest = name.lower().partition("/")
    entries = sorted(os.scandir(base), key=lambda entry: entry.name)
    found = [base / entry.name for entry in entries if entry.name.lower() == first and entry.is_dir()]
    return [deeper for folder in found for deeper in descend(folder, rest)] if rest else found


def is_system(name: str) -> bool:
    """Whether a file or folder is hidden, or one that a system leaves behind."""
    return name.startswith(".") or name.lower() in _SYSTEM_FILES
