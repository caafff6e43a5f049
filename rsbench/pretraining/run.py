"""A pretraining run from a folder of images to an encoder file with its provenance."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn

from rsbench import __version__
from rsbench.checkpoints.load import load_encoder
from rsbench.checkpoints.read import sha256_file
from rsbench.environment import environment
from rsbench.errors import RunError, UserError, near_miss
from rsbench.fabric import PRECISIONS, launch
from rsbench.pretraining.images import ImageFolder, Order, Views, loader
from rsbench.pretraining.model import MaskedImageModel, parameter_groups
from rsbench.pretraining.options import FIXED, Options
from rsbench.training import Plan, Report, train

ENCODER = "encoder.safetensors"
PROVENANCE = "provenance.json"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a run is computed on; nothing here may change the result but for rounding.

    Args:
        precision: ``fp32``, or mixed ``bf16``.
        accelerator: ``auto``, ``cpu`` or ``cuda``.
        devices: per node: a number, or ``auto``.
        nodes: number of nodes.
        workers: processes that read images.
    """

    precision: str = "bf16"
    accelerator: str = "auto"
    devices: str = "auto"
    nodes: int = 1
    workers: int = 0

    def __post_init__(self) -> None:
        for what, name, known in (
            ("precision", self.precision, PRECISIONS),
            ("accelerator", self.accelerator, ("auto", "cpu", "cuda", "gpu")),
        ):
            if name not in known:
                raise UserError(f"There is no {what} {name!r}.", near_miss(name, known))
        if self.devices != "auto" and not (self.devices.isdigit() and int(self.devices) > 0):
            raise UserError(f"--devices {self.devices} is no number of devices.", "Give a number, or auto.")
        if self.nodes < 1 or self.workers < 0:
            raise UserError(f"{self.nodes} nodes and {self.workers} workers are no machine.", "Give 1 and 0 or more.")
        if self.accelerator in ("cuda", "gpu") and not torch.cuda.is_available():
            raise UserError("There is no GPU that torch can use.", "Use --accelerator cpu or auto.")

    def fabric(self) -> Fabric:
        """Launches Fabric; ranks come from ``torchrun`` or SLURM where one of them started this process."""
        devices: int | str = int(self.devices) if self.devices.isdigit() else self.devices
        return launch(self.accelerator, self.precision, devices, self.nodes)


def note_corrupt(batches: Any, images: ImageFolder, notes: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Passes batches on, and notes which images could not be read, and why."""
    for batch in batches:
        notes.update({images.names[index]: why for index, why in batch["corrupt"].items()})
        if "images" not in batch:
            raise RunError("No image of a whole batch could be read.", f"The first is {next(iter(notes))}.")
        yield batch


def over_all_ranks(fabric: Fabric, notes: dict[str, str]) -> dict[str, str]:
    """Joins the notes of all ranks."""
    if fabric.world_size == 1:
        return notes
    every: list[Any] = [None] * fabric.world_size
    torch.distributed.all_gather_object(every, notes)
    return {name: why for one in every for name, why in one.items()}


def pretrain(
    images: ImageFolder,
    options: Options,
    folder: Path,
    machine: Machine,
    *,
    resume: bool = False,
    skip_corrupt: bool = False,
    checkpoint_every: int = 0,
    data_note: str = "",
    report: Report = lambda position, values: None,
) -> dict[str, Any]:
    """Pretrains and writes ``encoder.safetensors``, ``checkpoint.pt``, ``log.jsonl`` and ``provenance.json``.

    Args:
        images: what to train on; labels are not used.
        options: every decision.
        folder: of the run.
        machine: precision, devices, workers.
        resume: continue the run in ``folder``; on one CPU its losses are bit-equal to an uninterrupted run's.
        skip_corrupt: leave out images that cannot be read, and name them in the provenance.
        checkpoint_every: steps between checkpoints; 0 is once an epoch.
        data_note: what the images are, for the provenance.
        report: called after each optimiser step.

    Returns:
        The provenance.
    """
    fabric = machine.fabric()
    order = Order(len(images), options, fabric.global_rank, fabric.world_size)
    model = MaskedImageModel(options)
    if options.init_from and not resume:
        load_encoder(model.encoder, Path(options.init_from))
    optimizer = torch.optim.AdamW(
        parameter_groups(model, options), lr=options.peak_lr, betas=options.betas, eps=options.eps
    )
    if resume and (folder / PROVENANCE).exists():
        raise UserError(f"The run in {folder} is finished.", "Start another one in another folder.")
    module, optimizer = fabric.setup(model, optimizer)
    views = Views(images, options, skip_corrupt)
    notes: dict[str, str] = {}  # skipped images: kept in checkpoints, so that a resumed run names them all
    data = {"images": len(images), "sha256": images.fingerprint(), "note": data_note}
    identity: dict[str, Any] = {"options": options.model_dump(mode="json"), "data": data["sha256"]}
    if options.init_from:
        identity["init_from_sha256"] = sha256_file(Path(options.init_from))

    def batches(epoch: int, first_step: int) -> Iterator[dict[str, Any]]:
        return note_corrupt(loader(views, order, epoch, first_step, machine.workers), images, notes)

    def losses(module: nn.Module, batch: dict[str, Any]) -> Mapping[str, Tensor]:
        keys = ("images", "masks", "context_masks")
        return module(**{key: batch[key].to(fabric.device, non_blocking=True) for key in keys if key in batch})

    start, surroundings = time.time(), environment()  # before: the checkout may move on while it trains
    epochs = train(
        fabric,
        module,
        optimizer,
        Plan(
            epochs=options.epochs,
            steps_per_epoch=order.steps_per_epoch,
            lr=lambda step: options.lr(step, order.steps_per_epoch),
            batches=batches,
            losses=losses,
            describe=lambda batch: ", ".join(images.names[index] for index in batch["index"][:8]) + " ...",
            accumulate=options.accumulate,
            clip=options.clip,
            identity=identity,
            checkpoint_every=checkpoint_every,
            notes=notes,
        ),
        folder,
        resume,
        report,
    )
    provenance = {
        "schema_version": 1,
        "rsbench": __version__,
        "method": options.objective,
        **identity,
        "fixed": FIXED,
        "data": data,
        "corrupt": over_all_ranks(fabric, notes),
        "command": shlex.join(["rsbench", *sys.argv[1:]]),
        "machine": {**vars(machine), "world": fabric.world_size},
        "seconds_since_last_start": round(time.time() - start, 1),
        "losses_per_epoch": epochs,
        "environment": surroundings,
    }
    if fabric.is_global_zero:
        write_encoder(model, folder / ENCODER)
        partial = folder / f"{PROVENANCE}.partial"
        partial.write_text(json.dumps(provenance, indent=1))
        partial.replace(folder / PROVENANCE)
    fabric.barrier()
    return provenance


def write_encoder(model: MaskedImageModel, file: Path) -> None:
    """Writes the encoder alone, under the names that ``--checkpoint`` expects, atomically."""
    state = model.encoder.model.state_dict()
    tensors = {f"encoder.{name}": value.detach().cpu().contiguous() for name, value in state.items()}
    partial = file.with_name(file.name + ".partial")
    save_file(tensors, partial, metadata={"format": "rsbench", "architecture": model.options.variant})
    partial.replace(file)
