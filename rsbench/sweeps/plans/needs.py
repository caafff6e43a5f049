"""What the cells of a sweep need that is not on this machine: datasets, weights, terms to accept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsbench.checkpoints.fetch import place as place_of_weights
from rsbench.checkpoints.state import DOWNLOADABLE, NEEDS_ACCEPTANCE, NEEDS_FILE, READY, state
from rsbench.opening import DEMO, place
from rsbench.sources import ByHand, User
from rsbench.spec import Chosen, RunSpec
from rsbench.sweeps.cell import Cell
from rsbench.task import Task


@dataclass(frozen=True)
class Need:
    """Something that cells need.

    Attributes:
        lacks: it, in a word or two: ``data``, ``weights``, ``accepted terms``.
        what: is missing, in a sentence.
        remedy: in a sentence.
        cells: keys of those that need it.
        stops: these cells fail without it; else it comes by itself.
        fetched: it is a file of weights that is downloaded when it is first used.
        size: of that file, bytes; None where it is not known.
    """

    lacks: str
    what: str
    remedy: str
    cells: tuple[str, ...]
    stops: bool
    fetched: bool = False
    size: int | None = None

    def facts(self) -> dict[str, Any]:
        """All fields as plain JSON."""
        return {**vars(self), "cells": list(self.cells)}


def needs(
    cells: Iterable[Cell], chosen: Mapping[RunSpec, Chosen], download: bool = False, accept_licence: bool = False
) -> list[Need]:
    """Returns what is missing: first what stops cells.

    Args:
        cells: that are to be run.
        chosen: the objects that their specs stand for.
        download: datasets are fetched.
        accept_licence: the user accepts the terms of weights.
    """
    by_data: dict[tuple[str, str | None], list[Cell]] = {}
    by_weights: dict[str, list[Cell]] = {}
    for cell in cells:
        by_data.setdefault((cell.spec.task, cell.spec.data), []).append(cell)
        if cell.spec.checkpoint is None:
            by_weights.setdefault(cell.spec.method, []).append(cell)
    found: list[Need] = []
    for same in by_data.values():
        found += _dataset(chosen[same[0].spec].task, same, download)
    for same in by_weights.values():
        found += _weights(chosen[same[0].spec], same, accept_licence)
    return sorted(found, key=lambda need: not need.stops)


def _keys(cells: Iterable[Cell]) -> tuple[str, ...]:
    return tuple(cell.key for cell in cells)


def _dataset(task: Task, cells: list[Cell], download: bool) -> Iterator[Need]:
    data = cells[0].spec.data
    root = place(task, data)
    if data == DEMO:
        return
    if filled(root):
        return
    if download and task.download is not None:
        yield Need("data", f"{task.title} is fetched to {root}.", "", _keys(cells), stops=False)
        return
    get = f"--download fetches it, or get it from {task.url}" if task.download else f"Get it from {task.url}"
    prepare = f", then run rsbench data prepare --task {task.name}" if task.prepare else ""
    elsewhere = "; --data names another folder, RSBENCH_DATA that of all datasets."
    yield Need("data", f"{task.title} is not at {root}.", f"{get}{prepare}{elsewhere}", _keys(cells), stops=True)


def filled(folder: Path) -> bool:
    """Whether there is something in a folder; one in which a download was only begun has hidden files."""
    try:
        return any(not path.name.startswith(".") for path in folder.iterdir())
    except OSError:
        return False


def _weights(one: Chosen, cells: list[Cell], accept_licence: bool) -> Iterator[Need]:
    owner, weights = one.method_id, one.method.weights(one.variant)
    found, source, keys = state(owner, weights), weights.source, _keys(cells)
    if found == READY:
        return
    if found not in (DOWNLOADABLE, NEEDS_ACCEPTANCE) and NEEDS_FILE not in found:
        yield Need(
            "weights",
            f"The weights of {owner} are {found}.",
            "Install rsbench, or the plugin, again.",
            keys,
            stops=True,
        )
    if isinstance(source, User):
        how = f"{source.how} Then name the file as checkpoint in a suite of your own."
        yield Need("weights", f"{owner} has no public weights.", how, keys, stops=True)
    if isinstance(source, ByHand) and NEEDS_FILE in found:
        put = f"{source.how} Put the file at {place_of_weights(owner, source)}."
        yield Need("weights", f"No program can fetch the weights of {owner}.", put, keys, stops=True)
    if NEEDS_ACCEPTANCE in found and not accept_licence:
        accept = "If you accept them, pass --accept-licence once."
        yield Need("accepted terms", f"The weights of {owner} have terms: {weights.terms}", accept, keys, stops=True)
    if source.kind == "url" and not place_of_weights(owner, source).is_file():  # type: ignore[arg-type]
        yield Need(
            "weights",
            f"The weights of {owner} are downloaded when they are first used.",
            "",
            keys,
            stops=False,
            fetched=True,
            size=weights.size_bytes,
        )
