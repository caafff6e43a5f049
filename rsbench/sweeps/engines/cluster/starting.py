"""What holds while processes for jobs are started."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def as_if_outside() -> Iterator[None]:
    """Hides the variables of the job in which this process itself may run; where SLURM is configured stays known."""
    from submitit.helpers import clean_env, environment_variables

    kept = {name: value for name, value in os.environ.items() if name == "SLURM_CONF"}
    with ExitStack() as stack:
        if "SLURM_JOB_ID" in os.environ or "WORLD_SIZE" in os.environ:
            stack.enter_context(clean_env())
            stack.enter_context(environment_variables(**kept))
        yield


@contextmanager
def interrupts_later() -> Iterator[None]:
    """Holds Ctrl-C back, also for the processes that are started within: they must not die of that of the terminal."""
    before: Iterable[int] = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes longer; other threads than the main one, which get no signals, may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
