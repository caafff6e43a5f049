"""Unpacks downloaded archives: nothing leaves the folder, and what is wanted appears only when it is complete."""

from __future__ import annotations

import gzip
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rsbench.errors import UserError

_AGAIN = "Delete it and download it again from the official page."
_TIMES, _FLOOR = 100, 2**28  # an archive may unpack to so many times its size, or to so many bytes if that is more


def unpack(path: Path, folder: Path, holds: str) -> None:
    """Unpacks a ZIP archive or a TAR archive, by the name of the file; see ``unzip`` and ``untar``."""
    (unzip if path.suffix == ".zip" else untar)(path, folder, holds)


def unzip(path: Path, folder: Path, holds: str) -> None:
    """Unpacks a ZIP archive so that ``folder/holds`` appears only when it is complete.

    If another process has put it there meanwhile, that one stays.

    Args:
        path: of the archive.
        folder: that receives ``holds``.
        holds: the one entry at the top of the archive that is wanted; others are left out.

    Raises:
        UserError: the file is no ZIP archive or is damaged, an entry would leave the folder, it would unpack to more
            than a hundred times its size, or ``holds`` is lacking.
    """
    with _arriving(path, folder, holds) as temporary:
        try:
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    _check_name(path, name)
                _check_size(path, sum(entry.file_size for entry in archive.infolist()))
                archive.extractall(temporary, [name for name in archive.namelist() if name.startswith(f"{holds}/")])
        except zipfile.BadZipFile as error:
            raise UserError(f"{path} is not a whole ZIP archive: {error}.", _AGAIN) from None


def untar(path: Path, folder: Path, holds: str) -> None:
    """Unpacks a TAR archive, compressed or not, as ``unzip`` does.

    Links and devices are refused: no dataset has any, and with them an archive can write outside the folder. Names may
    begin with ``./``.

    Raises:
        UserError: the file is no TAR archive or is damaged, an entry is no plain file or folder or would leave the
            folder, it would unpack to more than a hundred times its size, or ``holds`` is lacking.
    """
    with _arriving(path, folder, holds) as temporary:
        try:
            with tarfile.open(path) as archive:
                unpacked = 0
                for member in archive:  # one after the other: a list of the names would take a decompression of its own
                    _check_name(path, member.name)
                    if not (member.isfile() or member.isdir()):
                        raise UserError(
                            f"The archive {path} has the entry {member.name!r}, which is neither a file nor a folder.",
                            _AGAIN,
                        )
                    unpacked += member.size
                    _check_size(path, unpacked)
                    if member.name.removeprefix("./").partition("/")[0] == holds:
                        archive.extract(member, temporary, filter="data")
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise UserError(f"{path} is not a whole TAR archive: {error}.", _AGAIN) from None


@contextmanager
def _arriving(path: Path, folder: Path, holds: str) -> Iterator[Path]:
    """Gives a folder to unpack into; what is wanted of it takes its name in the end."""
    target = folder / holds
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as name:
        temporary = Path(name)
        try:
            yield temporary
        except OSError as error:
            raise UserError(f"{path} cannot be unpacked: {error.strerror}.", "Free space and run again.") from None
        if not (temporary / holds).is_dir():
            raise UserError(f"The archive {path} has no folder {holds!r}.", _AGAIN)
        try:
            (temporary / holds).rename(target)
        except OSError as error:
            if not target.is_dir():
                raise UserError(
                    f"{target} cannot be written: {error.strerror}.", "Free the name and try again."
                ) from None


def _check_name(path: Path, name: str) -> None:
    pieces = name.replace("\\", "/").split("/")
    if ".." in pieces or name.startswith(("/", "\\")) or ":" in pieces[0]:
        raise UserError(f"The archive {path} has the entry {name!r}, which leaves the folder.", _AGAIN)


def _check_size(path: Path, unpacked: int) -> None:
    if unpacked > max(_FLOOR, _TIMES * path.stat().st_size):
        raise UserError(
            f"The archive {path} would unpack to more than {unpacked / 2**20:,.0f} MiB, over {_TIMES} times its size.",
            _AGAIN,
        )
