"""Finds the tiles of a SpaceNet dataset on disk: a folder of images, one of footprints, and which belong together."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rsbench.datasets.layout import descend, is_system, list_names
from rsbench.datasets.splits import SplitList, the_partition
from rsbench.errors import UserError

_SIDECARS = (".aux.xml", ".ovr", ".msk", ".tfw", ".qmd", ".qix")  # that GDAL and desktop programs leave beside a file

Files = Mapping[str, tuple[Path, Path]]


@dataclass(frozen=True, kw_only=True)
class TileLayout:
    """What a dataset of tiles is called and where its files may lie. Names of folders are in small letters.

    Args:
        title: of the dataset.
        area: prefix of the item ids.
        bases: folders below the root in which the folders of images may lie, in the order in which they are tried.
        images: names of the folder of images.
        labels: paths of the folder of footprints beside that of the images.
        labels_named: the same for a message.
        image: pattern of an image's name; one of its groups is the number of the tile.
        label: likewise of footprints.
        usual_image: names of images for a message.
        usual_label: likewise of footprints.
        example: path of an image below the root.
        others: what the folders of other products hold, by name; for a message.
        remedy: what to do where only another product is there.
        strangers: why files whose names begin so are not taken, in small letters.
        tarballs: names of the archives.
        get: sentence that tells how to get the dataset.
        no_labels: why a part may have none.
    """

    title: str
    area: str
    bases: tuple[str, ...]
    images: tuple[str, ...]
    labels: tuple[str, ...]
    labels_named: str
    image: re.Pattern[str]
    label: re.Pattern[str]
    usual_image: str
    usual_label: str
    example: str
    others: Mapping[str, str]
    remedy: str
    strangers: Mapping[str, str]
    tarballs: tuple[str, ...]
    get: str
    no_labels: str

    def tile_id(self, number: int) -> str:
        """Returns the item id of a tile, whatever its files are called."""
        return f"{self.area}_img{number}"

    @property
    def folder(self) -> str:
        """Names of the folder of images, for a message."""
        return " or ".join(self.images)


@dataclass(frozen=True)
class Found:
    """The tiles in a folder.

    Args:
        images: folder of the images.
        labels: folder of the footprints.
        tiles: image and footprints by the number of the tile.
    """

    images: Path
    labels: Path
    tiles: Mapping[int, tuple[Path, Path]]


def find_tiles(root: str | Path, layout: TileLayout) -> Found:
    """Finds the labelled tiles under ``root``.

    Folder names may be written in capitals or not; hidden and system files and what other programs leave beside images
    are passed over.

    Raises:
        UserError: there is no such folder; it has files of another kind, two files of one tile, an empty image, a link
            or a folder in the place of a file, an image without footprints or footprints without an image.
    """
    root = Path(root).expanduser()
    try:
        images, labels = _find_folders(root, layout)
        pictures, sizes = _scan(images, layout.image, layout.usual_image, layout)
        vectors, _ = _scan(labels, layout.label, layout.usual_label, layout)
    except OSError as error:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Repair it first.") from None
    for some, others, where, lacking in (
        (pictures, vectors, images, f"images without footprints in {labels}"),
        (vectors, pictures, labels, f"footprints without an image in {images}"),
    ):
        alone = [some[number].name for number in sorted(set(some) - set(others))]
        if alone:
            raise UserError(
                f"{layout.title} in {where} has {lacking}: {list_names(alone)}.",
                f"Unpack {_archives(layout)} again, or move them elsewhere. {layout.get}",
            )
    empty = [pictures[number].name for number in sorted(sizes) if not sizes[number]]
    if empty:
        raise UserError(
            f"{layout.title} in {images} has empty files: {list_names(empty)}.",
            "Unpack the archive again; was the disk full?",
        )
    if not pictures:
        raise UserError(f"{images} holds no tile of {layout.title}.", layout.get)
    return Found(images, labels, {number: (pictures[number], vectors[number]) for number in sorted(pictures)})


def tiles_of(root: str | Path, layout: TileLayout, split: SplitList) -> dict[str, tuple[Path, Path]]:
    """Returns image and footprints of each tile of a split, by item id.

    The tiles that the split leaves unused may be there or not.

    Raises:
        UserError: the tiles are not there, or not exactly those of the split.
    """
    found = find_tiles(root, layout)
    files = {layout.tile_id(number): paths for number, paths in found.tiles.items()}
    expected = {key for ids in split.parts.values() for key in ids}
    for keys, does, hint in (
        (expected - set(files), "lacks tiles of the split", "Unpack the archives again"),
        (set(files) - expected - set(split.unused), "has tiles unknown to the split", "Move them elsewhere"),
    ):
        if keys:
            raise UserError(
                f"{layout.title} in {found.images} {does} {split.name!r}: {list_names(sorted(keys, key=number_of))}.",
                f"{hint}, or take {the_partition('present')}: it divides the tiles that are there.",
            )
    return {key: files[key] for key in expected}


def number_of(key: str) -> int:
    """Returns the number of a tile from its item id; 0 if it has none.

    >>> number_of("AOI_1_RIO_img7")
    7
    """
    number = key.rpartition("_img")[2]
    return int(number) if number.isdecimal() else 0


def _archives(layout: TileLayout) -> str:
    return "both archives" if len(layout.tarballs) == 2 else "the archive"


def _find_folders(root: Path, layout: TileLayout) -> tuple[Path, Path]:
    """Returns the folders of images and footprints."""
    title, get = layout.title, layout.get
    put = f"Put it so that {root / layout.example} exists."
    if not root.is_dir():
        raise UserError(f"There is no folder {root} with {title}.", f"{get} {put}")
    bases = [base for name in layout.bases for base in descend(root, name)]
    images = next((folder for base in bases for name in layout.images for folder in descend(base, name)), None)
    if images is None:
        packed = [name for name in layout.tarballs for base in bases if (base / name).is_file()]
        if packed:
            raise UserError(f"{root} holds {title} in archives: {list_names(packed)}.", "Unpack them: tar xf FILE.")
        for name, what in layout.others.items():
            if other := next((folder for base in bases for folder in descend(base, name)), None):
                raise UserError(
                    f"{other} holds {what} of {title}, and there is no folder {layout.folder} with the 3-band ones.",
                    f"The networks take RGB: {layout.remedy}",
                )
        if above := _above(root, layout):
            raise UserError(f"{root} is the folder {_name(root)} of {title}.", f"Give the folder above: {above}.")
        raise UserError(f"{root} holds no {title}: no folder {layout.folder} was found.", f"{get} {put}")
    candidates = [folder for name in layout.labels for folder in descend(images.parent, name)]
    for folder in candidates:  # geojson may hold the files or a folder of them
        if any(layout.label.fullmatch(path.name) for path in folder.iterdir()):
            return images, folder
    if candidates:
        return images, candidates[0]
    raise UserError(
        f"{title} in {images.parent} has images and no footprints: none of the folders {layout.labels_named} is there.",
        f"{layout.no_labels} {get}",
    )


def _name(root: Path) -> str:
    return root.absolute().name  # that of "." too


def _above(root: Path, layout: TileLayout) -> Path | None:
    """Returns the folder to give where ``root`` is itself one of images, or one of footprints below that of images."""
    name, parents = _name(root).lower(), root.absolute().parents
    if name in layout.images:
        return parents[0]
    if name not in {path.rpartition("/")[2] for path in layout.labels}:
        return None
    return next((above for above in parents[:3] if any(any(descend(above, name)) for name in layout.images)), None)


def _scan(
    folder: Path, pattern: re.Pattern[str], usual: str, layout: TileLayout
) -> tuple[dict[int, Path], dict[int, int]]:
    """Returns the files of a folder and their sizes, by the number of the tile."""
    found: dict[int, Path] = {}
    sizes: dict[int, int] = {}
    foreign, strange = [], []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        match = pattern.fullmatch(entry.name)
        if match:
            number = int(next(group for group in match.groups() if group))
            if number in found:
                raise UserError(
                    f"{layout.title} in {folder} has two files of tile {number}: {found[number].name} and "
                    f"{entry.name}.",
                    "Keep one of them.",
                )
            found[number] = folder / entry.name
            if Path(entry.path).is_file():  # entry.is_file() raises for a link to itself
                sizes[number] = entry.stat().st_size
            else:
                strange.append(f"{entry.name} ({_describe(entry)})")
        elif not is_system(entry.name) and not entry.name.lower().endswith(_SIDECARS) and entry.is_file():
            foreign.append(entry.name)
    if strange:
        raise UserError(
            f"{layout.title} in {folder} has what are no files: {list_names(strange)}.",
            "Put the files themselves there; if they lie on another disk, is it mounted?",
        )
    if foreign:
        names = [name.lower() for name in foreign]
        why = next((why for start, why in layout.strangers.items() if any(n.startswith(start) for n in names)), "")
        raise UserError(
            f"{layout.title} in {folder} has files of another kind: {list_names(foreign)}.",
            f"It consists of files such as {usual}. {why}".strip(),
        )
    return found, sizes


def _describe(entry: os.DirEntry[str]) -> str:
    """Says what lies in the place of a file."""
    path = Path(entry.path)
    folder = path.is_dir()
    if path.is_symlink():
        return f"a link to {path.readlink()}, {'a folder' if folder else 'where no file is'}"
    return "a folder" if folder else "a device or the like"
