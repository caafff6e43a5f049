"""The store as the page needs it: thousands of runs, each of whose files is opened once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rsbench.errors import UserError
from rsbench.records import Record, Store
from rsbench.records.folders import RECORD

if TYPE_CHECKING:
    import pyarrow

_KEYS = {"part", "item"}


class ReadOnce(Store):
    """A store that remembers its records, and which columns each run left.

    A page asks for every metric of every run, and most metrics are no column of the predictions: without this, a
    record would be read and checked again for each of them.

    >>> list(ReadOnce("no/runs/yet"))
    []
    """

    def __init__(self, root: str | Path) -> None:
        super().__init__(root)
        self.records: dict[str, Record] = {}
        self._columns: dict[str, set[str] | UserError] = {}

    def __iter__(self) -> Iterator[Record]:
        if not self.records:
            self.records = {record.id: record for record in super().__iter__()}
        return iter(self.records.values())

    def read(self, run: str) -> Record:
        """Returns the record of the run with the id ``run``, the remembered one if there is one."""
        return self.records.get(run) or super().read(run)

    def predictions(self, run: str, columns: Sequence[str] | None = None) -> pyarrow.Table | None:
        """As ``Store.predictions``; None also where the run left nothing of ``columns`` but parts and items.

        Parts and items alone are had by asking for these alone.
        """
        known = self._left(run)
        wanted = set(columns or ()) - _KEYS
        if wanted and not known & wanted:
            return None
        return super().predictions(run, columns)

    def _left(self, run: str) -> set[str]:
        """Returns the names of the columns that a run left; none where it left no predictions."""
        if run not in self._columns:
            try:
                self._columns[run] = set(self.columns(run))
            except UserError as error:
                self._columns[run] = error
        found = self._columns[run]
        if isinstance(found, UserError):
            raise found
        return found

    def file(self, run: str, name: str = RECORD) -> Path:
        """Returns where a file of a run lies, also while another run takes its place."""
        return self.folders.path(run) / name
