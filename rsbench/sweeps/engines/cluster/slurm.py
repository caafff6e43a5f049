"""Jobs on a cluster with SLURM, by submitit; its local executor runs the same path on this machine, for tests."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from typing import Any, Literal

from rsbench.errors import UserError
from rsbench.sweeps.engines import Ended
from rsbench.sweeps.engines.cluster import parameters as told
from rsbench.sweeps.engines.cluster.asking import Sent, Slurm
from rsbench.sweeps.engines.cluster.closings import Closings
from rsbench.sweeps.engines.cluster.endings import ending
from rsbench.sweeps.engines.cluster.refusals import Refusal
from rsbench.sweeps.engines.cluster.starting import as_if_outside, interrupts_later, within
from rsbench.sweeps.engines.cluster.submitted import STOP, Task, Word, exit_code, python_of_tasks, word_of
from rsbench.sweeps.job import Job
from rsbench.sweeps.reasons import reason_of

Cluster = Literal["slurm", "local"]

TIMEOUTS = 20
"""How often a job is queued again after it reached its limit; preemptions do not count."""
ANSWER_SECONDS = 60.0
"""That sbatch has to answer; Ctrl-C waits for it."""
STOP_SECONDS = 90.0
"""That jobs have to stop in good order before they are cancelled."""
_LOOK = 0.2


class SubmititEngine:
    """Runs jobs by submitit: those of equal resources as one array, each in as many tasks as it has processes.

    A job that is preempted, or reaches its time limit, is queued again and goes on: trainings from their checkpoints,
    everything else from what is finished.

    Args:
        folder: of the sweep, which all machines see; submitit's files and logs go to ``submitit`` in it.
        cluster: ``slurm``; or ``local``, processes of this machine that nobody queues.
        slots: processes at the same time, for the scheduler.
        array_parallelism: jobs of an array that run at the same time; None leaves it to SLURM.
        target: ``module:function`` that does a job, given its file.

    Attributes:
        full: why the last ``submit`` left jobs for later, for people; None if it took all.

    Raises:
        UserError: submitit is not installed, or SLURM is not here.
    """

    def __init__(
        self,
        folder: Path,
        cluster: Cluster,
        slots: int,
        array_parallelism: int | None = None,
        target: str = "rsbench.sweeps.worker:work",
    ) -> None:
        try:
            import submitit
        except ImportError:
            raise UserError("Jobs of SLURM need submitit.", "Install it: pip install 'rsbench[slurm]'") from None
        missing = [name for name in ("sbatch", "srun", "scancel") if cluster == "slurm" and shutil.which(name) is None]
        if missing:
            raise UserError(
                f"SLURM is not on this machine: there is no {' and no '.join(missing)}.",
                "Use a login node of the cluster.",
            )
        logging.getLogger("submitit").setLevel(logging.ERROR)  # it warns whenever sacct does not answer
        self.name = "SLURM" if cluster == "slurm" else "submitit on this machine"
        self.slots = slots
        self.patience = STOP_SECONDS if cluster == "slurm" else 30.0
        self.full: str | None = None
        self._submitit = submitit
        self._cluster: Cluster = cluster
        self._folder = (folder / "submitit").absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / STOP).unlink(missing_ok=True)
        self._parallelism = array_parallelism
        self._target = target
        self._job_name = told.job_name(folder.name)
        self._closings = Closings(auto="cuda" if cluster == "slurm" else "cpu")
        self._refused: list[Ended] = []
        self._most = self._widest = told.ARRAY  # jobs of the next array, and of any
        self._sent: dict[int, Sent] = {}
        self._slurm = Slurm()
        self._stopping: float | None = None

    def submit(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Submits jobs, as one array those that want the same of a machine; failures are written down here.

        Returns:
            Those that SLURM cannot take now. Those that it never takes end, and ``wait`` says why.
        """
        later: list[Job] = []
        alike: dict[str, list[Job]] = {}
        for job in jobs:
            if job.closing is not None:
                self._closings.add(job)
                continue
            try:
                alike.setdefault(repr(sorted(self._parameters(job).items())), []).append(job)
            except UserError as error:
                self._refused.append(Ended(job.number, reason_of(error)))
        self.full = None
        silent = False
        for group in alike.values():
            if not silent:
                group, silent = self._submit(group)
            later += group
        return later

    def queued(self, number: int) -> str | None:
        """Returns SLURM's id of a job that was submitted and has not ended; None where there is no SLURM."""
        sent = self._sent.get(number)
        return str(sent.handle.job_id) if sent is not None and self._cluster == "slurm" else None

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the jobs that ended since the last call: as soon as there is one, at the latest after ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            late = self._stopping is not None and time.monotonic() - self._stopping > STOP_SECONDS
            if self._cluster == "slurm" and self._slurm.ask(self._sent.values()) and late:
                self._slurm.cancel(self._sent.values())
            found = [ended for sent in self._sent.values() if (ended := self._ended(sent)) is not None]
            for ended in found:
                del self._sent[ended.number]
            found += [*self._refused, *self._closings.ended()]
            self._refused = []
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(_LOOK, left))

    def interrupt(self) -> None:
        """Asks all jobs to stop in good order; those that wait in a queue are taken out of it."""
        (self._folder / STOP).touch()
        self._stopping = time.monotonic()
        self._closings.drop()
        if self._cluster == "slurm":
            self._slurm.cancel(self._sent.values(), "--state=PENDING")
            self._slurm.cancel(self._sent.values(), "--signal=INT")
        else:
            self._signal(signal.SIGINT)

    def close(self) -> None:
        """Cancels what is left."""
        self._closings.close()
        if not self._sent:
            return
        (self._folder / STOP).touch()  # for tasks that are only beginning
        if self._cluster == "slurm":
            self._slurm.cancel(self._sent.values())
        else:
            self._signal(signal.SIGKILL)
            for sent in self._sent.values():
                if not sent.handle.done():
                    with suppress(ProcessLookupError):  # of submitit, it looks after the tasks
                        os.kill(int(sent.handle.job_id), signal.SIGKILL)
        self._sent.clear()

    def _parameters(self, job: Job) -> dict[str, Any]:
        if self._cluster == "slurm":
            return told.for_slurm(job, self._job_name, self._parallelism)
        return told.for_this_machine(job)

    def _submit(self, jobs: list[Job]) -> tuple[list[Job], bool]:
        """Submits jobs that want the same; returns those that must wait, and whether SLURM takes nothing at all now.

        Where an array is too large for a limit, halves of it are tried: what is left of a limit is used.
        """
        while jobs:
            some = jobs[: self._most]
            refusal = self._send(some)
            if refusal is None:
                jobs = jobs[len(some) :]
                self._most = min(self._widest, 2 * self._most)
            elif refusal.kind in ("full", "wide") and len(some) > 1:
                self._most = (len(some) + 1) // 2
                self._widest = self._most if refusal.kind == "wide" else self._widest
            elif refusal.kind in ("full", "busy"):
                self.full = f"SLURM takes no more jobs now: {refusal.words}"
                return jobs, refusal.kind == "busy"
            else:
                self._refused += [Ended(job.number, refusal.reason(told.gpus_by_auto(job))) for job in jobs]
                return [], False
        return [], False

    def _send(self, jobs: Sequence[Job]) -> Refusal | None:
        """Submits jobs as one array; returns why SLURM does not take them."""
        local = self._cluster == "local"
        tasks = [
            Task(
                number=job.number,
                file=str(job.file.absolute()),
                folder=str(self._folder),
                world=job.resources.world,
                threads=job.resources.cpus,
                port=_free_port() if local else None,
                target=self._target,
            )
            for job in jobs
        ]
        kind: Any = self._submitit.LocalExecutor if local else self._submitit.SlurmExecutor
        python = python_of_tasks() if local else None
        failures = self._submitit.core.utils.FailedJobError, self._submitit.core.utils.FailedSubmissionError
        try:
            for job in jobs:
                for rank in range(job.resources.world):
                    word_of(self._folder, job.number, rank).unlink(missing_ok=True)
            # submitit prints what sbatch says, which is told elsewhere
            with as_if_outside(), interrupts_later(), redirect_stderr(StringIO()), within(ANSWER_SECONDS):
                executor = kind(self._folder, max_num_timeout=TIMEOUTS, python=python)
                executor.update_parameters(**self._parameters(jobs[0]))
                handles = executor.submit_array(tasks)
        except failures as error:
            silent = isinstance(error.__cause__, TimeoutError)
            words = f"sbatch did not answer within {ANSWER_SECONDS:g} s" if silent else str(error)
            return Refusal.of(words)
        except OSError as error:  # a disk that is full, no process more
            return Refusal(reason_of(error), "busy")
        self._sent |= {job.number: Sent(job, handle) for job, handle in zip(jobs, handles, strict=True)}
        return None

    def _ended(self, sent: Sent) -> Ended | None:
        number, world = sent.job.number, sent.job.resources.world
        words = [Word.read(word_of(self._folder, number, rank)) for rank in range(world)]
        local = self._cluster == "local"
        state = self._slurm.state(sent) if not local else sent.handle.state if sent.handle.done() else None
        said = all(word is not None and word.ended for word in words)
        if local and state is None:
            return None  # it may be about to begin again
        if not said and (state is None or not (local or self._slurm.overdue(sent, state))):
            return None
        reasons = [word.reason for word in words if word is not None and word.reason]
        if reasons or said:
            return Ended(number, reasons[0] if reasons else None)
        if self._stopping is not None and all(word is None for word in words):
            return Ended(number)  # it had not begun
        silent = [rank for rank, word in enumerate(words) if word is None or not word.ended]
        code = exit_code(self._folder, str(sent.handle.job_id), silent[0]) if local else None
        return ending(number, state or "", sent.job.resources, sent.handle.paths.stderr, code)

    def _signal(self, number: signal.Signals) -> None:
        """Sends a signal to the tasks on this machine that run."""
        for sent in self._sent.values():
            if sent.handle.done():
                continue
            for rank in range(sent.job.resources.world):
                word = Word.read(word_of(self._folder, sent.job.number, rank))
                if word is not None and not word.ended:
                    with suppress(ProcessLookupError):
                        os.kill(word.pid, number)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
