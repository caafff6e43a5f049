"""All that the page shows, as one JSON object that is small for thousands of runs.

What repeats (names of metrics, settings, environments, commands) is in it once, in ``texts`` and ``names``, and meant
by its number. Runs and values are columns. Numbers have four decimals: the records have all digits. What is shown of
them is text that is printed here, with the digits of the tables: a browser rounds ties another way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rsbench import __version__
from rsbench.plugins import Registry
from rsbench.records import Record
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.leaderboard import facts
from rsbench.reporting.leaderboard.cards import contaminated, method_cards, task_cards
from rsbench.reporting.leaderboard.cells import Cell, cells, decimals, groups_in_order
from rsbench.reporting.leaderboard.paper import paper
from rsbench.reporting.leaderboard.source import ReadOnce
from rsbench.reporting.leaderboard.standing import rankings, standing
from rsbench.reporting.measured import Place, Subject
from rsbench.reporting.versions import shown

COSTS = ("parameters", "gflops", "images_per_second", "peak_memory_mib")
WEIGHTS = ("architecture", "source", "digest")
DECIMALS = 4


class Texts:
    """Values that repeat, each kept once and meant by its number."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: Any) -> int:
        """Returns the number of a JSON value."""
        key = json.dumps(value, sort_keys=True)
        if key not in self._numbers:
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


def page_data(store: ReadOnce, registry: Registry, title: str, tests: bool = True) -> dict[str, Any]:
    """Returns the data of the page, equal for equal records, plugins and title.

    Args:
        store: of runs; it may be empty.
        registry: methods and tasks, those of the user's plugins too.
        title: of the page.
        tests: compare each ranked row with the best one of its column; of detection that takes long.
    """
    records = list(store)
    groups = groups_in_order(records)
    predictions = Predictions(store)
    found = cells(groups, predictions, registry)
    texts = Texts()
    subjects = sorted({subject for members in groups.values() for subject in members})
    numbers = {subject: number for number, subject in enumerate(subjects)}
    spots = {place: number for number, place in enumerate(groups)}
    placed = {
        record.id: (spots[place], numbers[subject])
        for place, members in groups.items()
        for subject, group in members.items()
        for record in group.records
    }
    latest: dict[Subject, Record] = {}
    for record in sorted(records, key=lambda record: (record.finished, record.id)):
        latest[subjects[placed[record.id][1]]] = record
    runs = {record.id: number for number, record in enumerate(records)}
    return {
        "title": title,
        "version": __version__,
        "tests": tests,
        "newest": max((record.finished for record in records), default=""),
        "methods": method_cards(registry),
        "tasks": task_cards(registry),
        "subjects": [_subject(one, latest[one], registry) for one in subjects],
        "places": [_place(place, texts, [r for g in members.values() for r in g.records], registry)
                   for place, members in groups.items()],
        "cells": [_cell(cell, spots[cell.place], numbers, runs, texts, registry) | said
                  for cell, said in zip(found, standing(found, predictions, numbers, tests), strict=True)],
        "ranks": rankings(records, registry, predictions),
        "paper": paper(store),
        "runs": _runs(records, placed, texts),
        "broken": [{"name": path.name, "reason": _placeless(reason, store.root)} for path, reason in store.broken],
        "plugins": [{"name": broken.origin, "reason": broken.reason} for broken in registry.broken],
        "texts": texts.values,
    }  # fmt: skip


def _subject(one: Subject, record: Record, registry: Registry) -> dict[str, Any]:
    base, _, variant = one.method.partition("/")
    method = registry.methods.items.get(base)
    return {
        "data": one.data,
        "id": one.variant,
        "method": base,
        "variant": variant,
        "checkpoint": one.checkpoint,
        "title": record.title,
        "paradigm": method.paradigm if method else "",
    }


