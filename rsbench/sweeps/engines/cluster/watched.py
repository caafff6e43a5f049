"""Runs a command and writes down its exit code, of which submitit's local executor tells nobody.

Called as ``python watched.py COMMAND ...`` with submitit's variables of a local task; the last argument of the command
is submitit's folder. It imports next to nothing, as it stands before every task.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path


def exit_file(job: str, rank: int | str) -> str:
    """Returns the name of the file in submitit's folder that tells the exit code of a task."""
    return f"{job}-{rank}.exit"


def main(command: list[str]) -> int:
    """Runs the command, hands signals on to it, and returns its exit code as a shell does."""
    waiting = (signal.SIGUSR2, signal.SIGTERM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, waiting)  # until it is known to whom they go
    child = os.posix_spawn(command[0], command, os.environ, setsigmask=before)
    for number in waiting:
        signal.signal(number, lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    name = exit_file(os.environ["SUBMITIT_LOCAL_JOB_ID"], os.environ["SUBMITIT_LOCAL_GLOBALID"])
    with suppress(OSError):  # a disk that is full: how it ended stays unknown
        Path(command[-1], name).write_text(str(code))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
