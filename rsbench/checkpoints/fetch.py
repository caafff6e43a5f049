"""Fetches the file of weights that a method names, once, and knows it again."""

from __future__ import annotations

from pathlib import Path

from rsbench.checkpoints.read import sha256_file
from rsbench.download import fetch
from rsbench.errors import UserError
from rsbench.locks import exclusive
from rsbench.method import Url
from rsbench.paths import cache_home


def fetch_weights(source: Url, sha256: str | None, owner: str) -> Path:
    """Returns the local file of ``source``, downloaded if it is not there yet.

    Args:
        source: addresses and file name.
        sha256: of the file, where the method knows it; otherwise the digest of the first download is kept beside the
            file, and later ones must agree with it.
        owner: ``method/variant``, for messages and the folder.

    Raises:
        UserError: no address gave the file, or its digest is another one.
    """
    file = cache_home() / "weights" / owner / source.file
    note = file.with_name(file.name + ".sha256")
    if not (file.exists() and (sha256 or note.exists())):
        # the lock of the note: fetch takes that of the file
        with exclusive(note, f"Another process is fetching the weights of {owner}; waiting for it."):
            known = sha256 or _noted(note)
            if not file.exists():
                fetch(source.urls, file, f"sha256:{known}" if known else None, title=f"weights of {owner}")
            if known is None:
                unfinished = note.with_name(note.name + ".part")
                unfinished.write_text(sha256_file(file) + "\n")
                unfinished.replace(note)
    known, found = sha256 or _noted(note), sha256_file(file)
    if found != known:
        raise UserError(f"{file} has sha256 {found}, not {known}.", "Delete the file to fetch it again.")
    return file


def _noted(note: Path) -> str | None:
    return note.read_text().strip() if note.exists() else None
