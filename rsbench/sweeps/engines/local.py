"""Jobs in processes of this machine: on its cores, or one for each GPU."""

from __future__ import annotations

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
from typing import IO, Any

from rsbench.errors import UserError
from rsbench.sweeps.engines import Ended
from rsbench.sweeps.job import Job
from rsbench.sweeps.reasons import reason_of_exit

_PATIENCE = 15.0
"""Seconds that what is still running has to stop in good order when the engine is closed."""


class LocalEngine:
    """Runs jobs on this machine.

    Jobs of one process are forked from a process that has imported everything (``nursery``); those of several are
    started by torchrun.

    Args:
        slots: processes at the same time.
        threads: of torch in each; None shares the cores among the slots.
        gpus: numbers of the GPUs, of which each process has one for itself; none computes on the CPU.

    Raises:
        UserError: this system cannot fork.
    """

    def __init__(self, slots: int, threads: int | None = None, gpus: Sequence[int] = ()) -> None:
        if not hasattr(os, "fork"):
            raise UserError("Sweeps need a system that can fork processes.", "On Windows, use WSL.")
        self.slots = slots
        self.threads = threads or max(1, cores() // slots)
        self.name = f"{slots} GPU{'s' * (slots > 1)}" if gpus else f"{slots} process{'es' * (slots > 1)}"
        self._gpus = list(gpus)
        self._used: dict[int, list[int]] = {}  # GPUs by job
        self._ended: queue.Queue[Ended] = queue.Queue()
        self._nursery: subprocess.Popen[bytes] | None = None
        self._forked: set[int] = set()
        self._launched: dict[int, subprocess.Popen[bytes]] = {}

    def submit(self, jobs: Sequence[Job]) -> None:
        """Starts jobs; there must be slots for them."""
        for job in jobs:
            environment = self._environment(job)
            if job.resources.world > 1:
                self._launch(job, environment)
            else:
                self._fork(job, environment)

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the jobs that ended since the last call: as soon as there is one, at the latest after ``seconds``."""
        found = []
        with suppress(queue.Empty):
            found.append(self._ended.get(timeout=seconds))
            while True:
                found.append(self._ended.get_nowait())
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
            own["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, self._used[job.number]))
        return own

    def _fork(self, job: Job, environment: dict[str, str]) -> None:
        if self._nursery is None or self._nursery.poll() is not None:
            self._nursery = self._start_nursery()
        threads = job.resources.cpus or self.threads
        self._forked.add(job.number)
        if not self._order(start=job.number, file=str(job.file), threads=threads, env=environment):
            self._forked.discard(job.number)
            self._ended.put(Ended(job.number, "The process that starts workers died."))

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

    def _start_nursery(self) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "rsbench.sweeps.engines.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **thread_variables(1)},  # a pool of threads does not survive a fork
            start_new_session=True,  # Ctrl-C in the terminal is for the process that schedules
        )
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()
        return process

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hears of the ends of workers until their nursery ends; then all of its workers have ended, too."""
        reasons: dict[int, str] = {}
        messages: IO[bytes] | None = process.stdout
        for line in messages or ():
            message = json.loads(line)
            if "broken" in message:
                reasons[message["broken"]] = message["reason"]
            elif "ended" in message:
                number, code = message["ended"], message["code"]
                self._forked.discard(number)
                interrupted = code == 130
                self._ended.put(Ended(number, None if interrupted else reasons.pop(number, reason_of_exit(code))))
        code = process.wait()
        for number in sorted(self._forked):
            self._forked.discard(number)
            self._ended.put(
                Ended(number, f"The process that starts workers died. {reason_of_exit(code) or ''}".strip())
            )

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


def thread_variables(threads: int) -> dict[str, str]:
    """Returns the variables by which a process computes with so many threads."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
