"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def write_whole(path: Path, content: bytes | str, sync: bool = True) -> None:
    """Writes a file, and its folder where there is none; a reader sees what was there before, or all of the new.

    Nothing is left of a file that could not be written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "new", "a.txt"), "all of it")
    ...     Path(folder, "new", "a.txt").read_text()
    'all of it'

    Args:
        path: of the file; a link stays one, and the file that it leads to is written.
        content: text is written as UTF-8, its newlines as they are.
        sync: return when it is on the disk; False where thousands of files can be made again.

    Raises:
        OSError: it cannot be written, or there is something that is no file, such as a folder or a device.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise FileExistsError(None, "what stands there is no file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{secrets.token_hex(8)}")
    try:
        with partial.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Forces a folder's list of names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
