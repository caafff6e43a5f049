"""Which process of how many this one is, as torchrun or SLURM says in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from rsbench.errors import UserError

Launcher = Literal["", "torchrun", "SLURM", "Lightning"]

_TORCHRUN = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
_NO_STEP = 0xFFFF_0000
"""SLURM numbers the steps that srun starts from 0; batch scripts and interactive shells have numbers beyond this."""
_REMEDY = "Start several processes with torchrun, which sets RANK, LOCAL_RANK, WORLD_SIZE and LOCAL_WORLD_SIZE."


@dataclass(frozen=True)
class Ranks:
    """The place of this process among those that were started together.

    Attributes:
        rank: of this process, from 0.
        local_rank: likewise, among those of its machine.
        world: how many there are.
        local_world: how many there are on this machine.
        launcher: who started them; empty if nobody did: there is one process.
    """

    rank: int = 0
    local_rank: int = 0
    world: int = 1
    local_world: int = 1
    launcher: Launcher = ""

    def __post_init__(self) -> None:
        if not (0 <= self.rank < self.world and 0 <= self.local_rank < self.local_world <= self.world):
            raise UserError(
                f"Process {self.rank} of {self.world} ({self.local_rank} of {self.local_world} on this machine), as "
                f"{self.launcher} says, cannot be.",
                _REMEDY,
            )

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes and prints."""
        return self.rank == 0


def ranks(variables: Mapping[str, str] | None = None) -> Ranks:
    """Returns the place of this process.

    torchrun's variables count before all others. SLURM's count where srun started several tasks in one step; a batch
    script, and a shell that was asked for with several tasks, is one process. Children of Lightning's own launcher
    (`rsbench pretrain --devices 2`) are told by its variables.

    >>> ranks({"RANK": "3", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}).local_rank
    1
    >>> ranks({"SLURM_NTASKS": "8", "SLURM_PROCID": "0"}).world
    1

    Args:
        variables: of the environment; None is that of this process.

    Raises:
        UserError: some of the variables of a launch are missing or contradict each other: it is not known who writes.
    """
    found = os.environ if variables is None else variables
    if found.get("WORLD_SIZE") == "1" and found.get("RANK", "0") == "0":
        return Ranks()
    if "RANK" in found or ("WORLD_SIZE" in found and "LOCAL_RANK" not in found):
        rank, local, world, local_world = _numbers(found, _TORCHRUN, "torchrun")
        return Ranks(rank, local, world, local_world, "torchrun")
    if "WORLD_SIZE" in found:
        return _of_lightning(found)
    return _of_slurm(found)


def _of_lightning(found: Mapping[str, str]) -> Ranks:
    """Lightning tells how many processes there are in all, and not how many of them are on this machine."""
    names = ("LOCAL_RANK", "WORLD_SIZE")
    local, world = _numbers(found, names, "Lightning")
    node = int(found.get("NODE_RANK") or 0)
    return Ranks(min(local + node, world - 1), local, world, world, "Lightning")


def _of_slurm(found: Mapping[str, str]) -> Ranks:
    step = found.get("SLURM_STEP_ID", "")
    tasks = found.get("SLURM_STEP_NUM_TASKS") or found.get("SLURM_NTASKS") or "1"
    if not step or (step.isdigit() and int(step) >= _NO_STEP) or tasks == "1":
        return Ranks()
    given = {**found, "tasks": tasks}
    rank, local, world = _numbers(given, ("SLURM_PROCID", "SLURM_LOCALID", "tasks"), "SLURM")
    return Ranks(rank, local, world, _tasks_here(given, world), "SLURM")


def _tasks_here(found: Mapping[str, str], world: int) -> int:
    """Tasks of the step on this node: ``SLURM_STEP_TASKS_PER_NODE`` is such as ``2(x3),1``."""
    per_node = found.get("SLURM_STEP_TASKS_PER_NODE") or found.get("SLURM_TASKS_PER_NODE") or str(world)
    counts: list[int] = []
    try:
        for group in per_node.split(","):
            count, _, times = group.rstrip(")").partition("(x")
            counts += [int(count)] * int(times or 1)
        if sum(counts) != world or len(set(counts)) != 1:
            raise ValueError
    except ValueError:
        raise UserError(
            f"SLURM started {per_node} tasks on the nodes of this step, {world} in all: every node must have as many "
            "as the others.",
            "Use srun --ntasks-per-node, or torchrun.",
        ) from None
    return counts[0]


def _numbers(found: Mapping[str, str], names: tuple[str, ...], launcher: str) -> list[int]:
    wrong = [name for name in names if not found.get(name, "").isdigit()]
    if wrong:
        raise UserError(
            f"This process was started as one of several ({launcher}), but {', '.join(wrong)} "
            f"{'is' if len(wrong) == 1 else 'are'} not set to a number: which one it is cannot be told.",
            _REMEDY,
        )
    return [int(found[name]) for name in names]
