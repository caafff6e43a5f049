"""How cells stand to each other: which may be ranked, what differs from the best, ranks over tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rsbench.plugins import Registry
from rsbench.records import Record
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.leaderboard.cells import Cell
from rsbench.reporting.measured import Measurement, Place, Subject
from rsbench.reporting.ranking import comparable
from rsbench.reporting.significance import Against, against_best
from rsbench.reporting.task_ranks import TaskRanking, task_ranks

Column = tuple[Place, str, str]
"""Place, part and metric."""


def columns(cells: Sequence[Cell]) -> dict[Column, dict[Subject, Measurement]]:
    """Returns the measurements of each column of the metric that ranks."""
    found: dict[Column, dict[Subject, Measurement]] = {}
    for cell in cells:
        if cell.metric:
            found.setdefault((cell.place, cell.part, cell.metric), {})[cell.subject] = cell.measured
    return found


def standing(
    cells: Sequence[Cell], predictions: Predictions, numbers: Mapping[Subject, int], tests: bool
) -> list[dict[str, Any]]:
    """Returns what is said of each cell beside its numbers, of the metric that ranks the task.

    ``out``: why it is not ranked. ``best``: True of the row that the others of its column were tested against.
    ``against``: its comparison with that one. ``untested``: True where this was asked for and could not be made.

    Args:
        cells: all of them; a best row is one of its column.
        predictions: of the store.
        numbers: of the subjects.
        tests: whether to compare.
    """
    left_out: dict[tuple[Column, Subject], str] = {}
    found: dict[tuple[Column, Subject], dict[str, Any]] = {}
    decimals = {(cell.place, cell.part, cell.metric): cell.decimals for cell in cells}
    for column, measured in columns(cells).items():
        _, part, metric = column
        order = comparable(measured)
        left_out |= {(column, subject): reason for subject, reason in order.left_out.items()}
        tested = against_best(predictions, measured, part, metric) if tests else {}
        for subject in order.ranked[1:] if tests else ():
            own = tested.get(subject)
            found[column, subject] = (
                {"untested": True}
                if own is None
                else {"against": _against(own, numbers[order.ranked[0]], decimals[column] + 1)}
            )
        for subject in order.ranked[:1] if tests else ():
            found[column, subject] = {"best": True}
    result = []
    for cell in cells:
        key = (cell.place, cell.part, cell.metric), cell.subject
        said: dict[str, Any] = {}
        if key in left_out and cell.measured.mean is not None:
            said["out"] = left_out[key]
        result.append(said | found.get(key, {}))
    return result


def _against(own: Against, best: int, decimals: int) -> dict[str, Any]:
    """Returns a comparison as text, printed as ``rsbench compare`` prints it; ``best``: number of that subject."""
    difference = own.difference
    return {
        "best": best,
        "mean": f"{difference.mean:+.{decimals}f}",
        "low": f"{difference.low:.{decimals}f}",
        "high": f"{difference.high:.{decimals}f}",
        "test": own.test.name,
        "p": f"{own.test.p:.2g}",
        "seeds": None if own.seeds is None else f"{own.seeds:.2g}",
        "corrected": f"{own.corrected:.2g}",
        "shown": own.shown,
    }


def rankings(records: Sequence[Record], registry: Registry, predictions: Predictions) -> list[dict[str, Any]]:
    """Returns ranks over tasks: of all protocols, then of each protocol for which other columns are ranked."""
    tasks = list(registry.tasks.items.values())
    shown = [_ranking(one, "") for one in task_ranks(records, tasks, predictions)]
    known = {tuple(one["columns"]) for one in shown}
    for protocol in sorted({record.protocol for record in records}):
        for one in task_ranks(records, tasks, predictions, [protocol]):
            if one.ranking is not None and one.columns not in known:
                shown.append(_ranking(one, f", protocol {protocol}"))
    return shown


def _ranking(one: TaskRanking, of: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "title": ("Real data" if one.data == "real" else "Demo scenes") + of,
        "columns": list(one.columns),
        "why_not": one.why_not,
        "left_out": [[_name(one, name), ", ".join(lacking)] for name, lacking in one.left_out.items()],
    }
    if one.ranking is not None:
        said |= {
            "names": [_name(one, name) for name in one.ranking.names],
            "mean_ranks": [round(rank, 4) for rank in one.ranking.mean_ranks],
            "printed": [f"{rank:.2f}" for rank in one.ranking.mean_ranks],
            "tasks": one.ranking.tasks,
            "p": f"{one.ranking.p:.2g}",
            "shown": one.ranking.p < one.ranking.alpha,
            "critical_difference": round(one.ranking.critical_difference, 4),
            "alpha": one.ranking.alpha,
            "groups": [list(pair) for pair in one.ranking.groups],
        }
    return said


def _name(one: TaskRanking, variant: str) -> str:
    """Returns the title of a method, with the digest of a user's checkpoint: that may have the title of others."""
    _, _, checkpoint = variant.partition("@")
    return one.titles.get(variant, variant) + (f", checkpoint {checkpoint}" if checkpoint else "")
