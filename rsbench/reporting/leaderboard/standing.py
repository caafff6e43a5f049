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
from rsbench.reporting.significance import against_best
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
    """Returns for each cell why it is not ranked (``out``), or its comparison with the best (``against``), if any.

    Args:
        cells: all of them; a best row is one of its column.
        predictions: of the store.
        numbers: of the subjects.
        tests: whether to compare.
    """
    left_out: dict[tuple[Column, Subject], str] = {}
    against: dict[tuple[Column, Subject], dict[str, Any]] = {}
    for column, measured in columns(cells).items():
        _, part, metric = column
        found = comparable(measured)
        left_out |= {(column, subject): reason for subject, reason in found.left_out.items()}
        tested = against_best(predictions, measured, part, metric) if tests else {}
        for subject, own in tested.items():
            against[column, subject] = {
                "best": numbers[found.ranked[0]],
                "mean": round(own.difference.mean, 4),
                "low": round(own.difference.low, 4),
                "high": round(own.difference.high, 4),
                "test": own.test.name,
                "p": own.test.p,
                "corrected": own.corrected,
                "shown": own.shown,
            }
    result = []
    for cell in cells:
        key = (cell.place, cell.part, cell.metric), cell.subject
        said: dict[str, Any] = {}
        if key in left_out and cell.measured.mean is not None:
            said["out"] = left_out[key]
        if key in against:
            said["against"] = {cell.metric: against[key]}
        result.append(said)
    return result


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
        "left_out": [[one.titles.get(name, name), ", ".join(lacking)] for name, lacking in one.left_out.items()],
    }
    if one.ranking is not None:
        said |= {
            "names": [one.titles.get(name, name) for name in one.ranking.names],
            "mean_ranks": [round(rank, 4) for rank in one.ranking.mean_ranks],
            "tasks": one.ranking.tasks,
            "p": one.ranking.p,
            "critical_difference": round(one.ranking.critical_difference, 4),
            "alpha": one.ranking.alpha,
            "groups": [list(pair) for pair in one.ranking.groups],
        }
    return said
