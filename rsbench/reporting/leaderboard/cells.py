"""What the page shows of each subject in each place: every metric, measured as the tables of the paper are.

``Group.measure`` decides which runs count; it is asked once for a cell, and again only for metrics that not all runs
have. The others follow from the same runs, so that hundreds of metrics per cell cost little.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rsbench.errors import UserError
from rsbench.plugins import Registry
from rsbench.records import Record
from rsbench.reporting.intervals import Predictions, interval_over_items
from rsbench.reporting.measured import Group, Measurement, Place, Subject, places
from rsbench.statistics import seed_summary


class Value(NamedTuple):
    """One metric of a cell, in percent; ``low``, ``high`` and ``sd`` as in ``Measurement``."""

    mean: float
    low: float | None
    high: float | None
    sd: float | None


@dataclass(frozen=True)
class Cell:
    """One subject in one place, on one part.

    Args:
        place, subject: where and what.
        part: of the split; empty if no run is done, for then none has a part.
        metric: the one that ranks the task, or the first that the runs have; empty if no run is done.
        measured: what the runs say about ``metric``.
        values: of every metric, by name without the part; empty if no run is done.
        remarks: further sentences: metrics that follow from other runs than ``metric`` does.
        records: those that count, one per seed.
        unfinished: seeds of which no run is done, where others are.
        decimals: with which its numbers are printed.
    """

    place: Place
    subject: Subject
    part: str
    metric: str
    measured: Measurement
    values: Mapping[str, Value]
    remarks: tuple[str, ...]
    records: tuple[Record, ...]
    unfinished: tuple[int, ...]
    decimals: int


def decimals(kind: str) -> int:
    """Returns how many decimals the numbers of a kind of task are printed with, as in the tables of the paper."""
    return 2 if kind in ("classification", "segmentation") else 1


def groups_in_order(records: Iterable[Record]) -> dict[Place, dict[Subject, Group]]:
    """Returns what ``places`` gives, places and subjects in an order that depends on nothing else."""
    found = places(records)
    return {place: dict(sorted(found[place].items())) for place in sorted(found, key=_order)}


def _order(place: Place) -> tuple[str, str, str, str, str, int]:
    return place.task, place.protocol, place.changed, place.split, place.version, place.size or 0


def cells(groups: Mapping[Place, Mapping[Subject, Group]], predictions: Predictions, registry: Registry) -> list[Cell]:
    """Returns all cells.

    Args:
        groups: of ``groups_in_order``.
        predictions: of the store that the groups come from.
        registry: knows which metric ranks a task.
    """
    return [
        cell
        for place, subjects in groups.items()
        for subject, group in subjects.items()
        for cell in _of_group(place, subject, group, predictions, registry)
    ]


def _of_group(
    place: Place, subject: Subject, group: Group, predictions: Predictions, registry: Registry
) -> Iterator[Cell]:
    by_id = {record.id: record for record in group.records}
    names = metric_names(group.records)
    for part, metrics in names.items() or {"": [""]}.items():
        ranking = _ranking_metric(place.task, metrics, registry)
        measured = group.measure(predictions, part, ranking)
        if measured is None:
            continue
        chosen = tuple(by_id[run] for run in measured.runs)
        values, remarks = {}, []
        for metric in metrics if measured.status == "done" else ():
            value, remark = _value(group, predictions, part, metric, measured, chosen)
            values[metric] = value
            remarks += [remark] if remark else []
        failed = {record.seed for record in group.records if record.status != "done"}
        unfinished = tuple(sorted(failed - set(measured.seeds)))
        digits = decimals(group.records[0].kind)
        yield Cell(place, subject, part, ranking, measured, values, tuple(remarks), chosen, unfinished, digits)


def metric_names(records: Sequence[Record]) -> dict[str, list[str]]:
    """Returns the names of the metrics by part, in the order in which the records have them."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for key in record.metrics if record.status == "done" else ():
            part, _, metric = key.partition("/")
            found.setdefault(part, {})[metric] = None
    return {part: list(found[part]) for part in sorted(found)}


def _ranking_metric(task: str, metrics: Sequence[str], registry: Registry) -> str:
    known = registry.tasks.items.get(task)
    wanted = known.rank.partition("/")[2] if known else ""
    return wanted if wanted in metrics else metrics[0]


def _value(
    group: Group, predictions: Predictions, part: str, metric: str, base: Measurement, chosen: Sequence[Record]
) -> tuple[Value, str]:
    """Returns one metric of a cell, and a remark if it is of other runs than the others."""
    key = f"{part}/{metric}"
    if all(key in record.metrics for record in group.records if record.status == "done"):
        summary = seed_summary([record.metrics[key] for record in chosen])
        try:
            bounds = interval_over_items(predictions, chosen, part, metric)
        except UserError:  # unreadable predictions, of which the measurement has a remark already
            bounds = None
        low, high = bounds or (None, None)
        return Value(summary.mean, low, high, summary.sd), ""
    own = group.measure(predictions, part, metric)
    assert own is not None and own.mean is not None  # a run that is done has this metric
    others = "" if own.runs == base.runs else f"{metric} follows from {', '.join(own.runs)} alone"
    return Value(own.mean, own.low, own.high, own.sd), others
