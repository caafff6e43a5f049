"""The predictions of runs, which are those that were written with their records, or an error that says why not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.errors import UserError
from rsbench.records.characters import visible
from rsbench.records.files import sha256_of
from rsbench.records.folders import PREDICTIONS, Folders, Value
from rsbench.records.record import Record

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet


KEYS = ("part", "item")
"""Columns that all predictions have."""


class PredictionFiles:
    """Reads the predictions of the runs of a store; each file is compared with its digest once.

    Args:
        folders: of the runs.
        record: gives the record of a run by its id, or raises UserError.
    """

    def __init__(self, folders: Folders, record: Callable[[str], Record]) -> None:
        self._folders = folders
        self._record = record
        self._digests: dict[str, tuple[tuple[int, ...], str]] = {}

    def read(self, run: str, columns: Sequence[str] | None) -> pyarrow.Table | None:
        """Returns the predictions of a run; see ``Store.predictions``."""
        from rsbench.records.columns import with_plain_keys

        def read(file: pyarrow.parquet.ParquetFile) -> pyarrow.Table:
            names = file.schema_arrow.names
            if len(set(names)) < len(names):
                raise ValueError("two columns have one name")
            return with_plain_keys(file.read(columns=None if columns is None else [n for n in columns if n in names]))

        return self._use(run, read)

    def columns(self, run: str) -> list[str]:
        """Returns the names of the columns of a run's predictions; none where it left no predictions."""
        return self._use(run, lambda file: list(file.schema_arrow.names)) or []

    def _use(self, run: str, use: Callable[[pyarrow.parquet.ParquetFile], Value]) -> Value | None:
        """Opens the predictions of a run, once they are known to be those that were written with its record."""
        self._check(run)
        import pyarrow.parquet

        def read(folder: Path) -> Value:
            with pyarrow.parquet.ParquetFile(folder / PREDICTIONS) as file:  # read_table would import pandas
                return use(file)

        try:
            return self._folders.open(run, read)
        except FileNotFoundError:
            return None
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise unreadable(run, (str(error).splitlines() or [type(error).__name__])[0]) from None

    def _check(self, run: str) -> None:
        """Compares the digest of a run's predictions with that in its record."""
        for _ in range(20):  # the run may be replaced between reading the record and the predictions
            record = self._record(run)  # a wrong id is an error, absent predictions are not
            if record.schema_version < 2:
                return
            try:
                found = self._folders.open(run, lambda folder: self._digest(run, folder / PREDICTIONS))
            except FileNotFoundError:
                return
            except OSError as error:
                raise unreadable(run, error.strerror or str(error)) from None
            if found == record.files.get(PREDICTIONS):
                return
            if self._record(run) == record:
                raise unreadable(run, f"{PREDICTIONS} was changed after the run was written (its SHA-256 differs)")
        raise unreadable(run, "the run is being written over all the time")

    def _digest(self, run: str, path: Path) -> str:
        """Returns the SHA-256 of a file, which is read again only if it is another one by now."""
        about = path.stat()
        state = (about.st_ino, about.st_size, about.st_mtime_ns)
        if run not in self._digests or self._digests[run][0] != state:
            self._digests[run] = state, sha256_of(path)
        return self._digests[run][1]


def unreadable(run: str, reason: str) -> UserError:
    """Returns the error of predictions from which nothing can be computed."""
    return UserError(
        f"The predictions of run {run} cannot be read: {visible(reason).rstrip('.')}.", "Make the run again."
    )
