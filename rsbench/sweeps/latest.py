"""Which event says what a cell is in, where several processes on machines with different clocks have told of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from rsbench.sweeps.events import ENDED, Event

SCHEDULER = -1
"""Stands for the file of the process that schedules, where jobs stand for theirs by their numbers."""

_WITH_RECORD = ("done", "reused")


def follow(before: Event | None, after: Event) -> Event:
    """Returns which of two events counts that follow each other in one file.

    It is the later one, but a record does not go away, and an end is not undone by ``waiting``, unless that names the
    job to which the cell was given anew.
    """
    if before is None:
        return after
    if before.state == "done" or (before.state == "reused" and after.state != "done"):
        return before
    if before.state == after.state == "waiting" and "job" in before.facts and "job" not in after.facts:
        return replace(after, facts={"job": before.facts["job"], **after.facts})  # a cluster has taken it meanwhile
    if before.state in ENDED and after.state == "waiting" and "job" not in after.facts:
        return before
    return after


def deciding(latest: Mapping[int, Event]) -> int:
    """Returns whose event says what the cell is in now.

    Clocks are asked last. In order:

    1. Whoever says that there is a record, ``done`` before ``reused``.
    2. Of jobs, the one with the highest number: jobs are numbered as they are made.
    3. The scheduler's ``waiting`` that names a job, until that job or a later one says something.
    4. ``failed``, of the scheduler or the job, whatever the other one says.
    5. Else the later one by its time, the job where there is no telling.

    Args:
        latest: what counts of each file, as ``follow`` returns it; not empty.
    """
    for state in _WITH_RECORD:
        for source in sorted(latest, reverse=True):
            if latest[source].state == state:
                return source
    job = max(latest)
    if job == SCHEDULER or SCHEDULER not in latest:
        return job
    scheduler, worker = latest[SCHEDULER], latest[job]
    given = scheduler.facts.get("job")
    if scheduler.state == "waiting" and isinstance(given, int):
        return SCHEDULER if given > job else job
    if (scheduler.state == "failed") != (worker.state == "failed"):
        return SCHEDULER if scheduler.state == "failed" else job
    return SCHEDULER if (seconds(scheduler.time) or 0.0) > (seconds(worker.time) or 0.0) else job


def seconds(time: object) -> float | None:
    """Returns a time of an event in seconds of ``time.time``; None if it is no ISO 8601.

    >>> seconds("1970-01-01T00:01:00.500+00:00")
    60.5
    """
    try:
        moment = datetime.fromisoformat(str(time))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
