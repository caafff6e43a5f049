"""Engines: where the jobs of a sweep run. The scheduler knows this interface and nothing else of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rsbench.sweeps.job import Job


@dataclass(frozen=True)
class Ended:
    """A job whose process has come to an end.

    Attributes:
        number: of the job.
        reason: None if the process ended in good order, whatever became of its cells; else why it did not, as a
            sentence for people: ``The process was killed by SIGKILL ...``.
        blameless: what ended it was none of its own; it is tried again.
    """

    number: int
    reason: str | None = None
    blameless: bool = False


class Engine(Protocol):
    """Runs jobs: in processes of its own, each executes ``rsbench.sweeps.worker.work(job.file)``.

    What a job prints outside of its cells is none of the engine's business; what becomes of its cells the job writes
    to its file of events.
    """

    name: str
    """For people: ``2 processes``, ``SLURM``."""
    slots: int
    """Processes that run at the same time; a job takes ``job.resources.world`` of them."""
    patience: float
    """Seconds that jobs get to stop in good order after ``interrupt``."""
    full: str | None
    """Why the last ``submit`` left jobs for later, for people; None if it took all."""

    def submit(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Starts jobs whose files are written. A cluster may queue them.

        Returns:
            Those that cannot be taken now, as a queue is full or nobody answers: they are for a later try. What is
            refused for good ends, and ``wait`` says why; the other jobs are left alone.
        """

    def queued(self, number: int) -> str | None:
        """Returns the id under which a cluster knows a job that was submitted and has not ended; None without one."""

    def wait(self, seconds: float) -> list[Ended]:
        """Returns the jobs that ended since the last call: as soon as there is one, at the latest after ``seconds``.

        Raises:
            RunError: no job can be run any more.
        """

    def interrupt(self) -> None:
        """Asks all jobs to stop in good order, as Ctrl-C does; they end soon, and ``wait`` tells."""

    def close(self) -> None:
        """Ends what is still running, at once, and frees what the engine holds. May be called twice."""
