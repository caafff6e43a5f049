"""Failures of cells whose process died are written down on this machine: no cluster queues what takes seconds."""

from __future__ import annotations

import os
import subprocess
import sys

from rsbench.sweeps.engines import Ended
from rsbench.sweeps.engines.cluster.starting import as_if_outside
from rsbench.sweeps.engines.local import LOG
from rsbench.sweeps.engines.machine import thread_variables
from rsbench.sweeps.job import Job
from rsbench.sweeps.reasons import reason_of, reason_of_exit

AT_ONCE = 2
"""Processes at the same time, each with one thread: this may be the login node of a cluster."""


class Closings:
    """Does closing jobs, each in a process of its own that sees no GPU.

    Args:
        auto: the device on which cells were to be computed whose device is ``auto``: their runs' ids tell it.
    """

    def __init__(self, auto: str) -> None:
        self._auto = auto
        self._waiting: list[Job] = []
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._unbegun: list[Ended] = []

    def add(self, job: Job) -> None:
        """Takes a job, and begins with it if not too many run."""
        self._waiting.append(job)
        self._begin()

    def ended(self) -> list[Ended]:
        """Returns the jobs that ended since the last call, and begins with others."""
        found, self._unbegun = self._unbegun, []
        for number, process in list(self._running.items()):
            code = process.poll()
            if code is not None:
                del self._running[number]
                found.append(Ended(number, reason_of_exit(code)))
        self._begin()
        return found

    def drop(self) -> None:
        """Ends the jobs that have not begun; the others are left to finish."""
        self._unbegun += [Ended(job.number) for job in self._waiting]
        self._waiting.clear()

    def close(self) -> None:
        """Ends all, at once."""
        self._waiting.clear()
        for process in self._running.values():
            process.kill()
            process.wait()
        self._running.clear()

    def _begin(self) -> None:
        while self._waiting and len(self._running) < AT_ONCE:
            job = self._waiting.pop(0)
            try:
                self._running[job.number] = self._start(job)
            except OSError as error:  # no process more, or a disk that is full
                self._unbegun.append(Ended(job.number, reason_of(error)))

    def _start(self, job: Job) -> subprocess.Popen[bytes]:
        wished = job.cells[0].spec.device
        device = self._auto if wished == "auto" else wished
        with as_if_outside(), (job.folder / LOG).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "rsbench.sweeps.worker", str(job.file), device],
                env={**os.environ, **thread_variables(1), "CUDA_VISIBLE_DEVICES": ""},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the process that schedules
            )
