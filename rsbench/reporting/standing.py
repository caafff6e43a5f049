"""Where the measured numbers of a column stand: ranked or why not, tested against the best one or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rsbench.reporting.intervals import Predictions
from rsbench.reporting.measured import Measurement, Subject
from rsbench.reporting.ranking import ALONE, comparable, ranks

if TYPE_CHECKING:
    from rsbench.reporting.significance import Against


class Standing(NamedTuple):
    """Where one number stands.

    Args:
        rank: 1 is the best; None where it is not ranked.
        left_out: why it is not, though others are there; else empty.
        against: the test against the best row; None where it is that, or none was made.
        untested: whether a test was asked for and could not be made.
    """

    rank: int | None = None
    left_out: str = ""
    against: Against | None = None
    untested: bool = False


def standing(
    predictions: Predictions,
    measured: Mapping[Subject, Measurement],
    part: str,
    metric: str,
    decimals: int,
    tests: bool,
) -> dict[Subject, Standing]:
    """Returns where each number of a column stands; demo scenes only among themselves.

    Args:
        predictions: of the runs.
        measured: of one column.
        part, metric: of the column.
        decimals: printed; numbers with equal digits share a rank.
        tests: whether to test each ranked row against the first one.
    """
    result: dict[Subject, Standing] = {}
    for data in ("real", "demo"):
        own = {one: m for one, m in measured.items() if one.data == data}
        order = comparable(own)
        tested: Mapping[Subject, Against] = {}
        if tests:
            from rsbench.reporting.significance import against_best

            tested = against_best(predictions, own, part, metric)
        untested = set(order.ranked[1:]) - set(tested) if tests else set()
        printed = {one: f"{own[one].mean:.{decimals}f}" for one in order.ranked}
        result |= {one: Standing(rank, "", tested.get(one), one in untested) for one, rank in ranks(printed).items()}
        said = {one: why for one, why in order.left_out.items() if own[one].mean is not None and why != ALONE}
        result |= {one: Standing(None, why) for one, why in said.items()}
    return result
