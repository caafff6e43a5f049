"""Intervals for the cells of a table, from what the runs left of each item.

Three kinds of metric have one: means over items (top-1), which have a column of their own; scores of a sum over items
(mIoU), which follow from the column ``confusion``; scores of ranked detections (AP), which follow from their matches.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rsbench.metric_names import BOXES
from rsbench.records import Record, Store
from rsbench.records.predictions import KEYS, unreadable

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

    from rsbench.detection.matching import Matches
    from rsbench.reporting.pairs import Pair

Scored = tuple[list[dict[str, float]], dict[str, tuple[float, float]]]
TOLERANCE = 1e-3
"""Percentage points that a record's metric and what its items give may be apart."""


def interval_over_items(
    predictions: Predictions, records: Sequence[Record], part: str, metric: str
) -> tuple[float, float] | None:
    """Returns the 95 % interval: the record's own for one seed, else that of the mean over seeds on the same items.

    None where the runs left nothing of their items, where the items differ, or where they do not give the metric of
    the record: then no interval over seeds follows from them.
    """
    key = f"{part}/{metric}"
    if len(records) == 1:
        return records[0].intervals.get(key)
    if not all(key in record.intervals for record in records):
        return None  # spares opening files that cannot help
    runs = [record.id for record in records]
    recorded = [record.metrics[key] for record in records]
    if all(predictions.has(run, metric) for run in runs):
        return _of_means(predictions, runs, part, metric, recorded)
    return _of_scores(predictions.scores(runs, part, metric.startswith(BOXES)), metric, recorded)


def _of_means(
    predictions: Predictions, runs: Sequence[str], part: str, metric: str, recorded: Sequence[float]
) -> tuple[float, float] | None:
    """Of a metric that is a mean over items: that of the items averaged over seeds."""
    from rsbench.statistics import seed_averaged_interval

    found = [predictions.values(run, part, metric) for run in runs]
    if any(a is not None and b is not None and not a[0].equals(b[0]) for a, b in pairwise(found)):
        found = [predictions.values(run, part, metric, ordered=True) for run in runs]
    rows = []
    for value, item in zip(recorded, found, strict=True):
        if item is None or found[0] is None or not item[0].equals(found[0][0]):
            return None
        if abs(item[1].mean() - value) > TOLERANCE:
            return None
        rows.append(item[1])
    return seed_averaged_interval(rows)


def _of_scores(found: Scored | None, metric: str, recorded: Sequence[float]) -> tuple[float, float] | None:
    """Of a score of all items: the same items are drawn for all seeds, and each seed is scored by itself."""
    if found is None:
        return None
    values, bounds = found
    if metric not in bounds or any(
        abs(100 * of_run.get(metric, -1.0) - value) > TOLERANCE for of_run, value in zip(values, recorded, strict=True)
    ):
        return None
    low, high = bounds[metric]
    return 100 * low, 100 * high


