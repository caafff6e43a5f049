"""The process from which the workers of a machine are forked: it has imported what they need, and computes nothing.

Importing torch and what stands on it takes seconds, a fork some milliseconds; and a worker that is a process of its own
leaks nothing into the next one, has a peak memory of its own, and takes nobody along when it dies.

It is told by lines of JSON on standard input, ``{"start": 3, "file": ..., "threads": 1, "env": {...}}`` and
``{"signal": 2}``, and tells on standard output ``{"ready": true}``, ``{"ended": 3, "code": 0}`` and, before that,
``{"broken": 3, "reason": ...}`` of a worker that broke, ``{"done": 3}`` of one that needs nothing more. At the end of
its input it stops its workers and ends.

A fork of such a process takes tens of milliseconds, and so does its end. Therefore the next worker is forked ahead, and
waits for its orders; and one that is done says so before it ends, unless it holds a GPU.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from rsbench import datasets
from rsbench.environment import environment
from rsbench.evaluation import EVALUATIONS
from rsbench.plugins import load
from rsbench.sweeps.foresight import machine
from rsbench.sweeps.reasons import reason_of

IMPORTS = (
    "torch",
    "lightning.fabric",
    "timm",
    "pandas",
    "pyarrow.compute",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "PIL.JpegImagePlugin",
    "rasterio",
    "rasterio.features",
    "resource",
    "shapely",
    "torch.utils.serialization.config",
    "rsbench.detection.engines.tv",
    "rsbench.devices",
    "rsbench.evaluation",
    "rsbench.memory",
    "rsbench.opening",
    "rsbench.probing.finetune",
    "rsbench.sweeps.worker",
    *EVALUATIONS.values(),
)
"""What workers import, but for the readers of datasets, of which all are imported."""
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
        self.spare: tuple[int, int] | None = None  # process that waits, and where it is told what to do
        self.rest = b""
        self.alive, self._alive_end = os.pipe()  # workers read the end of it when this process is gone
        self.woken, self.woke = os.pipe()
        os.set_blocking(self.woken, False)
        os.set_blocking(self.woke, False)
        signal.set_wakeup_fd(self.woke, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the business of the process that schedules

    def tell(self, **message: Any) -> None:
        """Writes one message."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.messages, json.dumps(message).encode() + b"\n")

    def run(self) -> None:
        """Follows orders until there are no more, then stops the workers that are left."""
        self.tell(ready=True)
        self.prepare()
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
        """Gives an order to the worker that waits, and forks the next one."""
        for _ in range(3):
            if self.spare is None:
                self.prepare()
            assert self.spare is not None
            process, orders = self.spare
            self.spare = None
            try:
                os.write(orders, json.dumps(order).encode())
                self.workers[process] = order["start"]
                break
            except BrokenPipeError:  # somebody killed it while it waited
                continue
            finally:
                os.close(orders)
        else:
            self.tell(broken=order["start"], reason="Workers die before they begin.")
            self.tell(ended=order["start"], code=1)
        self.prepare()

    def prepare(self) -> None:
        """Forks a worker that waits for its order."""
        sys.stdout.flush()
        sys.stderr.flush()
        own, orders = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(orders)
            self.wait(own)
        os.close(own)
        self.spare = process, orders

    def wait(self, own: int) -> NoReturn:
        """Waits for an order in this process, which was forked, and follows it."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)  # with all that it starts itself
        for descriptor in (self.orders, self.woken, self.woke, self._alive_end):
            os.close(descriptor)
        parts = []
        while part := os.read(own, 1 << 16):
            parts.append(part)
        os.close(own)
        if not parts:
            os._exit(0)
        threading.Thread(target=_end_with, args=(self.alive,), daemon=True).start()
        self.be_worker(json.loads(b"".join(parts)))

    def be_worker(self, order: dict[str, Any]) -> NoReturn:
        """Does the job in this process, and ends it."""
        code, reason = 1, None
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
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
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if reason is not None:
            self.tell(broken=order["start"], reason=reason[:500])
        elif code == 0 and not order["env"]:
            self.tell(done=order["start"])
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

    def reap(self) -> None:
        """Tells of the workers that have ended."""
        while True:
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
        if self.spare is not None:
            os.close(self.spare[1])
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
    readers = [one.name for one in pkgutil.walk_packages(datasets.__path__, f"{datasets.__name__}.")]
    for name in (*IMPORTS, *readers):
        importlib.import_module(name)
    load()
    environment(), machine()  # found out once: workers run what was imported here, whatever is installed meanwhile
    gc.collect()
    gc.freeze()  # the pages of what was imported stay shared with the workers
    Nursery(0, messages).run()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to be tidied


if __name__ == "__main__":
    main()
