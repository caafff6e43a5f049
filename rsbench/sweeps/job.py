"""A job: cells that one process works on, one after another, and the file that tells it so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsbench.atomic import write_whole
from rsbench.sweeps.cell import Cell, Resources


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is the same for all cells of a sweep.

    Args:
        results: folder of all runs, absolute.
        plugins: files of the user's, absolute.
        download: fetch datasets that are not there.
        accept_licence: accept the terms of weights.
        retry_failed: cells whose record says that they failed are made again.
    """

    results: str
    plugins: tuple[str, ...] = ()
    download: bool = False
    accept_licence: bool = False
    retry_failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Job:
    """Cells that differ in their seed alone.

    Args:
        number: in the sweep, from 0.
        folder: of the sweep; it holds ``jobs/<number>.json`` and what the job leaves beside it.
        cells: in order.
        surroundings: of the sweep.
        explain: why an earlier record does not count is to be found out; nobody knew the ids of the runs before.
        closing: reason of a failure that is written for the cells in place of running them: their process died.
    """

    number: int
    folder: Path
    cells: tuple[Cell, ...]
    surroundings: Surroundings
    explain: bool = False
    closing: str | None = None

    @property
    def file(self) -> Path:
        """Where the job is written, for the process that does it."""
        return self.folder / "jobs" / f"{self.number}.json"

    @property
    def resources(self) -> Resources:
        """Of its cells, which are equal in this; to write down a failure takes one process."""
        return self.cells[0].resources if self.closing is None else Resources()

    def log(self, cell: Cell) -> Path:
        """Where all that is printed while a cell runs goes."""
        return self.folder / "logs" / f"{cell.key}.log"

    def write(self) -> None:
        """Writes the file."""
        content: dict[str, Any] = {
            "number": self.number,
            "cells": [cell.facts() for cell in self.cells],
            "surroundings": vars(self.surroundings),
            "explain": self.explain,
            "closing": self.closing,
        }
        write_whole(self.file, json.dumps(content, indent=1) + "\n", sync=False)

    @classmethod
    def read(cls, file: Path) -> Job:
        """Reads what ``write`` wrote."""
        content = json.loads(file.read_text(encoding="utf-8"))
        around = content["surroundings"]
        return cls(
            number=content["number"],
            folder=file.parent.parent,
            cells=tuple(map(Cell.of, content["cells"])),
            surroundings=Surroundings(**{**around, "plugins": tuple(around["plugins"])}),
            explain=content["explain"],
            closing=content["closing"],
        )


def group(cells: Iterable[Cell], together: Callable[[Cell], bool]) -> list[tuple[Cell, ...]]:
    """Groups cells into jobs, in order of the first cell of each.

    Args:
        cells: to be run.
        together: whether the seeds of such a cell are run by one process, because their features are the same.
    """
    groups: dict[Any, list[Cell]] = {}
    for cell in cells:
        alike = (cell.spec, cell.resources) if together(cell) else cell.key
        groups.setdefault(alike, []).append(cell)
    return [tuple(cells) for cells in groups.values()]
