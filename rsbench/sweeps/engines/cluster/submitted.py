"""A job as submitit runs it, in each of its tasks, and the word that every task leaves of how it ended.

Words are small JSON files beside submitit's own, so that the process that schedules need not unpickle what a job
returned.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from rsbench.atomic import write_whole
from rsbench.sweeps.engines.cluster import watched
from rsbench.sweeps.engines.machine import thread_variables
from rsbench.sweeps.reasons import reason_of

STOP = "stop"
"""A file beside the words: tasks that begin after it was written end at once."""


@dataclass(frozen=True)
class Word:
    """What a task says of itself.

    Attributes:
        pid: of its process.
        host: where it runs.
        ended: whether it has come to an end by itself.
        reason: of a failure.
    """

    pid: int
    host: str
    ended: bool = False
    reason: str | None = None

    def write(self, file: Path) -> None:
        """Writes it."""
        write_whole(file, json.dumps(asdict(self)), sync=False)

    @classmethod
    def read(cls, file: Path) -> Word | None:
        """Reads it; None if the task has not said anything."""
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def word_of(folder: Path, number: int, rank: int) -> Path:
    """Returns the file in which a task of the job ``number`` leaves word."""
    return folder / f"{number}-{rank}.word"


def python_of_tasks() -> str:
    """Returns a command in place of ``python``, for tasks on this machine, which leaves their exit codes."""
    return shlex.join([sys.executable, "-S", watched.__file__, sys.executable])


def exit_code(folder: Path, job: str, rank: int) -> int | None:
    """Returns how a task on this machine ended (negative: by that signal); None where that is not known.

    Args:
        folder: for words.
        job: id of submitit's.
        rank: of the task.
    """
    try:
        return int((folder / watched.exit_file(job, rank)).read_text())
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class Task:
    """What submitit pickles, and calls in every task of a job.

    Args:
        number: of the job.
        file: of the job.
        folder: for words, absolute.
        world: tasks of the job; several find each other by the variables that torchrun sets.
        threads: of torch; None leaves it to torch.
        port: at which several tasks on this machine meet; None on a cluster.
        target: ``module:function`` that is called with the file.
    """

    number: int
    file: str
    folder: str
    world: int
    threads: int | None
    port: int | None
    target: str

    def __call__(self) -> None:
        """Does the job.

        Raises:
            Exception: what the target raised, after a word of it was left.
        """
        from submitit import JobEnvironment

        place = JobEnvironment()
        if place.cluster == "local":
            os.setpgid(0, 0)  # Ctrl-C in the terminal is for the process that schedules
        file = word_of(Path(self.folder), self.number, place.global_rank)
        about: dict[str, Any] = {"pid": os.getpid(), "host": place.hostname}
        try:
            Word(**about).write(file)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            if not Path(self.folder, STOP).exists():
                self._prepare()
                _function(self.target)(Path(self.file))
        except KeyboardInterrupt:
            pass  # in good order: what becomes of the cells was written
        except Exception as error:
            Word(**about, ended=True, reason=reason_of(error)).write(file)
            raise
        Word(**about, ended=True).write(file)

    def checkpoint(self, *_: Any) -> Any:
        """Returns what submitit queues again before a time limit or a preemption: the same, which goes on by itself."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _prepare(self) -> None:
        """Sets the variables that torch reads."""
        if self.threads:
            os.environ.update(thread_variables(self.threads))
        if self.world == 1:
            return
        from submitit.helpers import TorchDistributedEnvironment

        if self.port is not None:
            os.environ["MASTER_PORT"] = str(self.port)
        TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        if self.port is not None:
            os.environ["MASTER_ADDR"] = "127.0.0.1"


def _function(target: str) -> Callable[[Path], Any]:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
