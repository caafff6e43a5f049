"""Which rows of a measured column are shown to differ from its best one, on the same items."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rsbench.errors import UserError
from rsbench.reporting.intervals import TOLERANCE, Predictions
from rsbench.reporting.measured import Measurement, Subject
from rsbench.reporting.pairs import ALPHA, Pair, largest, pair
from rsbench.reporting.ranking import comparable
from rsbench.statistics import Difference, PairedTest, SeedSummary, holm, welch


@dataclass(frozen=True)
class Against:
    """A row against the best one of its column.

    Args:
        difference: the row's mean minus the best one's, in percentage points, with its 95 % interval over items.
        test: of the difference, over items.
        seeds: p-value of Welch's test over seeds; None where that says nothing.
        corrected: the larger of both p-values after Holm's correction for all rows of the column.
        shown: whether a difference is shown at 5 %; False means "no difference shown", not "equal".
    """

    difference: Difference
    test: PairedTest
    seeds: float | None
    corrected: float
    shown: bool


def against_best(
    predictions: Predictions, measured: Mapping[Subject, Measurement], part: str, metric: str
) -> dict[Subject, Against]:
    """Compares every comparable row of a column with the best one.

    The best row is chosen by looking, so that a difference from it comes out a little too often: the correction is for
    the number of rows, not for the choice.

    Args:
        predictions: of the runs.
        measured: of one column: of one part and metric.
        part, metric: of the column.

    Returns:
        One for each row but the best that the test can be made of: a row whose runs left nothing of the same items, or
        whose predictions do not give the metric of its records, has none.
    """
    ranked = comparable(measured).ranked
    found = {one: _pair(predictions, measured[one], measured[ranked[0]], part, metric) for one in ranked[1:]}
    pairs = {one: own for one, own in found.items() if own is not None}
    seeds = {one: welch(_summary(measured[one]), _summary(measured[ranked[0]])) for one in pairs}
    corrected = holm([largest(own.test.p, seeds[one]) for one, own in pairs.items()])
    return {
        one: Against(own.difference, own.test, seeds[one], float(p), bool(p <= ALPHA))
        for (one, own), p in zip(pairs.items(), corrected, strict=True)
    }


def _summary(measured: Measurement) -> SeedSummary:
    assert measured.mean is not None  # ranked rows have one
    return SeedSummary(measured.mean, measured.sd, len(measured.seeds))


def _pair(predictions: Predictions, row: Measurement, best: Measurement, part: str, metric: str) -> Pair | None:
    assert row.mean is not None and best.mean is not None  # ranked rows have one
    try:
        found = pair(predictions, row.runs, best.runs, part, metric)
    except UserError:  # predictions that cannot be read; the table says so in the row's footnote
        return None
    if found is None or abs(found.difference.mean - (row.mean - best.mean)) > TOLERANCE:
        return None
    return found
