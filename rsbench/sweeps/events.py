"""What happens in a sweep, in files that every process can read: the parent, `rsbench status`, other machines.

The folder of a sweep, ``<results>/.sweeps/<name>``, holds

- ``sweep.json``: when, where and by which command it was started, and its cells;
- ``events.jsonl``: what the process that schedules says of cells: ``reused``, ``queued``, ``failed``, ``ended`` ...;
- ``jobs/<n>.json``: a job; ``jobs/<n>.jsonl``: what its process says of its cells; ``jobs/<n>.now``: how far it is;
- ``logs/<key>.log``: what was printed while a cell ran.

Lines are appended whole, so that a process that is killed leaves at most one half line, which readers skip. Nothing in
this folder decides whether a number is believed: records do.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rsbench.atomic import write_whole
from rsbench.records import utc_now

SWEEPS = ".sweeps"
"""In the folder of all runs."""

State = Literal["waiting", "running", "elsewhere", "done", "reused", "failed", "interrupted"]
ENDED: tuple[State, ...] = ("done", "reused", "failed")


@dataclass(frozen=True)
class Event:
    """One thing that happened to a cell.

    Attributes:
        cell: its key.
        state: that it is in from now on; ``elsewhere`` is at work in another sweep, ``reused`` has a record already.
        time: ISO 8601 in UTC.
        facts: ``run`` (id of the record), ``reason`` (of a failure, or why an earlier record does not count),
            ``seconds``, ``metric`` and ``value`` (of a cell that is done), ``owner`` (of a cell elsewhere), ``pid``,
            ``host``, ``log``, ``job`` (number of the job to which the scheduler gave a waiting cell: what earlier jobs
            said of it counts no longer, whatever the clocks say); each where it is known.
    """

    cell: str
    state: State
    time: str = field(default_factory=utc_now)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Now:
    """How far a cell is that is running.

    Attributes:
        cell: its key.
        done, total: images or steps.
        note: such as ``epoch 3/50, loss 0.21``.
        started: when this stretch of work began, in seconds of ``time.time``.
        time: of this report, likewise.
    """

    cell: str
    done: int
    total: int
    note: str
    started: float
    time: float


def append(file: Path, event: Event) -> None:
    """Appends an event to a file of events by a single write; half a line that stands there spoils no whole one."""
    line = json.dumps({"cell": event.cell, "state": event.state, "time": event.time, **event.facts}) + "\n"
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        size = os.fstat(descriptor).st_size
        cut = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # by a disk that was full, or an end by force
        os.write(descriptor, (b"\n" if cut else b"") + line.encode())
    finally:
        os.close(descriptor)


class Reader:
    """Reads the events of a file that grows: each call of ``new`` yields those that were added since the last."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.offset = 0

    def new(self) -> Iterator[Event]:
        """Yields new events; lines that are not whole yet are left for later, and lines that are none are skipped."""
        try:
            with self.file.open("rb") as stream:
                stream.seek(self.offset)
                text = stream.read()
        except FileNotFoundError:
            return
        whole = text.rfind(b"\n") + 1
        self.offset += whole
        for line in text[:whole].splitlines():
            try:
                content = json.loads(line)
                known = {name: content.pop(name) for name in ("cell", "state", "time")}
            except (ValueError, KeyError, TypeError, AttributeError):  # the writer was killed in the middle of it
                continue
            yield Event(**known, facts=content)


def write_now(file: Path, now: Now) -> None:
    """Writes how far a cell is."""
    write_whole(file, json.dumps(vars(now)), sync=False)


def read_now(file: Path) -> Now | None:
    """Reads how far a cell is; None where nothing is known."""
    try:
        return Now(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
