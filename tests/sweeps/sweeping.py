"""Folders of sweeps as a sweep would leave them, for the tests of whoever reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rsbench.spec import RunSpec
from rsbench.sweeps.cell import Cell, Resources
from rsbench.sweeps.events import Event, Now, State, append, write_now
from rsbench.sweeps.folder import SweepFolder

START = 1_750_000_000.0
"""Seconds of ``time.time``: noon of a day in June 2025."""


def cells_of(methods: int = 2, tasks: tuple[str, ...] = ("eurosat", "resisc45"), seeds: int = 2) -> list[Cell]:
    return [
        Cell(spec=RunSpec(method=f"m{method}/nano", task=task, protocol="swept"), seed=seed, resources=Resources())
        for method in range(methods)
        for task in tasks
        for seed in range(seeds)
    ]


def make_sweep(results: Path, cells: list[Cell] | None = None, **about: Any) -> SweepFolder:
    """A sweep in which nothing has happened yet."""
    usual: dict[str, Any] = {
        "title": "demo",
        "argv": ["rsbench", "sweep", "demo", "--results", "runs"],
        "variables": {},
        "engine": "2 processes",
        "slots": 2,
    }
    return SweepFolder.create(results, cells_of() if cells is None else cells, **{**usual, **about})


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def say(folder: SweepFolder, cell: Cell, state: State, at: float, job: int | None = None, **facts: Any) -> None:
    """Appends an event, of a job or of the scheduler."""
    file = folder.events if job is None else folder.path / "jobs" / f"{job}.jsonl"
    append(file, Event(cell.key, state, iso(at), facts))


def report(folder: SweepFolder, cell: Cell, job: int, done: int, total: int, began: float, at: float, note: str = ""):
    write_now(folder.path / "jobs" / f"{job}.now", Now(cell.key, done, total, note, began, at))


def write_log(folder: SweepFolder, cell: Cell, text: str = "what was printed\n") -> Path:
    path = folder.log(cell.key)
    path.write_text(text)
    return path
