"""Fetches the file of weights that a method names, once, and knows it again."""

from __future__ import annotations

from pathlib import Path

from rsbench.checkpoints.read import sha256_file
from rsbench.download import fetch
from rsbench.errors import UserError
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
    known = sha256 or (note.read_text().strip() if note.exists() else None)
    if file.exists():
        found = sha256_file(file)
        if known is not None and found != known:
            raise UserError(f"{file} has sha256 {found}, not {known}.", "Delete the file to fetch it again.")
    else:
        fetch(source.urls, file, f"sha256:{known}" if known else None, title=f"weights of {owner}")
        found = sha256_file(file)
    if known is None:
        note.write_text(found + "\n")
    return file
