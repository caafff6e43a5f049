"""Brings all cells of a sweep to their end: hands jobs to an engine, and sees to what becomes of each cell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from rsbench.file_clock import file_clock
from rsbench.leases import holder
from rsbench.records import Store
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.engines import Ended, Engine
from rsbench.sweeps.events import ENDED, Event, Reader, State, append
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.job import Job, Surroundings, group
from rsbench.sweeps.reasons import reason_of
from rsbench.sweeps.standing import Standing, standing_of
from rsbench.sweeps.worker import LEASES

TICK = 0.25
"""Seconds between two looks at what running cells tell."""
_ELSEWHERE = 2.0
"""Seconds between two looks at cells that others are at work on."""
_LONGEST = 60.0
"""Seconds that pass at most before a cell, or a job that an engine could not take, is tried again."""


class Scheduler:
    """One sweep at work.

    Args:
        folder: of the sweep.
        engine: where jobs run.
        surroundings: the same for all cells.
        together: whether one process does all seeds of such a cell.
        seconds: what the cell with a key is expected to take, where that is known; long ones come first.
        look: is called about four times a second, to show how things are.
        say: is told what concerns the sweep as a whole.
    """

    def __init__(
        self,
        folder: SweepFolder,
        engine: Engine,
        surroundings: Surroundings,
        together: Callable[[Cell], bool] = lambda cell: False,
        seconds: Callable[[str], float | None] = lambda key: None,
        look: Callable[[], object] = lambda: None,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        self.folder, self.engine, self.around = folder, engine, surroundings
        self.together, self.seconds, self.look, self.say = together, seconds, look, say
        self.store = Store(surroundings.results)
        self.states: dict[str, State] = {cell.key: "waiting" for cell in folder.cells}
        self.queue: list[Job] = []
        self.running: dict[int, Job] = {}
        self.readers: dict[int, Reader] = {}
        self.elsewhere: dict[str, tuple[Cell, str | None, float]] = {}  # cells at work in other sweeps: run, since
        self.unknown: set[str] = set()  # cells of which it was not known before whether they are there
        self.tried: set[str] = set()  # cells whose process was ended once by no fault of theirs
        self.number = 0
        self._looked = 0.0
        self._pauses: dict[str, float] = {}  # seconds before a cell that was elsewhere is tried again, by key
        self._pause = 0.0  # after the engine could not take a job
        self._again = 0.0  # when it is asked again

    def run(self, standings: Mapping[str, Standing]) -> None:
        """Does what is left to do.

        Args:
            standings: of the cells, by their keys; those that are done are not run again.

        Raises:
            KeyboardInterrupt: after all workers have stopped in good order.
        """
        left = []
        self.unknown = {key for key, standing in standings.items() if standing.state == "unknown"}
        for cell in self.folder.cells:
            standing = standings[cell.key]
            if standing.state == "done":
                self._tell(cell.key, "reused", run=standing.run)
            elif standing.state == "contradicted" or (standing.state == "failed" and not self.around.retry_failed):
                self._tell(cell.key, "failed", run=standing.run, reason=standing.why, earlier=True)
            else:
                left.append(cell)
        self._enqueue(left, {cell.key: standings[cell.key].why for cell in left})
        try:
            while self.queue or self.running or self.elsewhere:
                self._submit()
                for ended in self.engine.wait(TICK):
                    self._ended(ended)
                self._read()
                self._revisit()
                self.look()
        except KeyboardInterrupt:
            self._stop()
            raise

    def _enqueue(self, cells: Sequence[Cell], why: Mapping[str, str]) -> None:
        """Makes jobs of cells, the longest first, those of unknown length before them; ``why`` they are run, by key."""
        for members in group(cells, self.together):
            unknown = any(cell.key in self.unknown for cell in members)
            job = Job(
                number=self.number, folder=self.folder.path, cells=members, surroundings=self.around, explain=unknown
            )
            self.queue.append(job)
            self.number += 1
            for cell in members:
                self._tell(cell.key, "waiting", reason=why.get(cell.key), job=job.number)
        self.queue.sort(key=lambda job: -sum(self._length(cell) for cell in job.cells))

    def _length(self, cell: Cell) -> float:
        known = self.seconds(cell.key)
        return known if known is not None else 1e8 if self.together(cell) else 1e9

    def _submit(self) -> None:
        """Hands over the jobs for which there are slots: first those whose features nobody is computing now."""
        free = self.engine.slots - sum(job.resources.world for job in self.running.values())
        if free <= 0 or time.monotonic() < self._again:
            return
        busy = {_images(job) for job in self.running.values()}
        chosen: list[Job] = []
        for wanted in (False, True):
            rest = []
            for job in self.queue:
                need = job.resources.world
                fits = need <= free or (not self.running and not chosen)  # one that never fits alone must still run
                if fits and (_images(job) in busy) is wanted:
                    chosen.append(job)
                    busy.add(_images(job))
                    free -= need
                else:
                    rest.append(job)
            self.queue = rest
        if chosen:
            self._hand_over(chosen)

    def _hand_over(self, jobs: Sequence[Job]) -> None:
        """Gives jobs to the engine; those that it cannot take now are kept, those that cannot be written fail."""
        written = []
        for job in jobs:
            try:
                job.write()
                written.append(job)
            except OSError as error:
                for cell in job.cells:
                    self._tell(cell.key, "failed", reason=reason_of(error))
        for job in written:
            self.running[job.number] = job
            self.readers[job.number] = Reader(job.file.with_suffix(".jsonl"))
        later = self.engine.submit(written) if written else ()
        for job in later:
            del self.running[job.number], self.readers[job.number]
        self.queue[:0] = later
        if later and not self._pause:
            self.say(f"{self.engine.full or 'No more jobs are taken now.'} It is tried again and again.")
        self._pause = min(_LONGEST, max(1.0, 2 * self._pause)) if later else 0.0
        self._again = time.monotonic() + self._pause
        for job in written:
            queued = self.engine.queued(job.number)
            for cell in job.cells if queued and job.closing is None else ():
                self._tell(cell.key, "waiting", job=job.number, queued=queued)

    def _read(self) -> None:
        for number in list(self.running):
            self._read_job(number)

    def _read_job(self, number: int) -> None:
        cells = {cell.key: cell for cell in self.running[number].cells}
        for event in self.readers[number].new():
            if event.cell not in cells or self.running[number].closing:
                continue
            self.states[event.cell] = event.state
            if event.state == "elsewhere":
                self.elsewhere[event.cell] = cells[event.cell], event.facts.get("run"), time.monotonic()

    def _ended(self, ended: Ended) -> None:
        """Sees to the cells of a job whose process has ended: those without an end failed, or never began."""
        if ended.number not in self.running:
            return
        self._again = 0.0  # there may be room by now
        self._read_job(ended.number)
        job = self.running.pop(ended.number)
        del self.readers[ended.number]
        for cell in job.cells:
            if self.states[cell.key] == "interrupted":  # by somebody else: this sweep goes on
                self._tell(cell.key, "failed", reason="Its process was interrupted, and not by this sweep.")
        left = [cell for cell in job.cells if self.states[cell.key] not in (*ENDED, "elsewhere")]
        if job.closing or not left:
            return
        if ended.blameless and not self.tried.intersection(cell.key for cell in left):
            self.tried.update(cell.key for cell in left)
            self._enqueue(left, dict.fromkeys(self.tried, f"{ended.reason} It is tried once more."))
            return
        begun = [cell for cell in left if self.states[cell.key] == "running"]
        reason = ended.reason or "Its process ended without a word."
        ended_well = ended.reason is None and len(left) < len(job.cells)
        died = begun or ([] if ended_well else left)  # before the first one began: what is wrong is wrong for all
        for cell in died:
            self._tell(cell.key, "failed", reason=reason, log=str(job.log(cell)))
        self._close(died, reason)
        self._enqueue([cell for cell in left if cell not in died], {})

    def _close(self, cells: Sequence[Cell], reason: str) -> None:
        """Lets the failure of cells whose process died be written to the store."""
        for cell in cells:
            job = Job(number=self.number, folder=self.folder.path, cells=(cell,), surroundings=self.around)
            self.queue.insert(0, replace(job, closing=reason))
            self.number += 1

    def _revisit(self) -> None:
        """Looks after cells that others were at work on: they are done by now, or nobody is at work any more."""
        if not self.elsewhere or time.monotonic() - self._looked < _ELSEWHERE:
            return
        self._looked = time.monotonic()
        leases = Path(self.around.results) / LEASES
        ticks = file_clock(leases)
        now = None if ticks is None else ticks / 1e9
        again = []
        for key, (cell, run, since) in list(self.elsewhere.items()):
            standing = standing_of(self.store, run) if run else None
            if standing is not None and standing.state == "done":
                self._tell(key, "reused", run=run)
            elif run is not None and holder(leases / run, now) is not None:
                continue
            elif time.monotonic() - since < self._pauses.get(key, 0.0):
                continue  # it was tried a moment ago, and somebody was at work after all
            else:
                self._pauses[key] = min(_LONGEST, max(_ELSEWHERE, 2 * self._pauses.get(key, 0.0)))
                again.append(cell)
            del self.elsewhere[key]
        self._enqueue(again, {cell.key: "whoever was at work on it has stopped" for cell in again})

    def _stop(self) -> None:
        """Stops all jobs in good order, and hears what became of their cells."""
        self.queue.clear()
        cells = [cell for job in self.running.values() for cell in job.cells]
        self.say(
            f"Stopping in good order; this takes up to {self.engine.patience:.0f} s. Ctrl-C again ends it at once."
        )
        self.engine.interrupt()
        deadline = time.monotonic() + self.engine.patience
        while self.running and time.monotonic() < deadline:
            for ended in self.engine.wait(TICK):
                if ended.number in self.running:
                    self._read_job(ended.number)
                    del self.running[ended.number]
            self.look()
        for cell in cells:
            if self.states[cell.key] == "running":
                self._tell(cell.key, "interrupted")

    def _tell(self, key: str, state: State, **facts: object) -> None:
        self.states[key] = state
        known = {name: value for name, value in facts.items() if value not in (None, "")}
        with suppress(OSError):  # a disk that is full: what happens is shown, if not kept
            append(self.folder.events, Event(key, state, facts=known))


def _images(job: Job) -> tuple[str, str, str]:
    """What jobs share that want the same features: whoever computes them lets the others wait."""
    spec = job.cells[0].spec
    return (spec.method, spec.task, str(spec.data))
