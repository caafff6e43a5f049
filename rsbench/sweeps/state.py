"""What the folder of a sweep says now, for whoever shows it: the sweep itself, or a process on another machine."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from rsbench.leases import Owner
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.events import ENDED, Event, Now, Reader, State, read_now
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.latest import SCHEDULER, deciding, follow, seconds

STATES: tuple[State, ...] = get_args(State)
SILENT = 600.0
"""Seconds without a report after which a running cell is told of."""

Phase = Literal["running", "stopped", "ended"]


@dataclass(frozen=True, kw_only=True)
class CellState:
    """What a cell of a sweep is in.

    Attributes:
        cell: the cell.
        state: that it is in; one that nothing is known of yet is waiting.
        since: seconds of ``time.time``, by the clock of whoever said so.
        run: id of the record.
        reason: of a failure, or why an earlier record does not count.
        seconds: that it took.
        metric, value: the main number of a cell that is done.
        log: file of what was printed; None where nothing was.
        owner: who is at work on a cell that is elsewhere.
        job: number of the job that said so; None if the scheduler did.
        progress: how far it is, of a running cell that has reported.
    """

    cell: Cell
    state: State = "waiting"
    since: float | None = None
    run: str | None = None
    reason: str | None = None
    seconds: float | None = None
    metric: str | None = None
    value: float | None = None
    log: Path | None = None
    owner: str | None = None
    job: int | None = None
    progress: Now | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more is to be done for it in this sweep."""
        return self.state in ENDED

    def elapsed(self, now: float) -> float:
        """Seconds that it is in its state at the time ``now``; 0 where the other clock is ahead."""
        return max(0.0, now - self.since) if self.since is not None else 0.0


