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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rsbench.errors import UserError, near_miss
from rsbench.records.characters import visible
from rsbench.records.files import check_name, copy, link, old_name, sha256_of, sync
from rsbench.records.folders import PREDICTIONS, RECORD, Folders
from rsbench.records.predictions import PredictionFiles
from rsbench.records.record import Record
from rsbench.records.text import parse, sealed
from rsbench.records.trust import differ, leftovers, misnamed, several, trusted_copy

if TYPE_CHECKING:
    import pandas
    import pyarrow


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
        self.folders = Folders(self.root)
        self._predictions = PredictionFiles(self.folders, lambda run: self.read(run))

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
            with self.folders.locked(write=True):
                if record.status != "done" and self._done(record.id):
                    return self.folders.path(record.id)
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

    def _done(self, run: str) -> bool:
        """Whether there is a finished run of this id; it is called under the lock, so it must not list the store."""
        try:
            return parse(self.folders.text(run), run).status == "done"
        except (UserError, ValueError, OSError):  # absent or unreadable: nothing worth keeping
            return False

    def ids(self) -> list[str]:
        """Returns the ids of all runs in the store, sorted."""
        return self.folders.names()

    def read(self, run: str) -> Record:
        """Returns the record of the run with the id ``run``.

        Raises:
            UserError: there is no such run, or its record is none: of a schema that is not known, changed, or that of
                another run.
        """
        if not run:
            raise UserError("The id of a run is empty.", near_miss(run, self.ids()))
        record = self._record(run)
        if record.id != run:
            raise UserError(f"The folder {run!r} in {self.root} {misnamed(record.id)}.", "Give the id.")
        return record

    def trusted(self, run: str) -> Record:
        """Returns the record of a run after a look at all other folders: none of them may contradict it.

        It is for commands that are given ids; those that go through the whole store leave such runs out anyway. It
        reads the text of every record, which takes about 0.05 ms each, and checks those that name the run.

        Raises:
            UserError: as ``read``; or the store holds several records of the run that differ.
        """
        copies = {run: self.read(run)}
        for folder in set(self.ids()) - {run}:
            try:
                if run in self.folders.text(folder) and (found := self._record(folder)).id == run:
                    copies[folder] = found
            except (UserError, OSError, ValueError):  # a folder that cannot be read contradicts nobody
                continue
        if differ(copies.values()):
            reason = several(run, copies)
            raise UserError(f"In {self.root} {reason}.", "Remove the wrong folders, or make the run again elsewhere.")
        return copies[run]

    def _record(self, folder: str) -> Record:
        """Returns the record in a folder, of whatever run it is."""
        path = self.root / folder / RECORD
        try:
            return parse(self.folders.text(folder), str(self.folders.path(folder) / RECORD))
        except (FileNotFoundError, NotADirectoryError):
            if not self.folders.path(folder).is_dir():
                raise UserError(f"There is no run {folder!r} in {self.root}.", near_miss(folder, self.ids())) from None
            raise UserError(
                f"The run {folder!r} in {self.root} has no {RECORD}.", "Delete or mend the folder."
            ) from None
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path} is not JSON: it is no UTF-8: {error.reason}.", "Delete or mend the folder."
            ) from None
        except (OSError, ValueError) as error:  # no permission, a folder of that name; an id that no file can have
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise UserError(f"{str(path)!r} cannot be read: {reason}.", "Delete or mend the folder.") from None

    def __iter__(self) -> Iterator[Record]:
        """Yields all records in the order in which they were started; what cannot be trusted goes to ``broken``.

        That is: folders without a readable record, those whose record was changed by hand or is of a newer schema,
        those that a writer left half-written, and a run that is there several times: copies that say the same are
        left out, and where they differ nobody knows which is true, so all of them are.
        """
        self.broken = [(path, "a run was being written here and never finished") for path in leftovers(self.root)]
        found: dict[str, dict[str, Record]] = {}
        for folder in self.ids():
            try:
                record = self._record(folder)
                found.setdefault(record.id, {})[folder] = record
            except UserError as error:
                self.broken.append((self.folders.path(folder), visible(error.message)))
        records = []
        for run, copies in found.items():
            trusted, reasons = trusted_copy(run, copies)
            records += [] if trusted is None else [trusted]
            self.broken += [(self.folders.path(folder), visible(reason)) for folder, reason in reasons.items()]
        return iter(sorted(records, key=lambda record: (record.started, record.id)))

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
        """Returns the predictions of a run, or None where it left none; parts and items are strings.

        The file is compared with its digest in the record, once for each run; records of schema 1 have none.

        Args:
            run: id.
            columns: read only these, as far as they are there; None reads all, masks of segmentation too.

        Raises:
            UserError: there is no such run, its predictions cannot be read, or were changed after it was written.
        """
        return self._predictions.read(run, columns)

    def columns(self, run: str) -> list[str]:
        """Returns the names of the columns of a run's predictions; none where it left no predictions.

        Raises:
            UserError: as ``predictions``.
        """
        return self._predictions.columns(run)

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
