"""Jobs on a cluster with SLURM, by submitit; its local executor runs the same path on this machine, for tests."""

from __future__ import annotations

import logging
import math
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rsbench.errors import UserError
from rsbench.sweeps.cell import Resources
from rsbench.sweeps.engines import Ended
from rsbench.sweeps.engines.endings import READABLE, ending
from rsbench.sweeps.engines.submitted import STOP, Task, Word, word_of
from rsbench.sweeps.job import Job

Cluster = Literal["slurm", "local"]

HOURS = 12.0
"""Of a job that does not say how many: submitit names a limit in any case. What reaches it is queued again."""
TIMEOUTS = 20
"""How often a job is queued again after it reached its limit; preemptions do not count."""
ARRAY = 1000
"""Jobs of one array; SLURM takes as many unless it is told otherwise (MaxArraySize)."""
ASK_SECONDS = 20.0
"""Between two questions to SLURM what became of jobs; words of jobs that ended by themselves are seen sooner."""
GONE_SECONDS = 60.0
"""How long a job may be unknown to SLURM, or its last word be on its way, before it counts as gone."""
STOP_SECONDS = 90.0
"""That jobs have to stop in good order before they are cancelled."""
_LOOK = 0.2


@dataclass
class _Sent:
    """A job that was submitted.

    Attributes:
        job: of the sweep.
        handle: submitit's.
        missing: since when SLURM does not know it, or it is done without a last word; None while all is well.
    """

    job: Job
    handle: Any
    missing: float | None = field(default=None)


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
        self._submitit = submitit
        self._cluster: Cluster = cluster
        self._folder = (folder / "submitit").absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / STOP).unlink(missing_ok=True)
        self._parallelism = array_parallelism
        self._target = target
        self._sent: dict[int, _Sent] = {}
        self._asked = -math.inf
        self._stopping: float | None = None

    def submit(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Submits jobs, as one array those that want the same of a machine.

        Raises:
            UserError: an option of sbatch is none, or SLURM refuses the jobs.
        """
        alike: dict[Any, list[Job]] = {}
        for job in jobs:
            wanted = self._parameters(job)
            alike.setdefault(repr(sorted(wanted.items())), []).append(job)
        for group in alike.values():
            for start in range(0, len(group), ARRAY):
                self._submit(group[start : start + ARRAY])
        return ()

    def queued(self, number: int) -> str | None:
        """Returns SLURM's id of a job that was submitted and has not ended; None where there is no SLURM."""
        sent = self._sent.get(number)
        return str(sent.handle.job_id) if sent is not None and self._cluster == "slurm" else None

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the jobs that ended since the last call: as soon as there is one, at the latest after ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            self._ask()
            found = [ended for sent in self._sent.values() if (ended := self._ended(sent)) is not None]
            for ended in found:
                del self._sent[ended.number]
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found
            time.sleep(min(_LOOK, left))

    def interrupt(self) -> None:
        """Asks all jobs to stop in good order; those that wait in a queue are taken out of it."""
        (self._folder / STOP).touch()
        self._stopping = time.monotonic()
        if self._cluster == "slurm":
            self._scancel("--state=PENDING")
            self._scancel("--signal=INT")
        else:
            self._signal(signal.SIGINT)

    def close(self) -> None:
        """Cancels what is left."""
        if not self._sent:
            return
        (self._folder / STOP).touch()  # for tasks that are only beginning
        if self._cluster == "slurm":
            self._scancel()
        else:
            self._signal(signal.SIGKILL)
            for sent in self._sent.values():
                if not sent.handle.done():
                    with suppress(ProcessLookupError):
                        os.kill(
                            int(sent.handle.job_id), signal.SIGKILL
                        )  # submitit's process that looks after the tasks
        self._sent.clear()

    def _submit(self, jobs: Sequence[Job]) -> None:
        kinds = {f"{self._cluster}_max_num_timeout": TIMEOUTS}
        tasks = [
            Task(
                number=job.number,
                file=str(job.file.absolute()),
                folder=str(self._folder),
                world=job.resources.world,
                threads=job.resources.cpus,
                port=_free_port() if self._cluster == "local" else None,
                target=self._target,
            )
            for job in jobs
        ]
        for job in jobs:
            for rank in range(job.resources.world):
                word_of(self._folder, job.number, rank).unlink(missing_ok=True)
        try:
            with _as_if_outside(), _interrupts_later():
                executor = self._submitit.AutoExecutor(self._folder, cluster=self._cluster, **kinds)
                executor.update_parameters(**self._parameters(jobs[0]))
                handles = executor.submit_array(tasks)
        except (self._submitit.core.utils.FailedJobError, self._submitit.core.utils.FailedSubmissionError) as error:
            reason = " ".join(str(error).split()) or "it gives no reason"
            raise UserError(
                f"SLURM refuses the jobs: {reason}", "Check the resources, and the options of slurm."
            ) from None
        self._sent |= {job.number: _Sent(job, handle) for job, handle in zip(jobs, handles, strict=True)}

    def _parameters(self, job: Job) -> dict[str, Any]:
        """What submitit is told of a job."""
        wanted = job.resources
        hours = wanted.hours or (HOURS if self._cluster == "slurm" else 24.0 * 365)
        parameters: dict[str, Any] = {
            "name": "rsbench",
            "nodes": wanted.nodes,
            "tasks_per_node": wanted.processes,
            "timeout_min": max(1, math.ceil(60 * hours)),
            "cpus_per_task": wanted.cpus,
            "mem_gb": wanted.memory,
        }
        device = job.cells[0].spec.device
        options = _options(wanted)
        named = any(name in options for name in ("gres", "gpus", "gpus-per-node", "gpus-per-task"))
        if not named and (device.startswith("cuda") or (device == "auto" and self._cluster == "slurm")):
            parameters["gpus_per_node"] = wanted.processes
        if self._cluster == "slurm":
            arguments = ["--kill-on-bad-exit=1"] if wanted.world > 1 else []
            if wanted.cpus:
                arguments.append(f"--cpus-per-task={wanted.cpus}")  # srun no longer takes it over from sbatch
            parameters["slurm_srun_args"] = arguments or None
            parameters["slurm_array_parallelism"] = self._parallelism or ARRAY
            parameters["slurm_additional_parameters"] = {"requeue": True, **options}
        elif wanted.nodes > 1:
            raise UserError("This machine is one node, and a job wants several.", "Use --engine slurm.")
        return {name: value for name, value in parameters.items() if value is not None}

    def _ended(self, sent: _Sent) -> Ended | None:
        number, world = sent.job.number, sent.job.resources.world
        words = [Word.read(word_of(self._folder, number, rank)) for rank in range(world)]
        state = self._state(sent)
        said = all(word is not None and word.ended for word in words)
        if self._cluster == "local" and state is None:
            return None  # it may be about to begin again
        if not said and (state is None or not self._overdue(sent, state)):
            return None
        reasons = [word.reason for word in words if word is not None and word.reason]
        if reasons or said:
            return Ended(number, reasons[0] if reasons else None)
        if self._stopping is not None and all(word is None for word in words):
            return Ended(number)  # it had not begun
        return ending(number, state or "", sent.job.resources, sent.handle.paths.stderr)

    def _state(self, sent: _Sent) -> str | None:
        """How a job ended, in a word of SLURM's; None while it has not, as far as is known."""
        if self._cluster == "local":
            return sent.handle.state if sent.handle.done() else None
        watcher = sent.handle.watcher
        state = watcher.get_state(sent.handle.job_id, mode="cache").split(" ")[0].upper()
        if watcher.is_done(sent.handle.job_id, mode="cache"):
            return state
        if sent.missing is not None and time.monotonic() - sent.missing > GONE_SECONDS:
            return state if state == "PREEMPTED" else "GONE"
        return None

    def _overdue(self, sent: _Sent, state: str) -> bool:
        """Whether no last word is to be expected; that of a job that ended well may be seen late on a shared folder."""
        if self._cluster == "local" or state in READABLE:
            return True
        if sent.missing is None:
            sent.missing = time.monotonic()
        return time.monotonic() - sent.missing > GONE_SECONDS

    def _ask(self) -> None:
        """Asks SLURM what became of the jobs, not too often."""
        now = time.monotonic()
        if self._cluster == "local" or not self._sent or now - self._asked < ASK_SECONDS:
            return
        self._asked = now
        watcher = next(iter(self._sent.values())).handle.watcher
        watcher.update()
        open_jobs = [sent for sent in self._sent.values() if not watcher.is_done(sent.handle.job_id, mode="cache")]
        queued = _queue() if open_jobs else set()
        for sent in open_jobs:  # of a job that is neither done nor in the queue sacct will say nothing more
            if queued is None or sent.handle.job_id in queued:
                sent.missing = None
            elif sent.missing is None:
                sent.missing = now
        if self._stopping is not None and now - self._stopping > STOP_SECONDS:
            self._scancel()

    def _scancel(self, *options: str) -> None:
        numbers = [sent.handle.job_id for sent in self._sent.values()]
        if numbers:
            with suppress(OSError):
                subprocess.run(["scancel", *options, *numbers], check=False, capture_output=True, timeout=60)

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


def _options(wanted: Resources) -> dict[str, Any]:
    """Further options of sbatch; a value that could become a line of the script is refused."""
    found: dict[str, Any] = {}
    for name, value in wanted.slurm.items():
        text = str(value)
        if not text.isprintable() or not name.replace("-", "").replace("_", "").isalpha():
            raise UserError(f"slurm: {name}={text!r} is no option of sbatch.", "Give one line of text.")
        found[name.replace("_", "-")] = True if text.lower() == "true" else value
    return found


def _queue() -> set[str] | None:
    """Returns the ids of the jobs of this user that SLURM still has; None if it does not answer."""
    command = ["squeue", "--noheader", "--array", "--user", str(os.getuid()), "--format", "%i"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return set(listed.split())


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def _as_if_outside() -> Iterator[None]:
    """Hides the variables of the job in which this process itself may run; where SLURM is configured stays known."""
    from submitit.helpers import clean_env, environment_variables

    kept = {name: value for name, value in os.environ.items() if name == "SLURM_CONF"}
    with ExitStack() as stack:
        if "SLURM_JOB_ID" in os.environ or "WORLD_SIZE" in os.environ:
            stack.enter_context(clean_env())
            stack.enter_context(environment_variables(**kept))
        yield


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Holds Ctrl-C back, also for the processes that are started within: they must not die of that of the terminal."""
    before: Iterable[int] = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
