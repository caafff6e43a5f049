"""What a cell tells while it runs: its log, and how far it is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rsbench.sweeps.events import Now, write_now

_SECONDS = 0.5  # between two reports


@contextmanager
def output_kept() -> Iterator[None]:
    """Brings standard output and error back where they went before, after ``output_to``."""
    kept = [os.dup(1), os.dup(2)]
    try:
        yield
    finally:
        _flush()
        for target, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, target)
            os.close(descriptor)


def output_to(log: Path) -> None:
    """Lets all that this process and what it calls prints go to the end of a file."""
    _flush()
    with log.open("ab") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


class Reporter:
    """Writes how far a cell is to a file, at most twice a second, and its notes to the log.

    Args:
        file: of ``rsbench.sweeps.events.Now``; None tells nothing, for processes that only take part.
    """

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.begin("")

    def begin(self, cell: str, note: str = "") -> None:
        """Says that from now on the cell with this key is at work; the note says at what."""
        self.cell, self.note, self.last = cell, note, 0.0
        self.started, self.done, self.total = time.time(), 0, 0
        if note:
            self(0, 0)

    def __call__(self, done: int, total: int, note: str = "") -> None:
        if self.file is None:
            return
        now = time.time()
        if total != self.total or done < self.done:  # another stretch: training, then predicting
            self.started = now
        self.done, self.total = done, total
        self.note = note or self.note
        if now - self.last >= _SECONDS or note:
            self.last = now
            with suppress(OSError):  # a disk that is full stops no training: what must be written says so itself
                if note:
                    print(note, flush=True)
                write_now(self.file, Now(self.cell, done, total, self.note, self.started, now))
