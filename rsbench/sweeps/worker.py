"""Does the cells of a job in this process: one after another, each with a lease, a log and a record.

The engines call ``work``; torchrun runs ``python -m rsbench.sweeps.worker FILE``.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rsbench.errors import RsbenchError
from rsbench.leases import Lease, Lost, Taken
from rsbench.locks import Busy
from rsbench.plugins import load
from rsbench.ranks import ranks
from rsbench.records import Record, Store, run_id, utc_now
from rsbench.request import WORK, Failure, Request
from rsbench.spec import Chosen, choose
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.commands import command_of, given
from rsbench.sweeps.events import Event, State, append
from rsbench.sweeps.foresight import Foreseen, disown, foresee
from rsbench.sweeps.job import Job
from rsbench.sweeps.reasons import reason_of
from rsbench.sweeps.report import Reporter, output_kept, output_to
from rsbench.sweeps.standing import Standings, standing_of

LEASES = ".leases"
"""In the folder of all runs: who is at work on which run."""


def work(file: Path, device: str | None = None) -> None:
    """Does the cells of the job in ``file``, and writes what becomes of each to the job's file of events.

    Every cell gets an event that ends it unless this process is killed, interrupted, or cannot write events. Under
    torchrun the first process decides which cells are done, and writes; the others take part.

    Args:
        file: ``rsbench.sweeps.job.Job.file``.
        device: that the cells had, where a failure is written down on another machine; None is that of this one.

    Raises:
        KeyboardInterrupt: after the record of the interrupted cell is written.
        OSError: nothing can be written.
    """
    job = Job.read(file)
    with output_kept():
        output_to(job.log(job.cells[0]))
        worker = _Worker(job, device)
        try:
            worker.work()
        except KeyboardInterrupt:
            worker.interrupted()
            raise
        except Exception as error:  # whatever a plugin or a file of data raises is the reason of a failure
            worker.broken(error)
            if worker.several:
                raise  # the others may wait for this one: the launcher ends them


class _Worker:
    def __init__(self, job: Job, device: str | None = None) -> None:
        self.device = device
        self.job = job
        self.around = job.surroundings
        self.several = job.resources.world > 1
        self.first = ranks().first
        self.store = _LeasedStore(self)
        self.events = job.file.with_suffix(".jsonl")
        self.report = Reporter(job.file.with_suffix(".now") if self.first else None)
        self.open = list(job.cells)  # that have no end yet
        self.running: Cell | None = None
        self.foreseen: dict[int, Foreseen] = {}
        self.leases: dict[int, Lease] = {}
        self.unsaid: OSError | None = None  # why an event could not be written

    def work(self) -> None:
        from rsbench.devices import pick_device
        from rsbench.memory import keep_heap
        from rsbench.opening import open_data

        keep_heap()
        if self.job.closing is None:
            self._begin(self.job.cells[0], "preparing")
        spec = self.job.cells[0].spec
        self.chosen: Chosen = choose(spec, load(self.around.plugins))
        opened = open_data(self.chosen.task, spec.data, spec.split, self.around.download)
        self.request: Request = self.chosen.request(
            *opened,
            device=self.device or pick_device(spec.device),
            accept_licence=self.around.accept_licence,
            work=Path(self.around.results) / WORK,
            report=self.report,
        )
        with ExitStack() as stack:
            cells = self._claim(stack)
            if self.job.closing is None:
                self._run(cells)
            else:
                for cell in cells:
                    self._fail(cell, self.job.closing)
        if self.unsaid is not None:
            raise self.unsaid

    def interrupted(self) -> None:
        """Tells it of the cell that was at work; the others of the job have not begun."""
        if self.running is not None:
            self._end(self.running, "interrupted")

    def broken(self, error: Exception) -> None:
        """Tells that all cells that are left have failed."""
        reason = _explain(error)
        for cell in list(self.open):
            self._end(cell, "failed", reason=reason)

    def _claim(self, stack: ExitStack) -> list[Cell]:
        """Returns the cells that are to be done here, each with its lease; the first process decides for all."""
        cells = self._lease(stack) if self.first else []
        if self.several:
            from rsbench.fabric import launch_on

            fabric = launch_on(self.request.device, self.request.precision)
            seeds = fabric.broadcast([cell.seed for cell in cells])
            cells = [cell for cell in self.job.cells if cell.seed in seeds]
        return cells

    def _lease(self, stack: ExitStack) -> list[Cell]:
        cells = []
        for cell in self.job.cells:
            try:
                self.foreseen[cell.seed] = foresee(self.request, cell.seed, cell.resources.world)
            except Exception as error:
                self._end(cell, "failed", reason=_explain(error))
                continue
            run = self._expected(cell)
            if self._superfluous(cell, run):
                continue
            try:
                lease = Lease(Path(self.around.results) / LEASES / run)
            except Taken as taken:
                self._end(cell, "elsewhere", owner=str(taken), run=run)
                continue
            self.leases[cell.seed] = stack.enter_context(lease)
            if not self._superfluous(cell, run):  # somebody may have finished it before the lease was ours
                cells.append(cell)
        if self.job.explain and cells:
            self._say_why(cells)
        return cells

    def _say_why(self, cells: list[Cell]) -> None:
        """Tells why earlier records do not count, which could not be told before these weights were loaded."""
        runs = Standings(Store(self.around.results))
        for cell in cells:
            why = runs.of(self.foreseen[cell.seed].identity(self.request, cell.seed)).why
            if why:
                append(self.events, Event(cell.key, "running", facts={"reason": why, "pid": os.getpid()}))

    def _expected(self, cell: Cell) -> str:
        """The id that the run of a cell will have."""
        return run_id(self.foreseen[cell.seed].identity(self.request, cell.seed))

    def _superfluous(self, cell: Cell, run: str) -> bool:
        """Whether there is a record already that ends the cell; its event is written then."""
        standing = standing_of(self.store, run)
        if standing.state == "done":
            self._end(cell, "reused", run=run)
        elif standing.state == "failed" and not self.around.retry_failed and self.job.closing is None:
            self._end(cell, "failed", run=run, reason=standing.why, earlier=True)
        else:
            return False
        return True

    def _run(self, cells: list[Cell]) -> None:
        from rsbench.evaluation import run

        left = list(cells)
        while left:
            seeds = [cell.seed for cell in left]
            arguments, command = given(self.chosen, seeds), command_of(self.chosen, seeds, self.around)
            runs = run(self.request, seeds, self.store, arguments, command)
            while left:
                cell = left[0]
                self._begin(cell)
                try:
                    record, _ = next(runs)
                except StopIteration:  # this process only takes part: the first one has all the records
                    return
                except Exception as error:
                    if self.several:
                        raise
                    self._break(left.pop(0), error)
                    break  # the evaluation is at its end; the rest get one of their own
                self._record(left.pop(0), record)

    def _break(self, cell: Cell, error: Exception) -> None:
        """Tells what became of a cell that did not come to its end."""
        if isinstance(error, Lost | Busy):
            self._end(cell, "elsewhere", run=self._expected(cell), owner=_explain(error))
        else:
            self._fail(cell, _explain(error))

    def _begin(self, cell: Cell, note: str = "") -> None:
        """Tells that a cell is at work from now on."""
        output_to(self.job.log(cell))
        if self.first and cell is not self.running:
            about = {"pid": os.getpid(), "host": socket.gethostname(), "log": str(self.job.log(cell))}
            print(f"--- {utc_now()} {cell.name}, process {about['pid']} on {about['host']}", flush=True)
            append(self.events, Event(cell.key, "running", facts=about))
            self.report.begin(cell.key, note)
        self.running = cell
        if cell.seed in self.leases:
            self.leases[cell.seed].check()

    def _record(self, cell: Cell, record: Record) -> None:
        """Tells what an evaluation gave, and gives the lease back."""
        expected = self._expected(cell)
        if record.id != expected:
            print(f"The run was expected to be {expected}, and is {record.id}.", file=sys.stderr)
            disown(self.request, cell.seed, cell.resources.world)
        facts: dict[str, Any] = {"run": record.id, "seconds": record.timings.get("total")}
        if record.status == "done":
            rank = self.chosen.task.rank
            key = rank if rank in record.metrics else next(iter(record.metrics))
            self._end(cell, "done", **facts, metric=key, value=record.metrics[key])
        else:
            self._end(cell, "failed", **facts, reason=record.reason)

    def _fail(self, cell: Cell, reason: str) -> None:
        """Writes the record of a cell that broke, where it can be written, and tells."""
        from rsbench.evaluation import make_record, write_record

        found = self.foreseen[cell.seed]
        weights = {"digest": found.digest, "kwargs": dict(found.kwargs)}
        failure = Failure(reason=reason, weights=weights, extra=dict(found.extra))
        arguments = given(self.chosen, [cell.seed])
        command = command_of(self.chosen, [cell.seed], self.around)
        run = None
        try:
            record = make_record(self.request, cell.seed, failure, arguments, command, utc_now())
            write_record(self.store, record, failure)
            run = record.id
        except (OSError, RsbenchError) as error:  # a disk that is full keeps no record either
            print(f"No record of this failure could be written: {reason_of(error)}", file=sys.stderr)
        self._end(cell, "failed", run=run, reason=reason)

    def _end(self, cell: Cell, state: State, **facts: Any) -> None:
        """Tells what became of a cell, once."""
        if cell in self.open:
            self.open.remove(cell)
            if self.first:
                known = {key: value for key, value in facts.items() if value is not None}
                try:
                    append(self.events, Event(cell.key, state, facts=known))
                except OSError as error:  # a full disk: the others go on, and the end of this process tells
                    self.unsaid = error
        lease = self.leases.pop(cell.seed, None)
        if lease is not None:
            lease.release()


class _LeasedStore(Store):
    """The store, in which nothing is written for a run that somebody else has taken over."""

    def __init__(self, worker: _Worker) -> None:
        super().__init__(worker.around.results)
        self.worker = worker

    def write(self, record: Record, *others: Any, **more: Any) -> Path:
        lease = self.worker.leases.get(record.seed)
        if lease is not None:
            lease.check()
        return super().write(record, *others, **more)


def _explain(error: BaseException) -> str:
    """Returns the reason of a failure in one line, after its traceback was written to the log."""
    traceback.print_exception(error)
    sys.stderr.flush()
    return reason_of(error)


if __name__ == "__main__":
    work(Path(sys.argv[1]), *sys.argv[2:])
