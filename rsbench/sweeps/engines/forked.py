"""What a process does that the nursery has forked: it waits for its order, follows it, tells how it went, and ends."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

from rsbench.sweeps.engines.launched import LAUNCHER, do
from rsbench.sweeps.engines.machine import thread_variables
from rsbench.sweeps.reasons import reason_of, reason_of_exit


def message(**content: Any) -> bytes:
    """Returns a message as one line that fits into one write, so that those of several processes never mix.

    A reason that is too long is cut. The line begins with a line feed: it is one, whatever somebody else has written.

    >>> message(ended=3, code=0)
    b'\\n{"ended": 3, "code": 0}\\n'
    >>> len(message(broken=3, reason=chr(0) * 10_000)) <= select.PIPE_BUF
    True
    """
    while True:
        line = b"\n" + json.dumps(content).encode() + b"\n"
        reason = content.get("reason", "")
        if len(line) <= select.PIPE_BUF or not reason:
            return line
        content["reason"] = reason[: min(len(reason) - 1, len(reason) * select.PIPE_BUF // len(line))]


class Forked:
    """A forked process and its one job.

    Args:
        own: descriptor from which its order is read.
        messages: to which messages are written.
        alive: at the end of which the process that forked it is gone.
    """

    def __init__(self, own: int, messages: int, alive: int) -> None:
        self.own, self.messages, self.alive = own, messages, alive

    def run(self) -> NoReturn:
        """Waits for the order, follows it, and ends the process."""
        code = 1
        try:
            order = self.wait()
            code = 0 if order is None else self.follow(order)
        except KeyboardInterrupt:
            code = 130
        finally:
            os._exit(code)

    def wait(self) -> dict[str, Any] | None:
        """Makes this process a worker, and returns its order; None if there is none any more."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.set_wakeup_fd(-1)
        os.setpgid(0, 0)  # with all that it starts itself
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)  # in place of the orders of the nursery
        os.close(null)
        os.register_at_fork(after_in_child=self.forget)
        parts = []
        while part := os.read(self.own, 1 << 16):
            parts.append(part)
        os.close(self.own)
        if not parts:
            return None
        threading.Thread(target=_end_with, args=(self.alive,), daemon=True).start()
        return json.loads(b"".join(parts))

    def forget(self) -> None:
        """Closes the pipes in a process that the worker has forked: it may outlive us all, and is none of us."""
        for descriptor in (self.messages, self.alive):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self.messages = -1

    def follow(self, order: dict[str, Any]) -> int:
        """Does the job, and tells how it went; returns the exit code."""
        process = os.getpid()
        reason = None
        try:
            code = _launch(order) if "command" in order else _work(order)
            if code not in (0, 130):
                reason = reason_of_exit(code)
        except KeyboardInterrupt:
            code = 130
        except BaseException as error:
            code = 1
            with contextlib.suppress(Exception):
                traceback.print_exc()
            reason = _reason(error)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        if os.getpid() == process:  # else a plugin has forked, and came back with both
            with contextlib.suppress(OSError):
                if reason is not None:
                    os.write(self.messages, message(broken=order["start"], reason=reason))
                elif code == 0 and order["early"]:
                    os.write(self.messages, message(done=order["start"]))
        return code if 0 <= code < 256 else 1


def _work(order: dict[str, Any]) -> int:
    """Does the job in this process."""
    variables = thread_variables(order["threads"])
    del variables["OPENBLAS_NUM_THREADS"]  # read when it was loaded: it has one
    os.environ.update(variables | order["env"])
    import torch

    torch.set_num_threads(order["threads"])
    do(order["target"], Path(order["file"]))
    return 0


def _launch(order: dict[str, Any]) -> int:
    """Does the job by a command, which gets the signals of this process; returns its exit code."""
    launcher: subprocess.Popen[bytes] | None = None
    interrupted = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        if launcher is not None:
            launcher.send_signal(number)

    signal.signal(signal.SIGINT, interrupt)
    variables = thread_variables(order["threads"]) | order["env"] | {LAUNCHER: str(os.getpid())}
    with Path(order["log"]).open("ab") as log:
        launcher = subprocess.Popen(order["command"], env={**os.environ, **variables}, stdout=log, stderr=log)
    if interrupted:
        launcher.send_signal(signal.SIGINT)
    code = launcher.wait()
    return 130 if interrupted else code


def _reason(error: BaseException) -> str:
    try:
        return reason_of(error)
    except Exception:  # raised by the error itself, as it was asked what it says
        return f"{type(error).__name__}; it cannot be said what it says."


def _end_with(alive: int) -> None:
    """Kills this process and all that it has started when the one that forked it is gone: nobody would hear of it."""
    os.read(alive, 1)  # nothing is ever written
    os.killpg(0, signal.SIGKILL)
