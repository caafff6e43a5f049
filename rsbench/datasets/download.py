"""Fetches the public archives of datasets and unpacks them safely."""

from __future__ import annotations

import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from rsbench.download import fetch
from rsbench.errors import UserError
from rsbench.locks import exclusive


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A public ZIP archive.

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


def download_eurosat(root: str | Path) -> None:
    """Fetches EuroSAT RGB to ``root/eurosat/2750``, the layout of torchvision; returns at once if it is there."""
    get_archive(EUROSAT_ZIP, Path(root) / "eurosat")


def download_resisc45(root: str | Path) -> None:
    """Fetches RESISC45 to ``root/NWPU-RESISC45``; returns at once if it is there."""
    get_archive(RESISC45_ZIP, Path(root))


def get_archive(archive: Archive, folder: Path) -> None:
    """Fetches and unpacks an archive, unless its content is there already.

    Raises:
        UserError: no mirror gave the right bytes, or the archive cannot be unpacked.
    """
    target = folder / archive.holds
    if target.is_dir():
        return
    with exclusive(target, f"Another process is getting {archive.title}; waiting for it."):
        if not target.is_dir():
            path = fetch(archive.urls, folder / archive.file, archive.checksum, title=archive.title, page=archive.page)
            unzip(path, folder, archive.holds)
            path.unlink()


def unzip(path: Path, folder: Path, holds: str) -> None:
    """Unpacks a ZIP archive so that ``folder/holds`` appears only when it is complete.

    If another process has put it there meanwhile, that one stays.

    Args:
        path: of the archive.
        folder: that receives ``holds``.
        holds: the one entry at the top of the archive that is wanted; others are left out.

    Raises:
        UserError: the file is no ZIP archive or is damaged, an entry would leave the folder, or ``holds`` is lacking.
    """
    target = folder / holds
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as temporary:
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    pieces = name.replace("\\", "/").split("/")
                    if ".." in pieces or name.startswith(("/", "\\")) or ":" in pieces[0]:
                        raise UserError(f"The archive {path} has the entry {name!r}, which leaves the folder.", _AGAIN)
                archive.extractall(temporary, [name for name in archive.namelist() if name.startswith(f"{holds}/")])
        except zipfile.BadZipFile as error:
            raise UserError(f"{path} is not a whole ZIP archive: {error}.", _AGAIN) from None
        except OSError as error:
            raise UserError(f"{path} cannot be unpacked: {error.strerror}.", "Free space and run again.") from None
        if not (Path(temporary) / holds).is_dir():
            raise UserError(f"The archive {path} has no folder {holds!r}.", _AGAIN)
        try:
            (Path(temporary) / holds).rename(target)
        except OSError as error:
            if not target.is_dir():
                raise UserError(
                    f"{target} cannot be written: {error.strerror}.", "Free the name and try again."
                ) from None


_AGAIN = "Delete it and download it again from the official page."
