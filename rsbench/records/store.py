"""The store of runs: one folder per run, written atomically, merged by copying folders.

A folder ``<root>/<id>`` holds ``record.json`` and, where the task has them, ``predictions.parquet``. The latter
has one row per item and reported part, with the columns ``part`` and ``item``, and for every metric that is a mean
over items a column of its name with the item's value as a fraction (``top1``: 1 or 0); further columns, such as
``label`` and ``prediction``, are the task's own. Where metrics follow from counts of pixels, the column
``confusion`` holds those of the item (``rsbench.segmentation.predictions``); where they follow from ranked detections,
``scores``, ``hits``, ``ignored`` and ``objects`` hold those of the image (``rsbench.detection.predictions``). Intervals
over several seeds and paired tests read these. Pictures, logs and other files of the run may lie beside them.
"""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from rsbench.errors import UserError, near_miss
from rsbench.records.files import check_name, copy, link, old_name, sha256_of, sync
from rsbench.records.record import Record
from rsbench.records.text import parse, sealed

try:
    import fcntl
except ImportError:  # Windows: no lock, so one writer per run id at a time
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import pandas
    import pyarrow

RECORD = "record.json"
PREDICTIONS = "predictions.parquet"
_ABANDONED = 3600.0  # seconds

Value = TypeVar("Value")


