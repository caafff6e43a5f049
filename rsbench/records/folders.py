"""The folders of a store: found and read while others write, and locked while they are swapped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from rsbench.records.files import old_name

try:
    import fcntl
except ImportError:  # Windows: no lock, so one writer per run id at a time
    fcntl = None  # type: ignore[assignment]

RECORD = "record.json"
PREDICTIONS = "predictions.parquet"

Value = TypeVar("Value")


class Folders:
    """The folders under one folder, one for each run.

    Args:
        root: the folder; it may be missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def locked(self, *, write: bool) -> Iterator[None]:
        """Holds the store's lock, which the system frees when a process dies.

        Two writers that swap folders at once could lose one, and the list of a folder's names that is read while
        one of them is changed may hold neither the old nor the new.
        """
        path = self.root / ".lock"
        try:
            file = path.open("w" if write else "r")
        except OSError:
            if write:
                raise
            yield  # nobody has written here, or the store was copied without its lock
            return
        with file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX if write else fcntl.LOCK_SH)
            yield

    def path(self, run: str) -> Path:
        """Returns the folder of a run, also while another takes its place."""
        final = self.root / run
        return final if final.exists() or not old_name(final).exists() else old_name(final)

    def open(self, run: str, read: Callable[[Path], Value]) -> Value:
        """Returns what ``read`` gives of the folder of a run; it is tried again where the folder was moved."""
        for _ in range(20):  # the folder may be moved between finding and opening it
            try:
                return read(self.path(run))
            except FileNotFoundError:
                continue
        return read(self.path(run))

    def text(self, run: str) -> str:
        """Returns the text of the record of a run."""
        return self.open(run, lambda folder: (folder / RECORD).read_text(encoding="utf-8"))

    def names(self) -> list[str]:
        """Returns the names of all folders of runs, sorted."""
        if not self.root.is_dir():
            return []
        with self.locked(write=False):
            folders = [entry.name for entry in self.root.iterdir() if entry.is_dir()]
        moved = [name[1:-4] for name in folders if name.startswith(".") and name.endswith(".old")]
        return sorted({name for name in folders if not name.startswith(".")}.union(moved))
