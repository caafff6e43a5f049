"""A nursery as the process sees it that schedules: the jobs whose workers it forks, and what becomes of them."""

from __future__ import annotations

import itertools
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rsbench.errors import RunError
from rsbench.sweeps.engines import Ended
from rsbench.sweeps.engines.machine import thread_variables
from rsbench.sweeps.reasons import reason_of_exit

_PATIENCE = 15.0
"""Seconds after which a nursery that was told to end is killed."""

_FORKABLE = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}
"""A plugin that only asks whether there is a GPU leaves those that are forked free to use it."""


class Nursing:
    """One nursery and its jobs.

    Its messages are heard until it has ended, whoever else still holds the other end of the pipe.

    Args:
        log: file to which is written what it and its workers print.
        tell: is called, in a thread, with each job that has ended. Of those that are left when the nursery dies, it
            is told that this was no fault of theirs.

    Attributes:
        pid: of the nursery.
        fault: why no nursery can be started here; None if it can, or is not known yet.
    """

    def __init__(self, log: Path, tell: Callable[[Ended], None]) -> None:
        self.log, self.tell = log, tell
        self.fault: RunError | None = None
        self._lock = threading.Lock()
        self._orders = itertools.count()  # jobs of two sweeps of one engine may have the same number
        self._jobs: dict[int, int] = {}  # job by order
        self._reasons: dict[int, str] = {}
        self._ready = self._closed = self._gone = False
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rsbench.sweeps.engines.nursery"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**_FORKABLE, **os.environ, **thread_variables(1)},  # a pool of threads does not survive a fork
                start_new_session=True,  # Ctrl-C in the terminal is for the process that schedules
            )
        self.pid = self._process.pid
        self._dead, died = os.pipe()
        threading.Thread(target=self._await, args=(died,), daemon=True).start()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def alive(self) -> bool:
        """Whether it can take orders, as far as is known."""
        return not self._gone

    def start(self, number: int, **order: Any) -> None:
        """Orders a worker for the job with a number; if the nursery is gone, that is told as the job's end."""
        key = next(self._orders)
        with self._lock:
            gone = self._gone
            if not gone:
                self._jobs[key] = number
        if gone or not self._write(start=key, **order):
            self._end(key, "The process that starts workers died.", blameless=True, number=number if gone else None)

    def signal(self, number: int) -> None:
        """Sends a signal to all workers."""
        self._write(signal=number)

    def close(self) -> None:
        """Ends it with all of its workers, at once."""
        self._closed = True
        self._process.terminate()  # it kills its workers
        self._listener.join(_PATIENCE)
        if self._listener.is_alive():
            self._process.kill()
            self._listener.join()

    def _write(self, **order: Any) -> bool:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # nobody reads any more
            return False
        return True

    def _await(self, died: int) -> None:
        self._process.wait()
        os.close(died)

    def _listen(self) -> None:
        """Hears messages until the nursery has ended, and then what it had said before."""
        assert self._process.stdout is not None
        messages = self._process.stdout.fileno()
        os.set_blocking(messages, False)
        rest = b""
        open_, dead = True, False
        while not dead:
            ready, _, _ = select.select([self._dead, *([messages] if open_ else [])], [], [])
            dead = self._dead in ready
            with suppress(BlockingIOError):  # all that was said was heard; the pipe is open, as somebody else has it
                while open_:
                    part = os.read(messages, 1 << 16)
                    open_ = bool(part)
                    *lines, rest = (rest + part).split(b"\n")
                    for line in lines:
                        self._hear(line)
        os.close(self._dead)
        self._process.stdout.close()
        self._bury()

    def _hear(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        self._ready = self._ready or "ready" in message
        if "fault" in message:
            self.fault = RunError(str(message["fault"]), str(message.get("hint", "")))
        elif "broken" in message:
            self._reasons[message["broken"]] = str(message.get("reason", ""))
        elif "done" in message:
            self._end(message["done"], None)
        elif "ended" in message:
            code = message.get("code", 0)
            known = self._reasons.pop(message["ended"], None)
            self._end(message["ended"], None if code == 130 else known or reason_of_exit(code))

    def _bury(self) -> None:
        """Tells of the jobs that are left when the nursery has ended: all of their workers have ended, too."""
        code = self._process.returncode
        with self._lock:
            self._gone = True
            left = list(self._jobs)
        if not self._ready and not self._closed and self.fault is None:
            self.fault = RunError(
                f"The process that starts workers could not start; {self.log} says why.", "Mend that."
            )
        why = f"The process that starts workers died. {reason_of_exit(code) or ''}".strip()
        for key in left:
            self._end(key, why, blameless=True)
        with suppress(OSError):  # what was not written yet nobody reads
            assert self._process.stdin is not None
            self._process.stdin.close()

    def _end(self, key: object, reason: str | None, blameless: bool = False, number: int | None = None) -> None:
        """Tells of an end, once; what is none of an order of this nursery is no message for us."""
        with self._lock:
            job = self._jobs.pop(key, None) if isinstance(key, int) else None
        job = number if job is None else job
        if job is not None:
            self.tell(Ended(job, reason, blameless))