class SweepState:
    """The state of a sweep; ``refresh`` reads what was added since the last time.

    Args:
        folder: of the sweep; nothing is read from it yet.

    Attributes:
        cells: by key, in the order of the sweep.
        scheduler: who schedules it now; None if nobody does.
    """

    def __init__(self, folder: SweepFolder) -> None:
        self.folder = folder
        self.cells = {cell.key: CellState(cell=cell) for cell in folder.cells}
        self.scheduler: Owner | None = None
        self._latest: dict[str, dict[int, Event]] = {}
        self._readers = {SCHEDULER: Reader(folder.events)}
        self._means: dict[Any, float] | None = None

    def refresh(self) -> list[CellState]:
        """Reads what was added, and returns the cells whose state has changed, in the order of the sweep."""
        self.scheduler = self.folder.scheduler()  # before the events: what the last one wrote as it ended is read below
        touched: set[str] = set()
        for source, reader in self._grown():
            for event in reader.new():
                if isinstance(event.cell, str) and event.cell in self.cells and event.state in STATES:
                    latest = self._latest.setdefault(event.cell, {})
                    latest[source] = follow(latest.get(source), event)
                    touched.add(event.cell)
        changed = set()
        for key in touched:
            before, after = self.cells[key], self._state(key)
            self.cells[key] = after
            if (before.state, before.since) != (after.state, after.since):
                changed.add(key)
            if before.state == "done" or after.state == "done":
                self._means = None
        for running in self.running():
            key = running.cell.key
            self.cells[key] = replace(running, progress=self._progress(running), log=self._log(key))
        return [state for key, state in self.cells.items() if key in changed] if changed else []

    def of(self, *states: State) -> list[CellState]:
        """Returns the cells that are in one of ``states``, in the order of the sweep."""
        return [state for state in self.cells.values() if state.state in states]

    def running(self) -> list[CellState]:
        """Returns the cells that run, those that began first before the others."""
        return sorted(self.of("running"), key=lambda state: state.since or 0.0)

    @property
    def counts(self) -> dict[State, int]:
        """How many cells are in each state."""
        counts = dict.fromkeys(STATES, 0)
        for state in self.cells.values():
            counts[state.state] += 1
        return counts

    @property
    def ended(self) -> int:
        """How many cells have ended."""
        return sum(state.ended for state in self.cells.values())

    @property
    def phase(self) -> Phase:
        """Whether the sweep is being scheduled, has ended, or was stopped before all of its cells had ended."""
        if self.ended == len(self.cells):
            return "ended"
        return "running" if self.scheduler else "stopped"

    def expected(self, cell: Cell) -> float | None:
        """Returns the seconds that ``cell`` should take in all: the mean of those like it that are done.

        Like it are those of the same method, task, protocol and changed settings, else those of the same task; None
        where there is neither.
        """
        if self._means is None:
            found: dict[Any, list[float]] = {}
            for state in self.of("done"):
                if state.seconds is not None:
                    for alike in _alike(state.cell):
                        found.setdefault(alike, []).append(state.seconds)
            self._means = {alike: sum(values) / len(values) for alike, values in found.items()}
        return next((self._means[alike] for alike in _alike(cell) if alike in self._means), None)

    def remaining(self, state: CellState, now: float | None = None) -> float | None:
        """Returns the seconds until a cell ends, or until the stretch that it reports on does; None if not known.

        Args:
            state: of the cell.
            now: seconds of ``time.time``; None is the present.
        """
        now = time.time() if now is None else now
        expected = self.expected(state.cell)
        if state.state != "running":
            return expected
        left = None if expected is None else max(0.0, expected - state.elapsed(now))
        report = state.progress
        if report is None or not 0 < report.done <= report.total or report.time <= report.started:
            return left
        each = (report.time - report.started) / report.done  # both by the clock of the process that works
        stretch = max(0.0, each * (report.total - report.done) - max(0.0, now - report.time))
        return stretch if left is None else max(left, stretch)

    def eta(self, now: float | None = None) -> float | None:
        """Returns the seconds until the sweep ends; None if it is not running, or not known yet."""
        if self.phase != "running":
            return None
        now = time.time() if now is None else now
        work = longest = 0.0
        for state in self.cells.values():
            if state.ended:
                continue
            left = self.remaining(state, now)
            if left is None:
                return None
            longest = max(longest, left)
            if state.state != "elsewhere":  # that one takes none of the places here
                work += left * state.cell.resources.world
        return max(longest, work / max(1, self.folder.slots))

    def warnings(self, now: float | None = None) -> list[str]:
        """Returns what somebody should look at, a sentence each."""
        now = time.time() if now is None else now
        said = []
        if self.phase == "stopped":
            left = len(self.cells) - self.ended
            said.append(f"Nobody schedules this sweep any more; {left} of {len(self.cells)} cells have not ended.")
        for state in self.running():
            told = max(state.since or 0.0, state.progress.time if state.progress else 0.0)
            if told and now - told > SILENT:
                said.append(f"{state.cell.name} has reported nothing for {(now - told) / 60:.0f} minutes.")
        return said

    def _grown(self) -> Iterator[tuple[int, Reader]]:
        """Yields the files to which something was added; a sweep of many jobs has many that do not change any more."""
        yield SCHEDULER, self._readers[SCHEDULER]
        try:
            with os.scandir(self.folder.path / "jobs") as entries:
                for entry in entries:
                    stem, _, ending = entry.name.partition(".")
                    if ending != "jsonl" or not stem.isdecimal():
                        continue
                    reader = self._readers.get(number := int(stem))
                    if reader is None:
                        reader = self._readers[number] = Reader(Path(entry.path))
                    if entry.stat().st_size > reader.offset:
                        yield number, reader
        except FileNotFoundError:  # the folder, or a file of it, was removed meanwhile
            return

    def _state(self, key: str) -> CellState:
        latest = self._latest[key]
        source = deciding(latest)
        event, cell = latest[source], self.cells[key].cell
        facts = event.facts
        return CellState(
            cell=cell,
            state=event.state,
            since=seconds(event.time),
            run=_text(facts.get("run")),
            reason=_text(facts.get("reason")),
            seconds=_number(facts.get("seconds")),
            metric=_text(facts.get("metric")),
            value=_number(facts.get("value")),
            log=self._log(key),
            owner=_text(facts.get("owner")),
            job=None if source == SCHEDULER else source,
        )

    def _log(self, key: str) -> Path | None:
        log = self.folder.log(key)
        return log if log.exists() else None

    def _progress(self, running: CellState) -> Now | None:
        """Returns how far a cell is; what its job told of the cell before, or of an earlier attempt, does not count."""
        if running.job is None:
            return None
        now = read_now(self.folder.path / "jobs" / f"{running.job}.now")
        if now is None or now.cell != running.cell.key or not _is_report(now):
            return None
        return now if now.time >= (running.since or 0.0) else None


def _alike(cell: Cell) -> tuple[Any, Any]:
    spec = cell.spec
    return (spec.method, spec.task, spec.protocol, tuple(sorted(spec.changes.items()))), spec.task


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    """A number of an event; None for what is none: files may come from anywhere."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _is_report(now: Now) -> bool:
    numbers = (now.done, now.total, now.started, now.time)
    return all(_number(number) is not None for number in numbers) and isinstance(now.note, str)
