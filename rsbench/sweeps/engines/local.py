"""Jobs in processes of this machine: on its cores, or one for each GPU."""

from __future__ import annotations

import os
import queue
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

from rsbench.environment import cores
from rsbench.errors import UserError
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.engines import Ended, machine
from rsbench.sweeps.engines.nursing import Nursing
from rsbench.sweeps.job import Job

LOG = "workers.log"
"""In the folder of the sweep: what is printed outside of cells."""
ANY_GPU = ("auto", "cuda")
"""Devices for which a process is given a GPU; who names one, such as ``cuda:1``, has chosen."""


class LocalEngine:
    """Runs jobs on this machine.

    They are forked from a process that has imported everything (``nursery``); for a job of several processes, that
    one starts torchrun.

    Args:
        slots: processes at the same time; with GPUs no more than there are GPUs.
        threads: of torch in each. None is what a cell says (``cpus``), else OMP_NUM_THREADS, else the cores are
            shared among the slots.
        gpus: as CUDA_VISIBLE_DEVICES names them; each process that computes on one has it for itself. Without any,
            the CPU computes.
        target: what does a job, called with its file; ``module:function``.

    Raises:
        UserError: this system cannot fork.
    """

    def __init__(
        self,
        slots: int,
        threads: int | None = None,
        gpus: Sequence[str] = (),
        target: str = "rsbench.sweeps.worker:work",
    ) -> None:
        if not hasattr(os, "fork"):
            raise UserError("Sweeps need a system that can fork processes.", "On Windows, use WSL.")
        if gpus and slots > len(gpus):
            raise ValueError(f"{slots} processes cannot have a GPU each of {len(gpus)}")
        self.slots = slots
        self.patience = 30.0
        self.full: str | None = None
        self.threads = threads or machine.wished_threads() or max(1, (cores() or 1) // slots)
        self.name = f"{slots} GPU{'s' * (slots > 1)}" if gpus else f"{slots} process{'es' * (slots > 1)}"
        self._given, self._target = threads, target
        self._gpus = tuple(gpus)
        self._free = list(gpus)
        self._used: dict[int, list[str]] = {}  # GPUs by job
        self._ended: queue.Queue[Ended] = queue.Queue()
        self._nursing: Nursing | None = None

    @property
    def nursery_pid(self) -> int | None:
        """Process from which workers are forked; None before the first."""
        return self._nursing.pid if self._nursing else None

    def submit(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Starts jobs; returns those for which no GPU is free. What never fits on this machine ends."""
        later = []
        for job in jobs:
            need = self._need(job)
            if job.resources.nodes > 1:
                reason = f"It wants {job.resources.nodes} nodes, and this machine is one: use --engine slurm."
                self._ended.put(Ended(job.number, reason))
            elif need > len(self._gpus):
                reason = f"It wants {need} GPUs, and this sweep has {len(self._gpus)}."
                self._ended.put(Ended(job.number, reason))
            elif need > len(self._free):
                later.append(job)
            else:
                self._start(job, need)
        return later

    def queued(self, number: int) -> str | None:
        """Returns None: nobody queues jobs here."""
        return None

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the jobs that ended since the last call; RunError if workers cannot be started here."""
        found = []
        with suppress(queue.Empty):
            found.append(self._ended.get(timeout=seconds))
            while True:
                found.append(self._ended.get_nowait())
        if self._nursing is not None and self._nursing.fault is not None:
            raise self._nursing.fault
        for ended in found:
            self._free += self._used.pop(ended.number, [])
        return found

    def interrupt(self) -> None:
        """Asks all jobs to stop in good order."""
        if self._nursing is not None:
            self._nursing.signal(signal.SIGINT)

    def close(self) -> None:
        """Ends what is still running, at once."""
        nursing, self._nursing = self._nursing, None
        if nursing is not None:
            nursing.close()

    def _need(self, job: Job) -> int:
        """How many GPUs a job has for itself; to write down a failure needs none."""
        computes = job.closing is None and job.cells[0].spec.device in ANY_GPU
        return job.resources.world if self._gpus and computes else 0

    def _start(self, job: Job, need: int) -> None:
        environment = {}
        if need:
            self._used[job.number], self._free = self._free[:need], self._free[need:]
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(self._used[job.number])
        elif self._gpus and job.closing is None and job.cells[0].spec.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        if self._nursing is None or not self._nursing.alive:
            self._nursing = Nursing(job.folder / LOG, self._ended.put)
        order = {
            "target": self._target,
            "file": str(job.file),
            "threads": self._given or job.resources.cpus or self.threads,
            "env": environment,
            "early": not need,  # a GPU is free when the process that had it has ended
        }
        if job.resources.world > 1:
            count = f"--nproc_per_node={job.resources.processes}"
            command = [sys.executable, "-m", "torch.distributed.run", "--standalone", count]
            order["command"] = [*command, "-m", "rsbench.sweeps.engines.launched", self._target, str(job.file)]
            order["log"] = str(job.log(job.cells[0]))
        self._nursing.start(job.number, **order)


def gpus_for(cells: Iterable[Cell]) -> list[str]:
    """Returns the GPUs of this machine, if any of the cells may use one."""
    return machine.gpus() if any(cell.spec.device in ANY_GPU for cell in cells) else []


def check_fits(cells: Iterable[Cell], slots: int, gpus: Sequence[str]) -> None:
    """Raises UserError if cells cannot be run on this machine, each process with a GPU for itself.

    Args:
        cells: to be run.
        slots: processes at the same time.
        gpus: that there are; empty where the CPU computes.
    """
    here = len(gpus)
    there = f"this machine has {here} GPU{'s' * (here > 1)}"
    cpu = "--device cpu computes without any."
    if gpus and slots > here:
        raise UserError(f"--jobs {slots} is too many: each process has a GPU for itself, and {there}.", cpu)
    for cell in cells:
        if cell.resources.nodes > 1:
            raise UserError(f"{cell.name} wants several nodes, and this machine is one.", "Use --engine slurm.")
        if gpus and cell.spec.device in ANY_GPU and cell.resources.world > slots:
            wants = f"{cell.name} wants {cell.resources.world} GPUs"
            raise UserError(f"{wants}: this sweep uses {slots}, and {there}.", f"Give it fewer processes; {cpu}")