def _place(place: Place, texts: Texts, records: Sequence[Record], registry: Registry) -> dict[str, Any]:
    task = registry.tasks.items.get(place.task)
    known = {protocol.name: protocol for protocol in task.protocols} if task else {}
    described = known[place.protocol].description if place.protocol in known else ""
    return {
        "key": place_key(place),
        "task": place.task,
        "title": task.title if task else place.task,
        "kind": records[0].kind,
        "digits": decimals(records[0].kind),
        "protocol": place.protocol,
        "description": described,
        "changed": place.changed,
        "split": place.split,
        "version": place.version,
        "size": place.size,
        "counts": texts.number(facts.counts(records[0].dataset.get("counts"))),
    }


def place_key(place: Place) -> str:
    """Returns what a place is called in addresses: it says what it is, and stays when other runs are added.

    >>> place_key(Place("eurosat", "knn", "seco"))
    'eurosat/knn/seco'
    >>> place_key(Place("eurosat", "knn", "seco", size=64))
    'eurosat/knn/seco/27e68d52'
    """
    said, others = [place.task, place.protocol, place.split], [place.changed, place.version, place.size]
    if any(others) or any("/" in name for name in said):
        said.append(hashlib.sha256(json.dumps([*said, *others]).encode()).hexdigest()[:8])
    return "/".join(said)


def _cell(
    cell: Cell, place: int, numbers: Mapping[Subject, int], runs: Mapping[str, int], texts: Texts, registry: Registry
) -> dict[str, Any]:
    values = list(cell.values.values())
    found: dict[str, Any] = {
        "place": place,
        "subject": numbers[cell.subject],
        "part": cell.part,
        "metric": cell.metric,
        "status": cell.measured.status,
        "names": texts.number(list(cell.values)),
        "seeds": list(cell.measured.seeds),
        "runs": [runs[run] for run in cell.measured.runs],
        "size": cell.measured.size,
        "remarks": [*cell.measured.remarks, *cell.remarks],
        "cost": [_cost(cell.records, name) for name in COSTS] if values else [],
    }
    for field in ("mean", "low", "high", "sd"):
        column = [getattr(value, field) for value in values]
        if any(value is not None for value in column):
            found[field] = [None if value is None else round(value, DECIMALS) for value in column]
            found[f"{field}_text"] = facts.printed(column, cell.decimals)
    if cell.unfinished:
        found["unfinished"] = list(cell.unfinished)
    if contaminated(cell.records, registry):
        found["contaminated"] = True
    return found


def _cost(records: Sequence[Record], name: str) -> float | None:
    """Returns the mean over the runs of a cell; None unless all of them have it."""
    numbers = [one for record in records if (one := facts.number(record.cost.get(name))) is not None]
    return round(sum(numbers) / len(numbers), DECIMALS) if len(numbers) == len(records) else None


def _runs(records: Sequence[Record], placed: Mapping[str, tuple[int, int]], texts: Texts) -> dict[str, list[Any]]:
    """Returns the runs as columns, in the order in which they were started."""
    columns: dict[str, list[Any]] = {}
    for record in records:
        place, subject = placed[record.id]
        row = {
            "id": record.id,
            "place": place,
            "subject": subject,
            "seed": record.seed,
            "status": record.status,
            "reason": record.reason or "",
            "started": record.started[:19],
            "seconds": facts.number(record.timings.get("total")),
            "size": record.input_size,
            "precision": record.precision,
            "names": texts.number(list(record.metrics)),
            "values": [round(value, DECIMALS) for value in record.metrics.values()],
            "values_text": facts.printed(list(record.metrics.values()), decimals(record.kind)),
            "flags": texts.number(record.flags),
            "settings": texts.number({key: shown(value) for key, value in record.settings.items()}),
            "changed": texts.number(sorted(record.changed)),
            "assumed": texts.number(facts.names(record.arguments.get("assumed"))),
            "weights": texts.number({key: facts.text(record.weights.get(key)) for key in WEIGHTS}),
            "preprocess": texts.number({key: shown(value) for key, value in record.preprocess.items()}),
            "environment": texts.number(record.environment),
            "command": texts.number(record.command),
        }  # fmt: skip
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    return columns


def _placeless(reason: str, root: Path) -> str:
    """Returns a reason without the place of the store: the page is for others, and equal stores give equal pages."""
    return reason.replace(f" in {root}", "").replace(f"{root}/", "")
