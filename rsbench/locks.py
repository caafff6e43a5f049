"""A lock for one file or folder that is being made, so that two processes do not make it at the same time."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rsbench.errors import UserError

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None  # type: ignore[assignment]


class Busy(UserError):
    """Somebody else holds a lock, and nobody was to wait for it."""


@contextmanager
def exclusive(target: Path, waiting: str = "", *, busy: str = "") -> Iterator[None]:
    """Holds the lock of ``target``, the file ``.<name>.lock`` beside it; its folder is made.

    Whoever gets it must look again whether ``target`` is there by now. The system frees it when a process dies, so a
    lock file that was left behind stops nobody. Where there is no flock, nothing is locked.

    Args:
        target: what is to be made.
        waiting: is printed to standard error if another process holds the lock.
        busy: if given, nobody waits: it is the message of an error.

    Raises:
        UserError: the folder cannot be written.
        Busy: another process holds the lock, and ``busy`` is given.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            descriptor = None
        else:
            path = target.with_name(f".{target.name}.lock")
            descriptor = _acquire(path, waiting, busy)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror}.", "Choose another folder.") from None
    try:
        yield
    finally:
        if descriptor is not None:
            path.unlink(missing_ok=True)  # before it is freed: a later one finds no file or makes its own
            os.close(descriptor)


def _acquire(path: Path, waiting: str, busy: str) -> int:
    """Returns the descriptor of the locked file ``path``."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if busy:
                    raise Busy(busy, "Wait until it has ended.") from None
                if waiting:
                    print(waiting, file=sys.stderr)
                    waiting = ""
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # the one who held it may have removed the file: a lock on a file without a name keeps nobody out
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:  # removed, and not made again yet
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
