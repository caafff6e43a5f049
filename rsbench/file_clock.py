"""The clock of a file system, by which the times of its files are written; it may be that of another machine."""

from __future__ import annotations

import secrets
from pathlib import Path


def file_clock(folder: Path) -> int | None:
    """Returns the time that a file gets that is touched in ``folder`` now; the folder is made.

    Returns:
        Nanoseconds since 1970; None if nothing can be written there.
    """
    probe = folder / f".clock-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            probe.touch()
            return probe.stat().st_mtime_ns
        finally:
            probe.unlink(missing_ok=True)
    except OSError:
        return None
