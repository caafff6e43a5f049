"""Leases: files that say who is at work on something, across processes and across machines that share a folder.

A lease is a file with its owner (host, process, user) that the owner touches again and again. Whoever wants the same
thing sees whose it is, and takes it over when the owner is gone: at once if it was a process of this machine that no
longer runs, after ``STALE`` seconds without a sign of life if it is on another machine. All changes are made under a
lock (flock, which NFS has too) that is held for a moment only, so that two never take one lease over.
"""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rsbench.errors import RunError, UserError
from rsbench.locks import exclusive

BEAT = 5.0
"""Seconds between two signs of life."""
STALE = 90.0
"""Seconds without one after which a lease on another machine may be taken over."""


@dataclass(frozen=True)
class Owner:
    """Who holds a lease.

    Attributes:
        host: name of the machine.
        pid: of the process.
        born: when the process was started, as the system counts it; a later process with the same pid differs.
        user: name.
        token: that no other lease has.
        since: seconds of ``time.time`` when it was taken.
    """

    host: str
    pid: int
    born: str
    user: str
    token: str
    since: float

    def __str__(self) -> str:
        return f"process {self.pid} of {self.user} on {self.host}"


class Taken(Exception):
    """Somebody else is at work on it; ``owner`` says who, None if it just changes hands."""

    def __init__(self, owner: Owner | None) -> None:
        super().__init__(str(owner) if owner else "somebody else")
        self.owner = owner


class Lost(RunError):
    """The lease was taken over: somebody else does the same work now."""


class Lease:
    """A lease that is held; it is given back by ``release`` or at the end of a ``with``.

    A thread gives signs of life. One that finds the lease taken over (the process slept, or its machine lost the
    folder, for longer than ``STALE``) notes it in ``lost`` and leaves the file alone.

    Args:
        path: of the file. Its folder is made.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Lease(Path(folder, "cell")) as lease:
    ...     Path(folder, "cell").exists(), lease.lost
    (True, False)

    Raises:
        Taken: somebody else holds it.
        UserError: the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.owner = _this_process()
        self.lost = False
        self._released = threading.Event()
        self._take()
        self._thread = threading.Thread(target=self._live, name=f"lease {path.name}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raises Lost if the lease was taken over: somebody else does the same work now."""
        if self.lost or _read(self.path) != self.owner:
            self.lost = True
            raise Lost(
                f"{self.path.name} was taken over by {_read(self.path) or 'another process'}: this one gave no sign of "
                f"life for {STALE:g} seconds.",
                "Nothing is lost: the other one goes on.",
            )

    def release(self) -> None:
        """Gives the lease back; nothing happens if it was lost. One that cannot be removed ends with this process."""
        self._released.set()
        self._thread.join(BEAT)
        with suppress(OSError, UserError), exclusive(self.path):
            if _read(self.path) == self.owner:
                self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.release()

    def _take(self) -> None:
        with exclusive(self.path):
            candidate = self.path.with_name(f".{self.path.name}.{self.owner.token}")
            try:
                candidate.write_text(json.dumps(asdict(self.owner)), encoding="utf-8")
                now = candidate.stat().st_mtime  # by the clock of the file system, which is that of the other's beats
                beat = _mtime(self.path)
                if beat is not None:
                    holder = _read(self.path)
                    if not _gone(holder, now - beat):
                        raise Taken(holder)
                candidate.replace(self.path)
            finally:
                candidate.unlink(missing_ok=True)

    def _live(self) -> None:
        while not self._released.wait(BEAT):
            with suppress(Exception), exclusive(self.path):  # a folder that is away for a moment: the next beat counts
                if _read(self.path) != self.owner:
                    self.lost = True
                    return
                os.utime(self.path)


def holder(path: Path, now: float | None = None) -> Owner | None:
    """Returns who is at work on it; None if nobody is, or the owner is gone.

    Args:
        path: of the file.
        now: seconds of the clock of the file system (``rsbench.file_clock``); None is that of this machine, which may
            be another one.
    """
    beat = _mtime(path)
    owner = _read(path) if beat is not None else None
    age = (time.time() if now is None else now) - (beat or 0.0)
    return None if beat is None or owner is None or _gone(owner, age) else owner


def _gone(owner: Owner | None, age: float) -> bool:
    """Whether an owner, whose last sign of life is ``age`` seconds old, holds its lease no longer."""
    if owner is None or owner.host != _machine():
        return age > STALE
    return _born(owner.pid) != owner.born


def _this_process() -> Owner:
    pid = os.getpid()
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        user = str(os.getuid()) if hasattr(os, "getuid") else "?"
    return Owner(_machine(), pid, _born(pid), user, secrets.token_hex(8), time.time())


def _machine() -> str:
    """Names this machine since it was started and, in a container, what its process numbers belong to."""
    parts = [socket.gethostname()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8])
        parts.append(Path("/proc/self/ns/pid").readlink().name.strip("pid:[]"))
    return " ".join(parts)


def _born(pid: int) -> str:
    """When a process of this machine was started; empty if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "" if stat[0] in "ZX" else stat[19]  # one that has ended and was not waited for is gone
    except (OSError, IndexError):
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except OSError:
        return ""
    return "runs"


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _read(path: Path) -> Owner | None:
    try:
        return Owner(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
