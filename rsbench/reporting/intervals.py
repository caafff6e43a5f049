"""Intervals for the cells of a table, from the per-item values that the runs left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rsbench.records import Record, Store

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray


def interval_over_items(
    predictions: Predictions, records: Sequence[Record], part: str, metric: str
) -> tuple[float, float] | None:
    """Returns the 95 % interval: the record's own for one seed, else that of the items averaged over seeds.

    None where the runs left no per-item values, where the items differ, or where the mean of the items is not the
    metric (mIoU, AP): then no interval over seeds follows from them.
    """
    key = f"{part}/{metric}"
    if len(records) == 1:
        return records[0].intervals.get(key)
    if not all(key in record.intervals for record in records):
        return None  # spares opening files that cannot help
    from rsbench.statistics import seed_averaged_interval

    found = [predictions.values(record.id, part, metric) for record in records]
    if any(a is not None and b is not None and not a[0].equals(b[0]) for a, b in pairwise(found)):
        found = [predictions.values(record.id, part, metric, ordered=True) for record in records]
    rows = []
    for record, item in zip(records, found, strict=True):
        if item is None or found[0] is None or not item[0].equals(found[0][0]):
            return None
        if abs(item[1].mean() - record.metrics[key]) > 1e-3:
            return None
        rows.append(item[1])
    return seed_averaged_interval(rows)


class Predictions:
    """Per-item values of the runs of a store; each file is opened once.

    Arrow's functions that take or give Python and NumPy values import pandas, which costs more than all the rest
    of a table; those used here do not.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tables: dict[str, pyarrow.Table | None] = {}

    def values(
        self, run: str, part: str, metric: str, ordered: bool = False
    ) -> tuple[pyarrow.ChunkedArray, NDArray[np.float64]] | None:
        """Returns the items of a part and their values in percent; None where the run left none.

        Args:
            run: id.
            part: of the split.
            metric: name without the part.
            ordered: whether the items are sorted; else they come as they were written.
        """
        import numpy as np

        if run not in self.tables:
            self.tables[run] = self.store.predictions(run)
        table = self.tables[run]
        if table is None or not {"part", "item", metric} <= set(table.column_names) or len(table) == 0:
            return None
        table = table.select(["part", "item", metric])
        if ordered:
            table = table.sort_by([("part", "ascending"), ("item", "ascending")])
        parts = table["part"].combine_chunks().dictionary_encode()
        names = parts.dictionary.to_pylist()
        if part not in names:
            return None
        rows = np.flatnonzero(np.from_dlpack(parts.indices) == names.index(part))
        if rows[-1] - rows[0] + 1 != len(rows):  # parts are mixed
            return None if ordered else self.values(run, part, metric, ordered=True)
        numbers = table[metric].slice(int(rows[0]), len(rows))
        if numbers.null_count:
            return None
        values = np.asarray(np.from_dlpack(numbers.cast("float64").combine_chunks()), dtype=np.float64)
        return table["item"].slice(int(rows[0]), len(rows)), 100 * values
