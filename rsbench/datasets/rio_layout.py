"""Where the tiles of SpaceNet-1 Rio lie on disk, under either of their names, and which footprints belong to which."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rsbench.datasets.layout import is_system, list_names
from rsbench.errors import UserError

TITLE = "SpaceNet-1 Rio"
AREA = "AOI_1_RIO"
PAGE = "https://spacenet.ai/spacenet-buildings-dataset-v1/"
BUCKET = "s3://spacenet-dataset/spacenet/SN1_buildings/tarballs"
TARBALLS = ("SN1_buildings_train_AOI_1_Rio_3band.tar.gz", "SN1_buildings_train_AOI_1_Rio_geojson_buildings.tar.gz")
_GET = (
    "Download it (3.7 GB when unpacked) with `rsbench run --download`, or by hand with "
    + " and ".join(f"`aws s3 cp --no-sign-request {BUCKET}/{name} .`" for name in TARBALLS)
    + f", and unpack both; see {PAGE}."
)

_BASES = (
    ".", "sn1_buildings/train", "train", "processeddata", "processedbuildinglabels", "aoi_1_rio/processeddata",
    "processeddata/processedbuildinglabels", "aoi_1_rio", "aoi_1_rio_train", "sn1_buildings",
)  # fmt: skip
_IMAGES = "3band"
_LABELS = (
    "geojson", "geojson/buildings", "geojson/geojson", "geojson_buildings", "vectordata/geojson",
    "vectordata/geojson/geojson",
)  # fmt: skip
_NUMBER = r"_img([1-9]\d{0,4})"
_IMAGE = re.compile(rf"3band_(?:AOI_1_RIO|\d+_Public){_NUMBER}\.tiff?", re.IGNORECASE)
_LABEL = re.compile(rf"(?:Geo_AOI_1_RIO{_NUMBER}|\d+_Public{_NUMBER}_Geo)\.geojson", re.IGNORECASE)
_SIDECARS = (".aux.xml", ".ovr", ".msk", ".tfw", ".qmd", ".qix")  # that GDAL and desktop programs leave beside a file


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


def tile_id(number: int) -> str:
    """Returns the item id of a tile, whatever its files are called.

    >>> tile_id(7)
    'AOI_1_RIO_img7'
    """
    return f"{AREA}_img{number}"


def find_tiles(root: str | Path) -> Found:
    """Finds the labelled tiles under ``root``.

    Folder names may be written in capitals or not; hidden and system files and what other programs leave beside images
    are passed over.

    Raises:
        UserError: there is no such folder; it has files of another kind, two files of one tile, an empty image, a link
            or a folder in the place of a file, an image without footprints or footprints without an image.
    """
    root = Path(root).expanduser()
    try:
        images, labels = _find_folders(root)
        pictures, sizes = _scan(images, _IMAGE, "3band_AOI_1_RIO_img1.tif or 3band_013022223130_Public_img1.tif")
        vectors, _ = _scan(labels, _LABEL, "Geo_AOI_1_RIO_img1.geojson or 013022223130_Public_img1_Geo.geojson")
    except OSError as error:
        raise UserError(f"The folder {error.filename} cannot be read: {error.strerror}.", "Repair it first.") from None
    for some, others, where, lacking in (
        (pictures, vectors, images, f"images without footprints in {labels}"),
        (vectors, pictures, labels, f"footprints without an image in {images}"),
    ):
        alone = [some[number].name for number in sorted(set(some) - set(others))]
        if alone:
            raise UserError(
                f"{TITLE} in {where} has {lacking}: {list_names(alone)}.",
                f"Unpack both archives again, or move them elsewhere. {_GET}",
            )
    empty = [pictures[number].name for number in sorted(sizes) if not sizes[number]]
    if empty:
        raise UserError(
            f"{TITLE} in {images} has empty files: {list_names(empty)}.", "Unpack the archive again; was the disk full?"
        )
    if not pictures:
        raise UserError(f"{images} holds no tile of {TITLE}.", _GET)
    return Found(images, labels, {number: (pictures[number], vectors[number]) for number in sorted(pictures)})


def _find_folders(root: Path) -> tuple[Path, Path]:
    """Returns the folders of images and footprints."""
    put = f"Put it so that {root / 'SN1_buildings/train/3band/3band_AOI_1_RIO_img1.tif'} exists."
    if not root.is_dir():
        raise UserError(f"There is no folder {root} with {TITLE}.", f"{_GET} {put}")
    bases = [base for name in _BASES for base in _descend(root, name)]
    images = next((folder for base in bases for folder in _descend(base, _IMAGES)), None)
    if images is None:
        packed = [name for name in TARBALLS for base in bases if (base / name).is_file()]
        if packed:
            raise UserError(f"{root} holds {TITLE} in archives: {list_names(packed)}.", "Unpack them: tar xf FILE.")
        if other := next((folder for base in bases for folder in _descend(base, "8band")), None):
            raise UserError(
                f"{other} holds the 8-band tiles of {TITLE}, and there is no folder 3band with the 3-band ones.",
                f"The networks take RGB: get the other archive. {_GET}",
            )
        if above := _above(root):
            raise UserError(f"{root} is the folder {_name(root)} of {TITLE}.", f"Give the folder above: {above}.")
        raise UserError(f"{root} holds no {TITLE}: no folder 3band was found.", f"{_GET} {put}")
    candidates = [folder for name in _LABELS for folder in _descend(images.parent, name)]
    for folder in candidates:  # geojson may hold the files or a folder of them
        if any(_LABEL.fullmatch(path.name) for path in folder.iterdir()):
            return images, folder
    if candidates:
        return images, candidates[0]
    raise UserError(
        f"{TITLE} in {images.parent} has images and no footprints: none of the folders geojson, geojson/buildings, "
        "geojson_buildings and vectorData/geoJson is there.",
        f"The tiles of the test part have none that are public. {_GET}",
    )


def _name(root: Path) -> str:
    return root.absolute().name  # that of "." too


def _above(root: Path) -> Path | None:
    """Returns the folder to give where ``root`` is itself one of images, or one of footprints below that of images."""
    name, parents = _name(root).lower(), root.absolute().parents
    if name == _IMAGES:
        return parents[0]
    if name not in {path.rpartition("/")[2] for path in _LABELS}:
        return None
    return next((above for above in parents[:3] if any(_descend(above, _IMAGES))), None)


def _descend(base: Path, name: str) -> Iterator[Path]:
    """Yields the folders ``base/name`` whatever the case of their letters."""
    first, _, rest = name.partition("/")
    if first == ".":
        yield base
        return
    for entry in sorted(os.scandir(base), key=lambda entry: entry.name):
        if entry.name.lower() == first and entry.is_dir():
            if rest:
                yield from _descend(Path(entry.path), rest)
            else:
                yield Path(entry.path)


def _scan(folder: Path, pattern: re.Pattern[str], usual: str) -> tuple[dict[int, Path], dict[int, int]]:
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
                    f"{TITLE} in {folder} has two files of tile {number}: {found[number].name} and {entry.name}.",
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
            f"{TITLE} in {folder} has what are no files: {list_names(strange)}.",
            "Put the files themselves there; if they lie on another disk, is it mounted?",
        )
    if foreign:
        eight = any(name.lower().startswith("8band") for name in foreign)
        why = "Files that begin with 8band belong to another folder: the 3-band tiles are read." if eight else ""
        raise UserError(
            f"{TITLE} in {folder} has files of another kind: {list_names(foreign)}.",
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
