"""Fetches the public archives of datasets and unpacks them safely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rsbench.datasets import vegas_layout, vhr10_layout
from rsbench.datasets.rio_layout import BUCKET, PAGE, TARBALLS
from rsbench.datasets.unpack import unpack
from rsbench.download import fetch
from rsbench.locks import exclusive


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A public archive, ZIP or TAR by its name.

    Args:
        title: as an error message names it.
        file: its name.
        urls: addresses of the same bytes, in the order in which they are tried.
        checksum: ``<algorithm>:<hexadecimal digest>``, as pooch takes it.
        holds: path of a folder inside the archive that proves that it is unpacked.
        page: where a person finds it.
    """

    title: str
    file: str
    urls: tuple[str, ...]
    checksum: str
    holds: str
    page: str


EUROSAT_ZIP = Archive(
    title="EuroSAT RGB (94 MB)",
    file="EuroSAT.zip",
    urls=(
        "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
        "https://madm.dfki.de/files/sentinel/EuroSAT.zip",
    ),
    checksum="md5:c8fa014336c82ac7804f0398fcb19387",
    holds="2750",
    page="https://github.com/phelber/EuroSAT",
)
RESISC45_ZIP = Archive(
    title="NWPU-RESISC45 (about 430 MB)",
    file="NWPU-RESISC45.zip",
    urls=(
        "https://hf.co/datasets/isaaccorley/resisc45/resolve/883edc0eee77b2c84225472f10f126e3ed83fa6e/NWPU-RESISC45.zip",
    ),
    checksum="md5:75206b2e16446591afa88e2628744886",
    holds="NWPU-RESISC45",
    page="https://huggingface.co/datasets/isaaccorley/resisc45",
)


def _rio(file: str, title: str, checksum: str, holds: str) -> Archive:
    return Archive(
        title=title,
        file=file,
        urls=(f"https://spacenet-dataset.s3.amazonaws.com/spacenet/SN1_buildings/tarballs/{file}",),
        checksum=checksum,
        holds=holds,
        page=f"{PAGE} (aws s3 cp --no-sign-request {BUCKET}/{file} .)",
    )


RIO_TARBALLS = (  # the small one first: what is wrong shows soon
    _rio(TARBALLS[1], "SpaceNet-1 Rio, footprints", "md5:b6e02fbd727f252ea038abe4f77a77b3", "geojson"),
    _rio(TARBALLS[0], "SpaceNet-1 Rio, images (3.7 GB unpacked)", "md5:279e334a2120ecac70439ea246174516", "3band"),
)


VHR10_ZIP = Archive(
    title="NWPU VHR-10, images",
    file=f"{vhr10_layout.FOLDER}.zip",
    urls=(
        "https://huggingface.co/datasets/isaaccorley/vhr10/resolve/60ecc4be33609184e2224606858cd00b7daba8df/NWPU%20VHR-10%20dataset.zip",
    ),
    checksum="md5:6add6751469c12dd8c8d6223064c6c4d",
    holds=vhr10_layout.FOLDER,
    page=vhr10_layout.PAGE,
)
VHR10_JSON = (  # beside the archive, not in it
    "https://huggingface.co/datasets/isaaccorley/vhr10/resolve/7e7968ad265dadc4494e0ca4a079e0b63dc6f3f8/annotations.json",
    "md5:7c76ec50c17a61bb0514050d20f22c08",
)
VEGAS_TARBALL = Archive(
    title="SpaceNet-2 Las Vegas (about 23 GB)",
    file=vegas_layout.TARBALL,
    urls=(f"https://spacenet-dataset.s3.amazonaws.com/spacenet/SN2_buildings/tarballs/{vegas_layout.TARBALL}",),
    checksum="md5:307da318bc43aaf9481828f92eda9126",
    holds="AOI_2_Vegas_Train",
    page=f"{vegas_layout.PAGE} (aws s3 cp --no-sign-request {vegas_layout.BUCKET}/tarballs/{vegas_layout.TARBALL} .)",
)


def download_eurosat(root: str | Path) -> None:
    """Fetches EuroSAT RGB to ``root/eurosat/2750``, the layout of torchvision; returns at once if it is there."""
    get_archive(EUROSAT_ZIP, Path(root) / "eurosat")


def download_resisc45(root: str | Path) -> None:
    """Fetches RESISC45 to ``root/NWPU-RESISC45``; returns at once if it is there."""
    get_archive(RESISC45_ZIP, Path(root))


def download_rio(root: str | Path) -> None:
    """Fetches SpaceNet-1 Rio to ``root/SN1_buildings/train/{3band,geojson}``; returns at once if both are there."""
    for archive in RIO_TARBALLS:
        get_archive(archive, Path(root) / "SN1_buildings" / "train")


def download_vhr10(root: str | Path) -> None:
    """Fetches NWPU VHR-10 to ``root/NWPU VHR-10 dataset``; returns at once if images and annotations are there."""
    get_archive(VHR10_ZIP, Path(root))
    address, checksum = VHR10_JSON
    path = Path(root) / VHR10_ZIP.holds / vhr10_layout.ANNOTATIONS
    if not path.is_file():
        fetch([address], path, checksum, title="NWPU VHR-10, annotations", page=VHR10_ZIP.page)


def download_vegas(root: str | Path) -> None:
    """Fetches Las Vegas to ``root/SN2_buildings/train/AOI_2_Vegas_Train``; returns at once if it is there."""
    get_archive(VEGAS_TARBALL, Path(root) / "SN2_buildings" / "train")


def get_archive(archive: Archive, folder: Path) -> None:
    """Fetches and unpacks an archive, unless its content is there already. The archive itself does not stay.

    Raises:
        UserError: no mirror gave the right bytes, or the archive cannot be unpacked.
    """
    target = folder / archive.holds
    if target.is_dir():
        return
    with exclusive(target, f"Another process is getting {archive.title}; waiting for it."):
        if not target.is_dir():
            path = fetch(archive.urls, folder / archive.file, archive.checksum, title=archive.title, page=archive.page)
            unpack(path, folder, archive.holds)
            path.unlink()
