"""Ranks of methods over several tasks, from runs that may be ranked together within each task."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from rsbench.records import Record
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.measured import Group, Measurement, Place, Subject, places, subject
from rsbench.reporting.ranking import comparable
from rsbench.statistics import Ranking, rank_methods
from rsbench.task import Task

LEAST = 2
"""Tasks and methods that a ranking needs."""


@dataclass(frozen=True)
class TaskRanking:
    """Methods ranked over the tasks that all of them were measured on.

    Args:
        protocols: which protocol stands for each task, ``eurosat: swept``.
        data: ``real`` or ``demo``.
        columns: where the numbers are from, ``EuroSAT, swept, seco val top1``.
        titles: of the methods for readers, by id.
        ranking: None where there are too few.
        why_not: the reason for that; else empty.
        left_out: methods that lack one of the tasks, by id, with those they lack.
    """

    protocols: tuple[str, ...]
    data: str
    columns: tuple[str, ...]
    titles: Mapping[str, str]
    ranking: Ranking | None
    why_not: str
    left_out: Mapping[str, tuple[str, ...]]


class _Column(dict[Subject, Measurement]):
    """The comparable rows of a task in one place."""

    def __init__(self, title: str, place: Place, rows: Mapping[Subject, Measurement]) -> None:
        super().__init__(rows)
        self.title, self.place = title, place


def task_ranks(
    records: Iterable[Record], tasks: Iterable[Task], predictions: Predictions, protocols: Collection[str] = ()
) -> list[TaskRanking]:
    """Ranks methods over tasks, real data and demo scenes apart.

    Each task gives one column: the metric that ranks it, in the place (protocol, settings, split) where most rows are
    comparable. Of these tasks those are taken, two at least, with which most cells of methods x tasks are full, so that
    every method has a number on every task: ranks with gaps would compare different things.

    Args:
        records: of a store.
        tasks: from the registry; records of others are left out.
        predictions: of the same store.
        protocols: only these, if any are given.

    Returns:
        One for each kind of data of which a run is done, real first.
    """
    known = {task.name: task for task in tasks}
    chosen = [
        record
        for record in records
        if record.status == "done" and record.task in known and (not protocols or record.protocol in protocols)
    ]
    kinds = sorted({record.data for record in chosen}, reverse=True)
    return [_of_kind(data, [r for r in chosen if r.data == data], known, predictions) for data in kinds]


def _of_kind(data: str, records: list[Record], tasks: Mapping[str, Task], predictions: Predictions) -> TaskRanking:
    titles = {subject(record).variant: record.title for record in records}
    best: dict[str, _Column] = {}
    for place, groups in places(records).items():
        column = _column(tasks[place.task], place, groups, predictions)
        present = best.get(place.task)
        if len(column) > 1 and (present is None or _better(column, present)):
            best[place.task] = column
    subset = _fullest(list(best.values()))
    if not subset:
        why = f"fewer than {LEAST} methods are comparable on {LEAST} tasks or more"
        return TaskRanking((), data, (), titles, None, why, {})
    methods = sorted(set.intersection(*(set(column) for column in subset)))
    others = set().union(*subset) - set(methods)
    scores = [[column[one].mean for one in methods] for column in subset]
    return TaskRanking(
        tuple(f"{column.place.task}: {column.place.protocol}" for column in subset),
        data,
        tuple(column.title for column in subset),
        titles,
        rank_methods(scores, [one.variant for one in methods]),  # type: ignore[arg-type]  # ranked rows have a mean
        "",
        {one.variant: tuple(c.place.task for c in subset if one not in c) for one in sorted(others)},
    )


def _column(task: Task, place: Place, groups: Mapping[Subject, Group], predictions: Predictions) -> _Column:
    part, _, metric = task.rank.partition("/")
    measured = {one: found for one, group in groups.items() if (found := group.measure(predictions, part, metric))}
    size = "" if place.size is None else f", {place.size} px"
    changed = f" with {place.changed}" if place.changed else ""
    version = f" ({place.version})" if place.version else ""
    title = f"{task.title}, {place.protocol}{changed}, {place.split} {part}{version}{size}, {metric}"
    return _Column(title, place, {one: measured[one] for one in comparable(measured).ranked})


def _better(column: _Column, present: _Column) -> bool:
    """Whether a place of the same task has more comparable rows; of equal ones the plainer setting, then its name."""

    def key(one: _Column) -> tuple[int, bool, str]:
        return -len(one), bool(one.place.changed), one.title

    return key(column) < key(present)


def _fullest(columns: list[_Column]) -> tuple[_Column, ...]:
    """Returns the columns, two at least, that fill most cells with the methods that all of them have."""
    best: tuple[int, int, tuple[_Column, ...]] = (0, 0, ())
    for count in range(len(columns), LEAST - 1, -1):
        for subset in combinations(sorted(columns, key=lambda one: one.title), count):
            methods = len(set.intersection(*(set(column) for column in subset)))
            if methods >= LEAST and (methods * count, count) > best[:2]:
                best = (methods * count, count, subset)
    return best[2]
