"""Files of the store: names, copies that lose nothing when they break off, and what is really on the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Collection
from pathlib import Path, PurePosixPath


def old_name(final: Path) -> Path:
    """Returns where the folder of a run stands while another takes its place."""
    return final.with_name(f".{final.name}.old")


def check_name(name: str, taken: Collection[str]) -> None:
    """Checks that ``name`` is a relative one, with slashes, that stays inside a folder.

    >>> check_name("pictures/worst.png", taken=["record.json"])

    Raises:
        ValueError: it leads out of the folder, or its first part is among ``taken``.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts or any(mark in name for mark in "\\:"):
        raise ValueError(f"{name!r} is no name of a file or folder inside the folder of a run.")
    if path.parts[0] in taken:
        raise ValueError(f"{name!r} is a name that the store writes itself.")


def link(source: Path, target: Path) -> None:
    """Gives a file a second name, so that it is not lost if what follows fails; a copy across file systems."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
    sync(target)


def copy(source: Path, target: Path) -> None:
    """Copies a file, or a folder with all that is in it, to the disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not source.is_dir():
        shutil.copyfile(source, target)
        sync(target)
        return
    shutil.copytree(source, target, copy_function=shutil.copyfile, dirs_exist_ok=True)
    for path in (target, *target.rglob("*")):
        sync(path)


def sync(path: Path) -> None:
    """Forces a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Returns the SHA-256 of a file as hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_size(folder: Path) -> int:
    """Returns the bytes of the files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
