"""What SLURM tells of jobs that were submitted, by sacct and squeue."""

from __future__ import annotations

import math
import os
import subprocess
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from rsbench.sweeps.engines.cluster.endings import READABLE
from rsbench.sweeps.job import Job

ASK_SECONDS = 20.0
"""Between two questions to SLURM what became of jobs; words of jobs that ended by themselves are seen sooner."""
GONE_SECONDS = 60.0
"""How long a job may be unknown to SLURM, or its last word be on its way, before it counts as gone."""


@dataclass
class Sent:
    """A job that was submitted.

    Attributes:
        job: of the sweep.
        handle: submitit's.
        missing: since when SLURM does not know it, or it is done without a last word; None while all is well.
    """

    job: Job
    handle: Any
    missing: float | None = None


class Slurm:
    """Asks SLURM, not too often."""

    def __init__(self) -> None:
        self._asked = -math.inf

    def ask(self, jobs: Collection[Sent]) -> bool:
        """Asks what became of jobs; returns whether it was time to."""
        now = time.monotonic()
        if not jobs or now - self._asked < ASK_SECONDS:
            return False
        self._asked = now
        watcher = next(iter(jobs)).handle.watcher
        watcher.update()
        left = [sent for sent in jobs if not watcher.is_done(sent.handle.job_id, mode="cache")]
        queued = _queue() if left else set()
        for sent in left:  # of a job that is neither done nor in the queue sacct will say nothing more
            if queued is None or sent.handle.job_id in queued:
                sent.missing = None
            elif sent.missing is None:
                sent.missing = now
        return True

    def state(self, sent: Sent) -> str | None:
        """Returns how a job ended, in a word of SLURM's; None while it has not, as far as is known."""
        watcher = sent.handle.watcher
        state: str = watcher.get_state(sent.handle.job_id, mode="cache").split(" ")[0].upper()
        if watcher.is_done(sent.handle.job_id, mode="cache"):
            return state
        if sent.missing is not None and time.monotonic() - sent.missing > GONE_SECONDS:
            return state if state == "PREEMPTED" else "GONE"
        return None

    def overdue(self, sent: Sent, state: str) -> bool:
        """Whether no last word is to be expected; that of a job that ended well may be seen late on a shared folder."""
        if state in READABLE:
            return True
        if sent.missing is None:
            sent.missing = time.monotonic()
        return time.monotonic() - sent.missing > GONE_SECONDS

    def cancel(self, jobs: Collection[Sent], *options: str) -> None:
        """Calls scancel for jobs, if there are any."""
        if jobs:
            command = ["scancel", *options, *(str(sent.handle.job_id) for sent in jobs)]
            with suppress(OSError, subprocess.SubprocessError):
                subprocess.run(command, check=False, capture_output=True, timeout=60)


def _queue() -> set[str] | None:
    """Returns the ids of the jobs of this user that SLURM still has; None if it does not answer."""
    command = ["squeue", "--noheader", "--array", "--user", str(os.getuid()), "--format", "%i"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return set(listed.split())
