"""Fetches public archives with a checksum, from the first mirror that answers, and unpacks them safely.

pooch does the bookkeeping: a file whose checksum agrees is never fetched again, and one that does not agree never
takes its name. pooch itself starts a broken transfer anew; the downloader given to it here goes on where it stopped.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsbench.errors import UserError

_BLOCK = 1 << 18
_TIMEOUT = (10.0, 60.0)  # seconds to connect, and between two blocks


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


def data_home() -> Path:
    """Returns the folder of datasets: ``RSBENCH_DATA``, else ``rsbench/data`` in the user's cache folder."""
    if given := os.environ.get("RSBENCH_DATA"):
        return Path(given).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "rsbench" / "data"


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
    if (folder / archive.holds).is_dir():
        return
    path = fetch(archive.urls, folder / archive.file, archive.checksum, title=archive.title, page=archive.page)
    unzip(path, folder, archive.holds)
    path.unlink()


def fetch(urls: Sequence[str], path: Path, checksum: str, *, title: str = "", page: str = "") -> Path:
    """Downloads one file, unless it is there with the right checksum.

    Args:
        urls: addresses of the same bytes, tried in this order.
        path: of the file to be; ``<path>.part`` holds what has arrived, also after an interruption.
        checksum: ``<algorithm>:<hexadecimal digest>``.
        title: what it is, for messages.
        page: where a person finds it, for messages.

    Returns:
        ``path``.

    Raises:
        UserError: no address gave the right bytes; the message has one reason per address.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and pooch.file_hash(str(path), alg=checksum.partition(":")[0]) == checksum.partition(":")[2]:
        return path
    reasons = []
    part = path.with_name(path.name + ".part")
    for url in urls:
        try:
            pooch.retrieve(url, checksum, fname=path.name, path=path.parent, downloader=_Resuming(part, title))
            part.unlink(missing_ok=True)
            return path
        except (requests.RequestException, _Refused) as error:
            reasons.append(f"{url}: {error}")
        except ValueError:  # pooch's word for a checksum that does not agree
            part.unlink(missing_ok=True)
            reasons.append(f"{url}: the checksum is not {checksum}")
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}.", "Free space, or choose a folder.") from None
    raise UserError(
        f"{title or path.name} could not be downloaded: {'; '.join(reasons)}.",
        f"Run again to go on where it stopped, or get the file by hand{f' from {page}' if page else ''} and put it at "
        f"{path} ({checksum}).",
    )


class _Refused(Exception):
    """The server answered with an error, or closed the connection before the announced length."""


class _Resuming:
    """A downloader for pooch that keeps what has arrived in ``part`` and asks only for the rest."""

    def __init__(self, part: Path, title: str) -> None:
        self.part = part
        self.title = title or part.stem

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
        with requests.get(url, stream=True, timeout=_TIMEOUT, headers=headers) as response:
            complete = response.status_code == 416  # nothing is left to send: the part is whole, or not this file
            if not complete:
                if not response.ok:
                    raise _Refused(f"HTTP status {response.status_code} {response.reason}".rstrip())
                if response.status_code != 206:
                    have = 0
                length = response.headers.get("Content-Length")
                total = have + int(length) if length is not None else None
                columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
                console = Console(file=sys.stderr)
                with self.part.open("ab" if have else "wb") as file, Progress(*columns, console=console) as progress:
                    bar = progress.add_task(f"Fetching {self.title}", total=total, completed=have)
                    for block in response.iter_content(_BLOCK):
                        file.write(block)
                        progress.advance(bar, len(block))
                got = self.part.stat().st_size
                if total is not None and got != total:
                    raise _Refused(f"{got} of {total} bytes arrived")
        shutil.copyfile(self.part, output_file)


def unzip(path: Path, folder: Path, holds: str) -> None:
    """Unpacks a ZIP archive so that ``folder/holds`` appears only when it is complete.

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
        (Path(temporary) / holds).rename(target)


_AGAIN = "Delete it and download it again from the official page."
