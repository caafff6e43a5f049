"""Jobs in processes of this machine: on its cores, or one for each GPU."""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from rsbench.errors import RunError, UserError
from rsbench.sweeps.engines import Ended
from rsbench.sweeps.job import Job
from rsbench.sweeps.reasons import reason_of_exit

GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd")
"""One of these is there where a system has GPUs that torch can use."""
LOG = "workers.log"
"""In the folder of the sweep: what is printed outside of cells."""
_PATIENCE = 15.0
"""Seconds that what is still running has to stop in good order when the engine is closed."""


class LocalEngine:
    """Runs jobs on this machine.

    Jobs of one process are forked from a process that has imported everything (``nursery``); those of several are
    started by torchrun.

    Args:
        slots: processes at the same time.
        threads: of torch in each; None shares the cores among the slots.
        gpus: as CUDA_VISIBLE_DEVICES names them; each process has one for itself. Without any, the CPU computes.

    Raises:
        UserError: this system cannot fork.
    """

    def __init__(self, slots: int, threads: int | None = None, gpus: Sequence[str] = ()) -> None:
        if not hasattr(os, "fork"):
            raise UserError("Sweeps need a system that can fork processes.", "On Windows, use WSL.")
        self.slots = slots
        self.patience = 30.0
        self.threads = threads or max(1, cores() // slots)
        self.name = f"{slots} GPU{'s' * (slots > 1)}" if gpus else f"{slots} process{'es' * (slots > 1)}"
        self._gpus = list(gpus)
        self._used: dict[int, list[str]] = {}  # GPUs by job
        self._ended: queue.Queue[Ended] = queue.Queue()
        self._nursery: subprocess.Popen[bytes] | None = None
        self._orders = itertools.count()  # jobs of two sweeps of one engine may have the same number
        self._forked: dict[int, int] = {}  # job by order
        self._fault: RunError | None = None
        self._launched: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def nursery_pid(self) -> int | None:
        """Process from which workers are forked; None before the first."""
        return self._nursery.pid if self._nursery else None

    def submit(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Starts jobs; there must be slots for them. All are taken."""
        for job in jobs:
            environment = self._environment(job)
            if job.resources.world > 1:
                self._launch(job, environment)
            else:
                self._fork(job, environment)
        return ()

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
        if self._fault:
            raise self._fault
        for ended in found:
            self._gpus += self._used.pop(ended.number, [])
            self._launched.pop(ended.number, None)
        return found

    def interrupt(self) -> None:
        """Asks all jobs to stop in good order."""
        self._order(signal=int(signal.SIGINT))
        for process in list(self._launched.values()):
            process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Ends what is still running."""
        nursery, self._nursery = self._nursery, None
        if nursery is not None and nursery.stdin is not None:
            nursery.stdin.close()  # it stops its workers, and kills those that do not
        deadline = time.monotonic() + _PATIENCE
        for process in [*self._launched.values(), *([nursery] if nursery else [])]:
            if process is not nursery:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _environment(self, job: Job) -> dict[str, str]:
        own = {}
        if self._gpus:
            count = job.resources.world
            self._used[job.number], self._gpus = self._gpus[:count], self._gpus[count:]
            own["CUDA_VISIBLE_DEVICES"] = ",".join(self._used[job.number])
        return own

    def _fork(self, job: Job, environment: dict[str, str]) -> None:
        if self._nursery is None or self._nursery.poll() is not None:
            self._nursery = self._start_nursery(job.folder / LOG)
        threads = job.resources.cpus or self.threads
        order = next(self._orders)
        self._forked[order] = job.number
        if not self._order(start=order, file=str(job.file), threads=threads, env=environment):
            del self._forked[order]
            self._ended.put(Ended(job.number, "The process that starts workers died.", blameless=True))

    def _order(self, **order: Any) -> bool:
        """Tells the nursery something; False if it is gone."""
        if self._nursery is None or self._nursery.stdin is None:
            return False
        try:
            self._nursery.stdin.write(json.dumps(order).encode() + b"\n")
            self._nursery.stdin.flush()
        except OSError:
            return False
        return True

    def _start_nursery(self, log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "rsbench.sweeps.engines.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **thread_variables(1)},  # a pool of threads does not survive a fork
                start_new_session=True,  # Ctrl-C in the terminal is for the process that schedules
            )
        threading.Thread(target=self._listen, args=(process, log), daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Hears of the ends of workers until their nursery ends; then all of its workers have ended, too."""
        reasons: dict[int, str] = {}
        ready = False
        messages: IO[bytes] | None = process.stdout
        for line in messages or ():
            message = json.loads(line)
            ready = ready or "ready" in message
            if "broken" in message:
                reasons[message["broken"]] = message["reason"]
            elif "done" in message:
                self._ended.put(Ended(self._forked.pop(message["done"])))
            elif "ended" in message and message["ended"] in self._forked:
                order, code = message["ended"], message["code"]
                reason = None if code == 130 else reasons.pop(order, reason_of_exit(code))
                self._ended.put(Ended(self._forked.pop(order), reason))
        why = f"The process that starts workers died. {reason_of_exit(process.wait()) or ''}".strip()
        if not ready and process is self._nursery:
            self._fault = RunError(f"The process that starts workers could not start; {log} says why.", "Mend that.")
        for order in list(self._forked):
            self._ended.put(Ended(self._forked.pop(order), why, blameless=True))

    def _launch(self, job: Job, environment: dict[str, str]) -> None:
        """Starts a job of several processes."""
        count = job.resources.processes
        threads = job.resources.cpus or self.threads
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={count}"]
        with job.log(job.cells[0]).open("ab") as log:
            process = subprocess.Popen(
                [*command, "-m", "rsbench.sweeps.worker", str(job.file)],
                env={**os.environ, **thread_variables(threads), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._launched[job.number] = process
        threading.Thread(target=self._await, args=(job.number, process), daemon=True).start()

    def _await(self, number: int, process: subprocess.Popen[bytes]) -> None:
        self._ended.put(Ended(number, reason_of_exit(process.wait())))


def cores() -> int:
    """Returns the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """Returns the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    if not any(Path(name).exists() for name in GPU_DEVICES):  # torch takes seconds to import
        return []
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",") if named else [str(number) for number in range(torch.cuda.device_count())]


def thread_variables(threads: int) -> dict[str, str]:
    """Returns the variables by which a process computes with so many threads."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
