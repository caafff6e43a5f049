"""The process from which the workers of a machine are forked: it has imported what they need, and computes nothing.

Importing torch and what stands on it takes seconds, a fork some milliseconds; and a worker that is a process of its own
leaks nothing into the next one, has a peak memory of its own, and takes nobody along when it dies.

It is told by lines of JSON on standard input, ``{"start": 3, "file": ..., "threads": 1, "env": {...}}`` and
``{"signal": 2}``, and tells on standard output ``{"ready": true}``, ``{"ended": 3, "code": 0}`` and, of a worker that
broke, ``{"ended": 3, "code": 1, "reason": ...}``. At the end of its input it stops its workers and ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from rsbench.sweeps.reasons import reason_of

IMPORTS = (
    "torch",
    "lightning.fabric",
    "timm",
    "pyarrow.parquet",
    "rsbench.evaluation",
    "rsbench.opening",
    "rsbench.probing.evaluate",
    "rsbench.probing.finetune",
    "rsbench.segmentation.evaluate",
    "rsbench.detection.evaluate",
    "rsbench.detection.engines.tv",
    "rsbench.sweeps.worker",
)
_PATIENCE = 10.0
"""Seconds that workers have to stop in good order when the process that schedules is gone."""


class Nursery:
    """Forks workers and tells of their ends.

    Args:
        orders: descriptor from which orders are read.
        messages: descriptor to which messages are written; each is one write of less than 4 KB, so that those of
            several processes never mix.
    """

    def __init__(self, orders: int, messages: int) -> None:
        self.orders, self.messages = orders, messages
        self.workers: dict[int, int] = {}  # job by process
        self.rest = b""
        self.alive, self._alive_end = os.pipe()  # workers read the end of it when this process is gone
        self.woken, woken = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the process that schedules

    def tell(self, **message: Any) -> None:
        """Writes one message."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.messages, json.dumps(message).encode() + b"\n")

    def run(self) -> None:
        """Follows orders until there are no more, then stops the workers that are left."""
        self.tell(ready=True)
        going = True
        while going:
            ready, _, _ = select.select([self.orders, self.woken], [], [])
            if self.woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(self.woken, 4096)
            self.reap()
            if self.orders in ready:
                going = self.follow()
        self.stop()

    def follow(self) -> bool:
        """Reads and follows orders; False at their end."""
        data = os.read(self.orders, 1 << 16)
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            order = json.loads(line)
            if "signal" in order:
                self.signal(order["signal"])
            else:
                self.start(order)
        return bool(data)

    def start(self, order: dict[str, Any]) -> None:
        """Forks a worker."""
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            self.be_worker(order)
        self.workers[process] = order["start"]

    def be_worker(self, order: dict[str, Any]) -> NoReturn:
        """Does the job in this process, which was forked, and ends it."""
        code, reason = 1, None
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setpgid(0, 0)  # with all that it starts itself
            for descriptor in (self.orders, self.woken, self._alive_end):
                os.close(descriptor)
            threading.Thread(target=_end_with, args=(self.alive,), daemon=True).start()
            os.environ.update(order["env"])
            import torch

            torch.set_num_threads(order["threads"])
            from rsbench.sweeps.worker import work

            work(Path(order["file"]))
            code = 0
        except KeyboardInterrupt:
            code = 130
        except BaseException as error:
            with contextlib.suppress(OSError):
                traceback.print_exc()
            reason = reason_of(error)
        if reason is not None:
            self.tell(broken=order["start"], reason=reason[:500])
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

    def reap(self) -> None:
        """Tells of the workers that have ended."""
        while self.workers:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process == 0:
                return
            if process in self.workers:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(process, signal.SIGKILL)  # what it has left behind
                self.tell(ended=self.workers.pop(process), code=os.waitstatus_to_exitcode(status))

    def signal(self, number: int) -> None:
        """Sends a signal to all workers."""
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def stop(self) -> None:
        """Interrupts the workers that are left, and kills those that do not stop."""
        self.signal(signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE
        while self.workers and time.monotonic() < deadline:
            self.reap()
            time.sleep(0.02)
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process, signal.SIGKILL)
        while self.workers:
            self.reap()
            time.sleep(0.02)


def _end_with(alive: int) -> None:
    """Kills this process when the one that forked it is gone: nobody would hear of what it does."""
    os.read(alive, 1)  # nothing is ever written
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Imports what workers need, and forks them as it is told."""
    messages = os.dup(1)
    os.dup2(2, 1)  # what is printed here is no message
    for name in IMPORTS:
        importlib.import_module(name)
    from rsbench.plugins import load

    load()
    gc.collect()
    gc.freeze()  # the pages of what was imported stay shared with the workers
    Nursery(0, messages).run()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to be tidied


if __name__ == "__main__":
    main()
