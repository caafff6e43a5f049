"""Does the cells of a job in this process."""

from __future__ import annotations

from pathlib import Path


def work(file: Path) -> None:
    """Does the cells of the job in ``file``, and writes what becomes of each to the job's file of events.

    Args:
        file: ``rsbench.sweeps.job.Job.file``.
    """
    raise NotImplementedError  # follows within the hour
