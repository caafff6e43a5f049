"""What the folder of a sweep says now, for whoever shows it: the sweep itself, or a process on another machine."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from rsbench.leases import Owner
from rsbench.spec import RunSpec
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.events import ENDED, Event, Now, Reader, State, append, read_now
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.latest import SCHEDULER, deciding, follow, seconds

STATES: tuple[State, ...] = get_args(State)
SILENT = 600.0
"""Seconds without a report after which a running cell is told of."""

START = 0.5
"""Seconds that a cell takes at least, if only to start."""
_SLOW = 30.0
"""Seconds between two looks at the files of jobs whose cells have all ended."""
_QUICK = 0.005
"""Seconds that listing the jobs may take to be done at every look."""

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
        queued: name that a cluster gave to the job of a waiting cell, which it has taken.
        earlier: it failed in an earlier sweep, or the like, and was not run in this one.
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
    queued: str | None = None
    earlier: bool = False
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
        self._means: dict[RunSpec, float] | None = None
        self._jobs: dict[str, set[int]] = {}  # to which the scheduler gave each cell
        self._open: dict[int, set[str]] = {}  # cells of these jobs that have not ended
        self._listed = self._next = 0.0

    def refresh(self) -> list[CellState]:
        """Reads what was added, and returns the cells whose state has changed, in the order of the sweep."""
        self.scheduler = self.folder.scheduler()  # before the events: what the last one wrote as it ended is read below
        touched: set[str] = set()
        for source, reader in self._grown():
            for event in reader.new():
                if isinstance(event.cell, str) and event.cell in self.cells and event.state in STATES:
                    if source == SCHEDULER and type(job := event.facts.get("job")) is int:
                        self._jobs.setdefault(event.cell, set()).add(job)
                        self._open.setdefault(job, set()).add(event.cell)
                    latest = self._latest.setdefault(event.cell, {})
                    latest[source] = follow(latest.get(source), event)
                    touched.add(event.cell)
        changed = set()
        for key in touched:
            before, after = self.cells[key], self._state(key)
            self.cells[key] = after
            if after.ended:
                for job in self._jobs.get(key, ()):
                    self._open[job].discard(key)
            if (before.state, before.since) != (after.state, after.since):
                changed.add(key)
            if before.state == "done" or after.state == "done":
                self._means = None
        for running in self.running():
            key = running.cell.key
            self.cells[key] = replace(running, progress=self._progress(running), log=self._log(key))
        return [state for key, state in self.cells.items() if key in changed] if changed else []

    def interrupt(self) -> None:
        """Tells of the cells that still run that they were interrupted; it is for whoever has stopped all of them."""
        with suppress(OSError):  # a disk that is full
            for state in self.running():
                append(self.folder.events, Event(state.cell.key, "interrupted"))

    def of(self, *states: State) -> list[CellState]:
        """Returns the cells that are in one of ``states``, in the order of the sweep."""
        return [state for state in self.cells.values() if state.state in states]

    def running(self) -> list[CellState]:
        """Returns the cells that run, those that began first before the others."""
        return sorted(self.of("running"), key=lambda state: state.since or 0.0)

    def queued(self) -> list[CellState]:
        """Returns the cells that wait in the queue of a cluster, in the order of the sweep."""
        return [state for state in self.of("waiting") if state.queued is not None]

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
        """Returns the seconds that ``cell`` should take in all: the mean of those that differ in their seed alone.

        None where none of them is done: another method takes another time.
        """
        if self._means is None:
            found: dict[RunSpec, list[float]] = {}
            for state in self.of("done"):
                if state.seconds is not None:
                    found.setdefault(state.cell.spec, []).append(state.seconds)
            self._means = {spec: max(START, sum(values) / len(values)) for spec, values in found.items()}
        return self._means.get(cell.spec)

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
        """Yields the files to which something was added.

        A sweep of many jobs has many that do not change any more: those whose cells have all ended are looked at now
        and then, and where listing them takes long, new ones are looked for less often.
        """
        yield SCHEDULER, self._readers[SCHEDULER]
        now = time.monotonic()
        every = now - self._listed >= _SLOW
        if every or now >= self._next:
            self._list()
            took = time.monotonic() - now
            self._next = now + (50 * took if took > _QUICK else 0.0)
            self._listed = now if every else self._listed
        for number, reader in list(self._readers.items()):
            if number == SCHEDULER or (not every and self._open.get(number) == set()):
                continue
            with suppress(OSError):  # the folder, or a file of it, was removed meanwhile
                if reader.file.stat().st_size > reader.offset:
                    yield number, reader

    def _list(self) -> None:
        """Looks for new files of jobs."""
        with suppress(FileNotFoundError), os.scandir(self.folder.path / "jobs") as entries:
            for entry in entries:
                stem, _, ending = entry.name.partition(".")
                if ending == "jsonl" and stem.isdecimal() and int(stem) not in self._readers:
                    self._readers[int(stem)] = Reader(Path(entry.path))

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
            queued=_text(facts.get("queued")) if event.state == "waiting" else None,
            earlier=event.state == "failed" and facts.get("earlier") is True,
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


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    """A number of an event; None for what is none: files may come from anywhere."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None


def _is_report(now: Now) -> bool:
    numbers = (now.done, now.total, now.started, now.time)
    return all(_number(number) is not None for number in numbers) and isinstance(now.note, str)
