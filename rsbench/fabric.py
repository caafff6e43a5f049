"""Launches Fabric: precision, devices, and the ranks of a torchrun or SLURM launch."""

from __future__ import annotations

import os

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies import DDPStrategy

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}


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
        devices: per node; under torchrun its own number counts.
        nodes: likewise.
        find_unused: some parameters get no gradient, such as those of a backbone's final norm in dense tasks.
    """
    if precision == "fp32":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    if "LOCAL_WORLD_SIZE" in os.environ:  # torchrun has made one process per device already
        devices = int(os.environ["LOCAL_WORLD_SIZE"])
        nodes = int(os.environ["WORLD_SIZE"]) // devices
    elif devices == "auto" and not (torch.cuda.is_available() and accelerator != "cpu"):
        devices = 1
    several = nodes > 1 or (isinstance(devices, int) and devices > 1)
    fabric = Fabric(
        accelerator=accelerator,
        devices=devices,
        num_nodes=nodes,
        precision=PRECISIONS[precision],  # type: ignore[arg-type]
        strategy=DDPStrategy(find_unused_parameters=True) if several and find_unused else "auto",
    )
    fabric.launch()
    return fabric


def launch_on(device: str, precision: str, *, find_unused: bool = False) -> Fabric:
    """Returns Fabric on a device of torch, such as ``cpu`` or ``cuda:1``; under torchrun, on one device per process."""
    chosen = torch.device(device)
    devices: int | list[int] = 1 if chosen.index is None else [chosen.index]
    return launch(chosen.type, precision, devices, find_unused=find_unused)
