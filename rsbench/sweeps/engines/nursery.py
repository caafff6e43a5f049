"""The process from which the workers of a machine are forked: it has imported what they need, and computes nothing.

Importing torch and what stands on it takes seconds, a fork some milliseconds; and a worker that is a process of its own
leaks nothing into the next one, has a peak memory of its own, and takes nobody along when it dies.

It is told by lines of JSON on standard input, ``{"start": 3, "file": ..., "threads": 1, "env": {...}, "early": true}``
(with ``command`` and ``log`` where a launcher does the job) and ``{"signal": 2}``, and tells on standard output
``{"ready": true}``, ``{"ended": 3, "code": 0}`` and, before that, ``{"broken": 3, "reason": ...}`` of a worker that
broke, ``{"done": 3}`` of one that needs nothing more; or ``{"fault": ...}`` if no worker can be forked from it. At the
end of its input it stops its workers in order, and ends; on SIGTERM it kills them.

A fork of such a process takes tens of milliseconds, and so does its end. Therefore the next worker is forked ahead, and
waits for its orders; and one that is done says so before it ends, where that is ``early`` enough.
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
import time
from types import FrameType
from typing import Any

from rsbench import datasets
from rsbench.environment import environment
from rsbench.evaluation import EVALUATIONS
from rsbench.plugins import load
from rsbench.sweeps.engines.forked import Forked, message
from rsbench.sweeps.foresight import machine

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
        messages: descriptor to which messages are written.
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
        signal.signal(signal.SIGTERM, self.end)

    def tell(self, **content: Any) -> None:
        """Writes one message."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.messages, message(**content))

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
            try:
                os.close(orders)
                for descriptor in (self.woken, self.woke, self._alive_end):
                    os.close(descriptor)
                Forked(own, self.messages, self.alive).run()
            finally:
                os._exit(1)  # whatever was raised: this process is no nursery
        with contextlib.suppress(OSError):
            os.setpgid(process, process)  # as it does itself: whoever is first
        os.close(own)
        self.spare = process, orders

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
        self.kill()
        while self.workers:
            self.reap()
            time.sleep(0.02)

    def kill(self) -> None:
        """Kills the workers with all that they have started."""
        for process in list(self.workers):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process, signal.SIGKILL)

    def end(self, number: int, frame: FrameType | None) -> None:
        """Kills the workers, and ends by the signal: what became of their jobs was no fault of theirs."""
        signal.signal(number, signal.SIG_IGN)
        self.kill()
        for process in list(self.workers):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def main() -> None:
    """Imports what workers need, and forks them as it is told."""
    messages = os.dup(1)
    os.dup2(2, 1)  # what is printed here is no message
    # found out once: workers run what is imported here, whatever is installed meanwhile. And before torch is there,
    # which it would ask for GPUs: a process that has asked can fork none that use them
    environment(), machine()
    readers = [one.name for one in pkgutil.walk_packages(datasets.__path__, f"{datasets.__name__}.")]
    for name in (*IMPORTS, *readers):
        importlib.import_module(name)
    fault = load_plugins()
    if fault is not None:
        os.write(messages, message(fault=fault, hint="Let it ask for a GPU when it is called, or leave it out."))
        sys.exit(1)
    gc.collect()
    gc.freeze()  # the pages of what was imported stay shared with the workers
    Nursery(0, messages).run()
    sys.stderr.flush()
    os._exit(0)  # nothing is left to be tidied


def load_plugins() -> str | None:
    """Imports the installed plugins; returns what is wrong if one of them began to use a GPU by that."""
    import torch

    if torch.cuda.is_initialized():  # what was imported above does not; a wrapper of the interpreter could
        return "CUDA is in use before any plugin is imported; processes that are forked could not use it."
    before = set(sys.modules)
    registry = load()
    if not torch.cuda.is_initialized():
        return None
    origins = {*registry.methods.origins.values(), *registry.tasks.origins.values()}
    origins |= {broken.origin for broken in registry.broken}
    strangers = sorted(origin for origin in origins if not origin.startswith("rsbench."))
    modules = sorted(name for name in set(sys.modules) - before if not name.startswith("rsbench."))
    named = ", ".join(strangers or modules[:5])
    return f"A plugin uses CUDA while it is imported, so no process that is forked could: one of {named}."


if __name__ == "__main__":
    main()