class Predictions:
    """What the runs of a store left of each item; each column is read once, and masks are not.

    What cannot be used is told from what is not there: it raises UserError, which names the run and the reason.

    Arrow's functions that take or give Python and NumPy values import pandas, which costs more than all the rest
    of a table; those used here do not.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tables: dict[tuple[str, str], pyarrow.Table | None] = {}
        self.scored: dict[tuple[tuple[str, ...], str, bool], Scored | None] = {}
        self.pairs: dict[tuple[tuple[str, ...], tuple[str, ...], str, bool], dict[str, Pair]] = {}
        """What ``rsbench.reporting.pairs`` found of ranked detections: (side, side, part, boxes), by metric."""

    def has(self, run: str, column: str) -> bool:
        """Whether the run left a column of this name beside part and item, with at least one row."""
        return self._table(run, column) is not None

    def _table(self, run: str, column: str) -> pyarrow.Table | None:
        names = (*KEYS, column)
        if (run, column) not in self.tables:
            table = self.store.predictions(run, names)
            whole = table is not None and set(names) <= set(table.column_names) and len(table) > 0
            self.tables[run, column] = table if whole else None
        return self.tables[run, column]

    def values(
        self, run: str, part: str, metric: str, ordered: bool = False
    ) -> tuple[pyarrow.ChunkedArray, NDArray[np.float64]] | None:
        """Returns the items of a part, as strings, and their values in percent, finite; None where the run left none.

        Args:
            run: id.
            part: of the split.
            metric: name without the part.
            ordered: whether the items are sorted; else they come as they were written.

        Raises:
            UserError: the values are no numbers, or some are missing or not finite.
        """
        import numpy as np

        from rsbench.records.columns import numbers

        table = self._table(run, metric)
        if table is None:
            return None
        if ordered:
            table = table.sort_by([("part", "ascending"), ("item", "ascending")])
        parts = table["part"].combine_chunks().dictionary_encode()
        names = parts.dictionary.to_pylist()
        if part not in names:
            return None
        rows = np.flatnonzero(np.from_dlpack(parts.indices) == names.index(part))
        if rows[-1] - rows[0] + 1 != len(rows):  # parts are mixed
            return None if ordered else self.values(run, part, metric, ordered=True)
        table = table.slice(int(rows[0]), len(rows))
        try:
            column = numbers(table, metric)
        except ValueError as error:
            raise unreadable(run, str(error)) from None
        return table["item"], 100 * np.asarray(np.from_dlpack(column.combine_chunks()), dtype=np.float64)

    def items(self, run: str, part: str) -> list[str] | None:
        """Returns the items of a part in the order of the file; None where the run left no parts and items.

        Raises:
            UserError: what the run left cannot be read, or was changed after the run was written.
        """
        table = self.store.predictions(run, KEYS)
        if table is None or not set(KEYS) <= set(table.column_names):
            return None
        return [item for of, item in zip(*(table[name].to_pylist() for name in KEYS), strict=True) if of == part]

    def scores(self, runs: Sequence[str], part: str, boxes: bool = False) -> Scored | None:
        """Returns the scores of each run, and the interval of their mean over the runs, as fractions by name.

        None where a run left neither counts nor matches, or those of other items or classes than the others.

        Args:
            runs: ids, one per seed.
            part: of the split.
            boxes: those of the boxes where masks were scored, too.
        """
        key = (tuple(runs), part, boxes)
        if key not in self.scored:
            self.scored[key] = self._of_boxes(runs, part) if boxes else self._scores(runs, part)
        return self.scored[key]

    def _of_boxes(self, runs: Sequence[str], part: str) -> Scored | None:
        found = self._of_matches(runs, part, boxes=True)
        if found is None:
            return None
        values, bounds = found
        return [{BOXES + name: value for name, value in of_run.items()} for of_run in values], {
            BOXES + name: pair for name, pair in bounds.items()
        }

    def _of_matches(self, runs: Sequence[str], part: str, boxes: bool) -> Scored | None:
        from rsbench.detection.bootstrap import bootstrap_scores, scores_of

        found = self.matches(runs, part, boxes)
        try:
            return None if found is None else ([scores_of(of_run) for of_run in found], bootstrap_scores(found))
        except ValueError:  # not of the same images
            return None

    def matches(self, runs: Sequence[str], part: str, boxes: bool = False) -> list[Matches] | None:
        """Returns the matches of the detections of each run; None where one left none.

        Raises:
            UserError: what a run left cannot be read, or does not fit together.
        """
        from rsbench.detection.predictions import match_columns, read_matches

        names = {*KEYS, *match_columns(boxes)}
        found = []
        for run in runs:
            table = self.store.predictions(run, sorted(names))
            if table is None or not names <= set(table.column_names):
                return None
            try:
                found.append(read_matches(table, part, boxes))
            except ValueError as error:
                raise unreadable(run, str(error)) from None
        return found

    def _scores(self, runs: Sequence[str], part: str) -> Scored | None:
        if not any(self.has(run, "confusion") for run in runs):
            return self._of_matches(runs, part, boxes=False)
        from rsbench.segmentation.metrics import bootstrap_scores, scores

        found = self.counts(runs, part)
        if found is None:
            return None
        names, counts = found
        return [scores(of_run, names) for of_run in counts.sum(axis=1)], bootstrap_scores(counts, names)

    def counts(self, runs: Sequence[str], part: str) -> tuple[list[str], NDArray[np.int64]] | None:
        """Returns the classes and what was counted on each tile, (runs, tiles, C, C) with the tiles in one order.

        None where a run left no counts, or those of other tiles or classes than the others.

        Raises:
            UserError: what a run left cannot be read, or is no counts of pixels of every item.
        """
        tables = [self._table(run, "confusion") for run in runs]
        if any(table is None for table in tables):
            return None
        import numpy as np

        from rsbench.segmentation.metrics import score_names
        from rsbench.segmentation.predictions import class_names, confusions

        names, found = [], []
        for run, table in zip(runs, tables, strict=True):
            assert table is not None
            try:
                names.append(class_names(table.schema))
                score_names(names[-1])  # refuses classes whose scores would have one name
                found.append(confusions(table, part))
            except ValueError as error:
                raise unreadable(run, str(error)) from None
        orders = [sorted(range(len(items)), key=items.__getitem__) for items, _ in found]
        first = [found[0][0][row] for row in orders[0]]
        for own, (items, _), order in zip(names, found, orders, strict=True):
            if own != names[0] or [items[row] for row in order] != first:
                return None
        if not first:
            return None
        return names[0], np.stack([of_run[order] for (_, of_run), order in zip(found, orders, strict=True)])
