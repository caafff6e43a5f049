"""Launches Fabric: precision, devices, and the ranks of a torchrun or SLURM launch."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments import LightningEnvironment, SLURMEnvironment, TorchElasticEnvironment
from lightning.fabric.strategies import DDPStrategy

from rsbench.errors import UserError
from rsbench.ranks import Ranks, ranks

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
PATIENCE = timedelta(hours=2)
"""How long a process waits for the others: one may score, or fit heads, for longer than the usual ten minutes."""


def launch(
    accelerator: str,
    precision: str,
    devices: int | str | list[int] = 1,
    nodes: int = 1,
    *,
    find_unused: bool = False,
) -> Fabric:
    """Returns Fabric, launched.

    Args:
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        precision: ``fp32``, or mixed ``bf16``; fp32 is not computed in TF32.
        devices: per node; where torchrun or srun made the processes, their own number counts.
        nodes: likewise.
        find_unused: some parameters get no gradient, such as those of a backbone's final norm in dense tasks.

    Raises:
        UserError: it cannot be told which process of a launch this is, or there are fewer GPUs than processes.
    """
    if precision == "fp32":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    place = ranks()
    external = place.launcher in ("torchrun", "SLURM")  # one process per device was made already
    if external:
        devices, nodes = place.local_world, place.world // place.local_world
        _check_devices(accelerator, place)
    elif devices == "auto" and not (torch.cuda.is_available() and accelerator != "cpu"):
        devices = 1
    if place.launcher == "SLURM":
        _tell_as_torchrun(place)
    several = nodes > 1 or (isinstance(devices, int) and devices > 1)
    strategy: Any = DDPStrategy(find_unused_parameters=find_unused, timeout=PATIENCE) if several else "auto"
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        precision=PRECISIONS[precision],  # type: ignore[arg-type]
        strategy=strategy,
        # named, because Lightning would take any shell of a SLURM job for one of several tasks, and wait for the others
        plugins=[TorchElasticEnvironment() if external else LightningEnvironment()],
    )
    fabric.launch()
    return fabric


def launch_on(device: str, precision: str, *, find_unused: bool = False) -> Fabric:
    """Returns Fabric on a device of torch, such as ``cpu`` or ``cuda:1``; of several processes, on one device each."""
    chosen = torch.device(device)
    devices: int | list[int] = 1 if chosen.index is None else [chosen.index]
    return launch(chosen.type, precision, devices, find_unused=find_unused)


def _check_devices(accelerator: str, place: Ranks) -> None:
    if accelerator in ("cuda", "gpu") and torch.cuda.device_count() < place.local_world:
        raise UserError(
            f"{place.local_world} processes on this machine see {torch.cuda.device_count()} GPUs.",
            "Each takes one of its own: ask for as many GPUs as processes, and let all of them see all of these.",
        )


def _tell_as_torchrun(place: Ranks) -> None:
    """Sets the variables by which processes find each other, as torchrun would have."""
    variables = os.environ
    step = int(variables["SLURM_STEP_ID"])
    address = SLURMEnvironment.resolve_root_node_address(
        variables.get("SLURM_STEP_NODELIST") or variables.get("SLURM_NODELIST") or "127.0.0.1"
    )
    port = 15_000 + (int(variables.get("SLURM_JOB_ID", 0)) + 101 * step) % 10_000
    variables.setdefault("MASTER_ADDR", address)
    variables.setdefault("MASTER_PORT", str(port))
    numbers = {
        "RANK": place.rank,
        "LOCAL_RANK": place.local_rank,
        "WORLD_SIZE": place.world,
        "LOCAL_WORLD_SIZE": place.local_world,
        "GROUP_RANK": place.rank // place.local_world,
    }
    variables.update({name: str(number) for name, number in numbers.items()})
