"""Remembers the fingerprint of a dataset, so that files that are as they were need not be read again.

It is kept in ``fingerprints/`` of the cache, beside the stamps that the files had. The rule of git keeps it true: a
file that was touched a moment ago may be touched again within the same tick of the clock, which its stamps would not
tell; so nothing is remembered while a stamp is younger than ``YOUNG``, nor if stamps change while files are read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from rsbench.atomic import write_whole
from rsbench.datasets.stamps import stamps
from rsbench.file_clock import file_clock
from rsbench.paths import cache_home

YOUNG = 2_000_000_000
"""Nanoseconds that must have passed since the last change of a file."""

_FINGERPRINT = re.compile("[0-9a-f]{64}")


def remembered(files: Iterable[tuple[str, Path]], compute: Callable[[], str], more: Iterable[bytes] = ()) -> str:
    """Returns a fingerprint: the one that is remembered if nothing has changed, else what ``compute`` returns.

    A memory that is damaged, or cannot be written, is none.

    Args:
        files: id and path of each file that the fingerprint depends on, in the order in which it takes them.
        compute: reads them and returns the fingerprint, 64 hexadecimal digits.
        more: all else that it depends on.

    Raises:
        UserError: whatever ``compute`` raises.
    """
    listed = [(key, str(path)) for key, path in files]
    paths = [path for _, path in listed]
    before = stamps(paths)
    if before is None:
        return compute()
    memory = _folder() / f"{_place(listed, more)}.json"
    known = _read(memory, before.digest)
    if known is not None:
        return known
    ticks = file_clock(memory.parent)  # before the files are read: what is written from now on gets later stamps
    now = None if ticks is None else min(ticks, time.time_ns())  # the dataset may lie where nothing can be written
    found = compute()
    if now is not None and before.newest < now - YOUNG and stamps(paths) == before:
        content = {"schema_version": 1, "files": len(paths), "stamps": before.digest, "fingerprint": found}
        with suppress(OSError):
            write_whole(memory, json.dumps({**content, "check": _check(before.digest, found)}) + "\n", sync=False)
    return found


def forget() -> int:
    """Deletes all that is remembered, and returns the bytes that were freed."""
    freed = 0
    for path in _folder().glob("*.json"):
        with suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            freed += size
    return freed


def _folder() -> Path:
    return cache_home() / "fingerprints"


def _place(listed: list[tuple[str, str]], more: Iterable[bytes]) -> str:
    """Names a dataset by all that its fingerprint depends on but the files' contents."""
    here = os.getcwd()  # noqa: PTH109 - paths may be relative; making each absolute would take longer than all the rest
    digest = hashlib.sha256(json.dumps([here, listed]).encode())
    for data in more:
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def _read(memory: Path, expected: str) -> str | None:
    """Returns the remembered fingerprint of files with these stamps."""
    try:
        content = json.loads(memory.read_text(encoding="utf-8"))
        known, check = content["fingerprint"], content["check"]
        if content["stamps"] == expected and _FINGERPRINT.fullmatch(known) and check == _check(expected, known):
            return str(known)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return None


def _check(taken: str, fingerprint: str) -> str:
    """What tells a damaged file: a fingerprint with one wrong digit looks like any other."""
    return hashlib.sha256(f"{taken} {fingerprint}".encode()).hexdigest()
