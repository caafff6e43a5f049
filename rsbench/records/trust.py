"""Which folders of a store can be trusted: copies of a run, and what a writer left half-written."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rsbench.records.record import Record

_ABANDONED = 3600.0  # seconds


def differ(copies: Iterable[Record]) -> bool:
    """Whether records of one run say different things; times, places and machines may differ."""
    first, *others = (_result(record) for record in copies)
    return any(other != first for other in others)


def several(run: str, folders: Iterable[str]) -> str:
    """Returns what is said of a run whose records differ."""
    names = " and ".join(sorted(folders))
    return f"the run {run} is there several times with different results (folders {names}); none is used"


def trusted_copy(run: str, copies: Mapping[str, Record]) -> tuple[Record | None, dict[str, str]]:
    """Returns the record of a run that counts, and what is wrong with the folders that do not.

    Args:
        run: id.
        copies: the records of the run, one at least, by the folder that holds it.

    Returns:
        The record, None where there is none: the copies differ, and nobody knows which is true, or none of them has the
        name that it should have. And reasons by folder.
    """
    if differ(copies.values()):
        return None, dict.fromkeys(sorted(copies), several(run, copies))
    what = f"is a copy of the run {run}" if run in copies else misnamed(run)
    return copies.get(run), {folder: f"the folder {folder} {what}" for folder in sorted(set(copies) - {run})}


def misnamed(run: str) -> str:
    """Returns what is said of a folder that holds a run of another name."""
    return f"holds the run {run}; rename it to the id"


def leftovers(root: Path) -> list[Path]:
    """Returns folders in which nobody has written for an hour; younger ones may belong to a writer at work."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.glob(".*.tmp-*") if _age(path) > _ABANDONED)


def _age(path: Path) -> float:
    """Returns the seconds since anything was put into a folder; 0 if it is gone by now."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _result(record: Record) -> tuple[Any, ...]:
    """Returns what two records of one run must share."""
    return record.status, record.metrics, record.intervals
