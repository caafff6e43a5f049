"""Folders that rsbench writes to or reads from: whether it can, and how much room is left."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rsbench.doctor.line import Line

LEAST = 5 << 30  # bytes: the features or checkpoints of a few cells
_GIB = 1 << 30
_AREA = "disk"


def check_folder(name: str, folder: Path, option: str, *, written: bool = True) -> Iterator[Line]:
    """Tries to write where a folder is or would be made, and tells the free space there.

    Args:
        name: what lies there.
        folder: it need not exist.
        option: that chooses another one, as in a sentence: ``--results``.
        written: False for a folder that is read and need not be writable.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        value = f"{folder} cannot be a folder: {there} is a file"
        yield Line("failed", _AREA, name, value, f"Choose another one with {option}.")
        return
    if written:
        try:
            tempfile.TemporaryFile(dir=there).close()  # permissions do not tell of mounts, quotas and full disks
        except OSError as error:
            value = f"{there} cannot be written: {error.strerror or error}"
            yield Line("failed", _AREA, name, value, f"Change its permissions, or choose another with {option}.")
            return
    free = shutil.disk_usage(there).free
    value = f"{free / _GIB:.1f} GiB free for {folder}"
    if free < LEAST:
        yield Line(
            "warning", _AREA, name, value, f"Free at least {LEAST // _GIB} GiB, or choose another with {option}."
        )
    else:
        yield Line("ok", _AREA, name, value)
