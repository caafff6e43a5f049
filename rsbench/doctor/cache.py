"""The cached features: how many, how large, which are damaged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rsbench.doctor.line import Line

if TYPE_CHECKING:
    from rsbench.probing.cache import Entry, FeatureCache

SECONDS = 3.0  # to read features again; the rest is left to `rsbench cache verify`
_AREA = "caches"


def check_features() -> Iterator[Line]:
    """Reads cached features again for some seconds, the newest first, and names the damaged ones."""
    from rsbench.probing.cache import FeatureCache

    cache = FeatureCache()
    entries = sorted(_measured(cache), key=lambda found: found[1], reverse=True)
    if not entries:
        yield Line("ok", _AREA, "features", f"none in {cache.root}")
        return
    end = time.monotonic() + SECONDS
    read, damaged = 0, []
    for entry, _, _ in entries:
        fault = _fault(entry)
        read += 1
        if fault is not None and entry.folder.exists():
            damaged.append(Line("failed", _AREA, f"features {entry.key}", fault, "rsbench cache clear --damaged"))
        if time.monotonic() > end:
            break
    total = sum(size for _, _, size in entries)
    value = f"{len(entries)} entries, {total / 2**20:.1f} MiB in {cache.root}"
    if read < len(entries):
        rest = "rsbench cache verify reads all of them."
        yield Line("info", _AREA, "features", f"{value}; the newest {read} were read again", rest)
    else:
        yield Line("ok", _AREA, "features", f"{value}; all were read again")
    yield from damaged


def _measured(cache: FeatureCache) -> Iterator[tuple[Entry, float, int]]:
    """Yields each entry with the time it was made at and its size; not those that another process deletes meanwhile."""
    from rsbench.records.files import folder_size

    for entry in cache:
        try:
            yield entry, entry.folder.stat().st_mtime, folder_size(entry.folder)
        except FileNotFoundError:
            continue


def _fault(entry: Entry) -> str | None:
    """Returns what is wrong with an entry; one whose manifest is of another form is damaged too."""
    try:
        return entry.fault()
    except (TypeError, ValueError, AttributeError, OSError) as error:
        return f"the manifest is not valid: {error}"
