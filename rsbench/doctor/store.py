"""The store of runs: how many there are, and the folders that tables leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rsbench.doctor.line import Line

SHOWN = 10  # folders of one kind that are named; the others are counted
_AREA = "store"


def check_store(root: Path, work: Path) -> Iterator[Line]:
    """Reads every record under a folder.

    Args:
        root: of the runs.
        work: where runs that are not finished keep their checkpoints.
    """
    from rsbench.records import Store
    from rsbench.records.trust import leftovers

    if not root.exists():
        yield Line("ok", _AREA, "runs", f"none yet: {root} does not exist")
        return
    if not root.is_dir():
        yield Line("failed", _AREA, "runs", f"{root} is a file", "Give the folder that holds the runs: --results DIR")
        return
    store = Store(root)
    counts = Counter(record.status for record in store)
    by_status = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
    told = f"{sum(counts.values())} runs in {root}{f': {by_status}' if by_status else ''}"
    yield Line("ok", _AREA, "runs", told)
    left = set(leftovers(root))
    broken = [(path, reason) for path, reason in store.broken if path not in left]
    for path, reason in broken[:SHOWN]:
        remedy = "Mend the folder, or move it out of the store: tables leave it out."
        yield Line("failed", _AREA, path.name, reason, remedy)
    if len(broken) > SHOWN:
        more = f"{len(broken) - SHOWN} more folders cannot be used"
        yield Line("failed", _AREA, "broken folders", more, "Mend those above, and look again.")
    if left:
        names = ", ".join(path.name for path in sorted(left)[:SHOWN])
        value = f"{len(left)} folders of runs that were never finished: {names}"
        yield Line("warning", _AREA, "leftovers", value, f"Delete them in {root}: nothing reads them.")
    unfinished = [path for path in work.iterdir() if path.is_dir()] if work.is_dir() else []
    if unfinished:
        value = f"{len(unfinished)} in {work}"
        remedy = "The same rsbench run goes on with them; delete those that are not wanted."
        yield Line("info", _AREA, "unfinished training", value, remedy)
