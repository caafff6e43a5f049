"""One of the processes that work on a cell together, as torchrun starts it: it ends with the one that launched it.

torchrun gives each process a session of its own and no pipe: if it is killed itself, nobody ends them.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

LAUNCHER = "RSBENCH_LAUNCHER"
"""Variable with the process that started torchrun."""
_TICK = 0.3
"""Seconds between two looks at whether it is still there."""


def _end_with(parent: int, launcher: int) -> None:
    """Kills this process, with all that it has started, when torchrun or who started it is gone."""
    while os.getppid() == parent and _runs(launcher):
        time.sleep(_TICK)
    os.killpg(0, signal.SIGKILL)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> None:
    """Does the job that the second argument names, by the function that the first one names."""
    known = os.getppid(), int(os.environ[LAUNCHER])
    threading.Thread(target=_end_with, args=known, daemon=True).start()
    do(sys.argv[1], Path(sys.argv[2]))  # not before somebody watches: its imports take seconds


def do(target: str, file: Path) -> None:
    """Imports the target of an engine, ``module:function``, and calls it with the file of a job."""
    module, _, name = target.partition(":")
    getattr(importlib.import_module(module), name)(file)


if __name__ == "__main__":
    main()
