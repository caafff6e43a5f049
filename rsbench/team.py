"""The processes that evaluate together: what one of them does for all, what all do, and failures that all share.

A process that raised while the others wait for it would leave them waiting. So every step that may fail is done through
a ``Team``, and fails in all of them or in none: the first failure, in order of ranks, is raised everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from rsbench.errors import RsbenchError, RunError, UserError

if TYPE_CHECKING:
    from lightning.fabric import Fabric

T = TypeVar("T")

_SEE = "See what it said itself, and what started it."


class OthersFailed(RsbenchError):
    """Another process died, or met an error that is none of rsbench's own; it is raised there as it was."""


@dataclass(frozen=True)
class Team:
    """Processes that evaluate together, or this one alone.

    Args:
        fabric: launched, of several processes; None is one process.
    """

    fabric: Fabric | None = None

    @property
    def rank(self) -> int:
        """Of this process."""
        return self.fabric.global_rank if self.fabric else 0

    @property
    def world(self) -> int:
        """How many there are."""
        return self.fabric.world_size if self.fabric else 1

    def device(self, asked: str) -> str:
        """The device of this process: of several processes each has its own."""
        return str(self.fabric.device) if self.fabric else asked

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is done within fails in all processes if it fails in one. It must not wait for others itself.

        Raises:
            Exception: what was raised within, or the like of it if another process raised.
        """
        failure: BaseException | None = None
        try:
            yield
        except (Exception, KeyboardInterrupt) as error:
            failure = error
        if self.world > 1:
            every: list[tuple[str, str, str] | None] = [None] * self.world
            with _connected(failure):
                torch.distributed.all_gather_object(every, None if failure is None else _told(failure))
            rank = next((rank for rank, one in enumerate(every) if one is not None), None)
            if rank is not None and (rank != self.rank or failure is None):
                told = every[rank]
                assert told is not None
                raise _of(rank, *told) from failure
        if failure is not None:
            raise failure

    def first(self, work: Callable[[], T]) -> T:
        """Lets the first process do something, and returns in all what came out of it; it goes through pickle."""
        done: list[T | None] = [None]
        with self.together():
            if self.rank == 0:
                done[0] = work()
        if self.world > 1:
            with _connected():
                torch.distributed.broadcast_object_list(done, src=0)
        return done[0]  # type: ignore[return-value]

    def join(self, count: int, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Joins the shares of all processes.

        Args:
            count: rows in all, N.
            rows: which of them this process has.
            values: of them, one row each; of the same type and width in all processes.

        Returns:
            Array (N, ...), in every process.

        Raises:
            RunError: a row was made by nobody, or by two.
        """
        joined = np.empty((count, *values.shape[1:]), values.dtype)
        times = np.zeros(count, np.int64)
        with _connected():
            for indices, share in self._every(rows, values):
                kept = indices >= 0
                joined[indices[kept]] = share[kept]
                np.add.at(times, indices[kept], 1)
        if not (times == 1).all():
            wrong = np.flatnonzero(times != 1)
            raise RunError(f"{len(wrong)} of {count} rows were not made exactly once, the first is {wrong[0]}.")
        return joined

    def _every(self, rows: np.ndarray, values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the rows and values of every process; shares are padded to one length, with rows that are -1."""
        if self.fabric is None or self.world == 1:
            yield rows, values
            return
        device = self.fabric.device
        longest = torch.tensor(len(rows), device=device)
        torch.distributed.all_reduce(longest, torch.distributed.ReduceOp.MAX)
        for owner in range(self.world):  # one after another: all at once would be in memory once more
            index = torch.full((int(longest),), -1, device=device)
            share = torch.zeros((int(longest), *values.shape[1:]), dtype=torch.from_numpy(values[:0]).dtype).to(device)
            if owner == self.rank:
                index[: len(rows)] = torch.from_numpy(rows)
                share[: len(values)] = torch.from_numpy(values)
            torch.distributed.broadcast(index, owner)
            torch.distributed.broadcast(share, owner)
            yield index.cpu().numpy(), share.cpu().numpy()


def shares(count: int, size: int, rank: int, world: int) -> np.ndarray:
    """Returns the rows of a process: those of every ``world``-th batch of those that one process would make.

    >>> shares(7, 2, 0, 2), shares(7, 2, 1, 2)
    (array([0, 1, 4, 5]), array([2, 3, 6]))

    Args:
        count: rows in all.
        size: rows of a batch; the last one may be smaller.
        rank, world: of the process.
    """
    rows = np.arange(count)
    return rows[rows // size % world == rank]


@contextmanager
def _connected(failure: BaseException | None = None) -> Iterator[None]:
    """Says in one line that a connection broke, unless this process has something to say itself."""
    try:
        yield
    except RuntimeError as error:  # torch's word for it
        if failure is not None:
            raise failure from error
        raise OthersFailed("Another process of this run has ended before its time.", _SEE) from error


def _told(failure: BaseException) -> tuple[str, str, str]:
    if isinstance(failure, RsbenchError):
        return type(failure).__name__, failure.message, failure.hint
    return type(failure).__name__, f"{type(failure).__name__}: {failure}", ""


def _of(rank: int, kind: str, message: str, hint: str) -> BaseException:
    if kind == "KeyboardInterrupt":
        return KeyboardInterrupt()
    known = {"UserError": UserError, "RunError": RunError}
    return known[kind](message, hint) if kind in known else OthersFailed(f"Process {rank} failed: {message}", _SEE)