class Store:
    """The runs under one folder.

    A run that is written over is first moved to ``.<id>.old`` and deleted when the new one stands in its place;
    readers look there too, so that at every moment they see the old run or the new one, and a crash between the
    two loses neither.

    Args:
        root: the folder; it is made by the first ``write`` and may be missing until then.

    >>> Store("no/runs/yet").ids()
    []
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.broken: list[tuple[Path, str]] = []
        """Folders that the last iteration could not read, each with the reason."""

    def write(
        self,
        record: Record,
        predictions: pyarrow.Table | Path | None = None,
        attachments: Mapping[str, Path] = MappingProxyType({}),
    ) -> Path:
        """Writes one run and returns its folder.

        A run that is not done never replaces one that is: then nothing is written, and the folder of the done one
        is returned. Everything else replaces the earlier run of the same id.

        Args:
            record: of the run.
            predictions: a table; or a finished Parquet file, which is moved: it stands where it was until the run
                is written, and no longer than that.
            attachments: files and folders to copy into the folder of the run, by their relative names in it.

        Raises:
            ValueError: a name of an attachment leads out of the folder, or is one that the store writes itself.
        """
        for name in attachments:
            check_name(name, (RECORD, PREDICTIONS))
        final, old = self.root / record.id, old_name(self.root / record.id)
        temporary = self.root / f".{record.id}.tmp-{secrets.token_hex(4)}"
        temporary.mkdir(parents=True)
        try:
            files = {}
            if isinstance(predictions, Path):
                link(predictions, temporary / PREDICTIONS)
            elif predictions is not None:
                import pyarrow.parquet

                pyarrow.parquet.write_table(predictions, temporary / PREDICTIONS, compression="zstd")
                sync(temporary / PREDICTIONS)
            if predictions is not None:
                files[PREDICTIONS] = sha256_of(temporary / PREDICTIONS)
            for name, source in attachments.items():
                copy(source, temporary / name)
            (temporary / RECORD).write_text(sealed(record, files), encoding="utf-8")
            sync(temporary / RECORD)
            sync(temporary)
            with self._locked(write=True):
                if record.status != "done" and self._done(record.id):
                    return self._folder(record.id)
                if final.exists():
                    shutil.rmtree(old, ignore_errors=True)
                    final.rename(old)
                temporary.rename(final)
                sync(self.root)
                shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(predictions, Path):
            predictions.unlink()
        return final

    @contextmanager
    def _locked(self, *, write: bool) -> Iterator[None]:
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

    def _done(self, run: str) -> bool:
        """Whether there is a finished run of this id; it is called under the lock, so it must not list the store."""
        try:
            return parse(self._text(run), run).status == "done"
        except (UserError, ValueError, OSError):  # absent or unreadable: nothing worth keeping
            return False

    def _folder(self, run: str) -> Path:
        final = self.root / run
        return final if final.exists() or not old_name(final).exists() else old_name(final)

    def _open(self, run: str, read: Callable[[Path], Value]) -> Value:
        for _ in range(20):  # the folder may be moved between finding and opening it
            try:
                return read(self._folder(run))
            except FileNotFoundError:
                continue
        return read(self._folder(run))

    def _text(self, run: str) -> str:
        return self._open(run, lambda folder: (folder / RECORD).read_text(encoding="utf-8"))

    def ids(self) -> list[str]:
        """Returns the ids of all runs in the store, sorted."""
        if not self.root.is_dir():
            return []
        with self._locked(write=False):
            folders = [entry.name for entry in self.root.iterdir() if entry.is_dir()]
        moved = [name[1:-4] for name in folders if name.startswith(".") and name.endswith(".old")]
        return sorted({name for name in folders if not name.startswith(".")}.union(moved))

    def read(self, run: str) -> Record:
        """Returns the record of the run with the id ``run``.

        Raises:
            UserError: there is no such run, its record is of a newer schema, or it is not a record.
        """
        try:
            text = self._text(run)
        except (FileNotFoundError, NotADirectoryError):
            if not self._folder(run).is_dir():
                raise UserError(f"There is no run {run!r} in {self.root}.", near_miss(run, self.ids())) from None
            raise UserError(f"The run {run!r} in {self.root} has no {RECORD}.", "Delete or mend the folder.") from None
        return parse(text, str(self._folder(run) / RECORD))

    def __iter__(self) -> Iterator[Record]:
        """Yields all records in the order in which they were started; what cannot be trusted goes to ``broken``.

        That is: folders without a readable record, those whose record was changed by hand or is of a newer schema,
        those that a writer left half-written, and a run that is there several times: copies that say the same are
        left out, and where they differ nobody knows which is true, so all of them are.
        """
        self.broken = [(path, "a run was being written here and never finished") for path in self._leftovers()]
        found: dict[str, dict[str, Record]] = {}
        for folder in self.ids():
            try:
                record = self.read(folder)
                found.setdefault(record.id, {})[folder] = record
            except (UserError, OSError, UnicodeDecodeError) as error:
                message = error.message if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
                self.broken.append((self._folder(folder), message))
        chosen = [self._one_of(run, copies) for run, copies in found.items()]
        records = [record for record in chosen if record is not None]
        return iter(sorted(records, key=lambda record: (record.started, record.id)))

    def _one_of(self, run: str, copies: Mapping[str, Record]) -> Record | None:
        """Returns the record of a run from the folders that hold one; the others are broken."""
        first = next(iter(copies.values()))
        if any(_result(record) != _result(first) for record in copies.values()):
            names = " and ".join(sorted(copies))
            reason = f"the run {run} is there several times with different results (folders {names}); none is used"
            self.broken += [(self._folder(folder), reason) for folder in sorted(copies)]
            return None
        for folder in sorted(set(copies) - {run}):
            what = f"is a copy of the run {run}" if run in copies else f"holds the run {run}; rename it to the id"
            self.broken.append((self._folder(folder), f"the folder {folder} {what}"))
        return copies.get(run)

    def _leftovers(self) -> list[Path]:
        """Returns folders in which nobody has written for an hour; younger ones may belong to a writer at work."""
        if not self.root.is_dir():
            return []
        return sorted(path for path in self.root.glob(".*.tmp-*") if _age(path) > _ABANDONED)

    def find(self, **filters: Any) -> list[Record]:
        """Returns the records whose fields equal ``filters``; a list, tuple or set means any of its members.

        Raises:
            UserError: a record has no such field.
        """
        for name in filters:
            if name not in Record.model_fields:
                raise UserError(f"A record has no field {name!r}.", near_miss(name, Record.model_fields))

        def fits(record: Record, name: str, wanted: Any) -> bool:
            value = getattr(record, name)
            return value in wanted if isinstance(wanted, (list, tuple, set, frozenset)) else value == wanted

        return [record for record in self if all(fits(record, *item) for item in filters.items())]

    def predictions(self, run: str, columns: Sequence[str] | None = None) -> pyarrow.Table | None:
        """Returns the predictions of a run, or None where it left none.

        Args:
            run: id.
            columns: read only these, as far as they are there; None reads all, masks of segmentation too.

        Raises:
            UserError: there is no such run, or its predictions cannot be read.
        """
        self.read(run)  # a wrong id is an error, absent predictions are not
        import pyarrow.parquet

        def read(folder: Path) -> pyarrow.Table | None:
            if (folder / RECORD).exists() and not (folder / PREDICTIONS).exists():
                return None
            with pyarrow.parquet.ParquetFile(folder / PREDICTIONS) as file:  # read_table would import pandas
                names = file.schema_arrow.names
                return file.read(columns=None if columns is None else [name for name in columns if name in names])

        try:
            return self._open(run, read)
        except pyarrow.ArrowException as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"The predictions of run {run} cannot be read: {reason}", "Make the run again.") from None

    def frame(self) -> pandas.DataFrame:
        """Returns one row per record: its scalar fields, then metrics and interval bounds as columns."""
        import pandas

        scalars = ["id", "status", "reason", "method", "title", "task", "kind", "protocol", "split", "data", "seed"]
        scalars += ["precision", "input_size", "command", "started", "finished"]
        rows = []
        for record in self:
            row = {name: getattr(record, name) for name in scalars}
            row["flags"] = "; ".join(record.flags)
            row["changed"] = ", ".join(f"{key}={value}" for key, value in sorted(record.changed.items()))
            row |= record.metrics
            for key, (low, high) in record.intervals.items():
                row |= {f"{key}/low": low, f"{key}/high": high}
            rows.append(row)
        return pandas.DataFrame(rows, columns=None if rows else [*scalars, "flags", "changed"])


def _age(path: Path) -> float:
    """Returns the seconds since anything was put into a folder; 0 if it is gone by now."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _result(record: Record) -> tuple[Any, ...]:
    """Returns what two records of one run must share; times, places and machines may differ."""
    return record.status, record.metrics, record.intervals
