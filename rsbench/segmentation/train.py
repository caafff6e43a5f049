"""Trains a segmenter by the settings of a protocol, on the loop that everything here is trained with."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn

from rsbench.backbones import Backbone
from rsbench.request import Request
from rsbench.segmentation.data import Batch, Tiles, steps_per_epoch, training_batches
from rsbench.segmentation.heads import build_head
from rsbench.segmentation.model import Segmenter
from rsbench.training import CHECKPOINT, Plan, Position, train

_CHECKPOINT_SECONDS = 60.0


def build(request: Request, backbone: Backbone, seed: int, fabric: Fabric) -> tuple[Segmenter, dict[str, Any]]:
    """Makes the network of one seed.

    Args:
        request: the solver ``frozen`` freezes the backbone.
        backbone: with its weights; it is changed.
        seed: of the head.
        fabric: BatchNorm spans its processes where they are GPUs.

    Returns:
        The network, and what was decided for this backbone.
    """
    settings = request.protocol.settings
    frozen = request.protocol.solver == "frozen"
    backbone.frozen = False
    backbone.requires_grad_(True)
    if frozen:
        backbone.freeze()
    torch.manual_seed(seed)
    head, decided = build_head(backbone, len(request.dataset.classes), request.input_size, settings)
    model = Segmenter(backbone, head, float(settings["aux_weight"]))  # type: ignore[arg-type]
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model, decided


def check_batches(request: Request, world: int) -> int:
    """Returns the steps of an epoch in ``world`` processes; UserError if the training part does not fill a batch."""
    settings: Mapping[str, Any] = request.protocol.settings
    least = 2 if settings["head"] == "upernet" else 1  # it normalises what it has pooled to one position per tile
    return steps_per_epoch(len(request.dataset.parts[request.task.train]), settings["batch_size"], world, least)


def fit(
    request: Request,
    fabric: Fabric,
    model: Segmenter,
    tiles: Tiles,
    seed: int,
    folder: Path,
    identity: Mapping[str, Any],
) -> list[dict[str, float]]:
    """Trains ``model``; goes on from a checkpoint of the same run if one is in ``folder``.

    Args:
        request: what is asked.
        fabric: launched.
        model: as ``build`` made it; it is changed.
        tiles: reads the tiles.
        seed: of order and augmentation; of dropout by torch's generator.
        folder: for checkpoints; equal runs have the same one.
        identity: of the run; a checkpoint of another one is refused.

    Returns:
        The mean losses of each epoch.

    Raises:
        RunError: a loss is not finite; the message names the tiles.
        UserError: too few tiles for a batch.
    """
    settings: Mapping[str, Any] = request.protocol.settings
    items: Sequence[str] = request.dataset.parts[request.task.train]
    size, epochs = settings["batch_size"], settings["epochs"]
    steps = check_batches(request, fabric.world_size)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings["lr"], weight_decay=settings["weight_decay"])
    module, optimizer = fabric.setup(model, optimizer)
    if request.fresh and fabric.is_global_zero:
        shutil.rmtree(folder, ignore_errors=True)
    fabric.barrier()
    resume = (folder / CHECKPOINT).exists()
    fabric.barrier()  # all have looked before the first one writes
    if resume:
        request.report(0, steps * epochs, f"going on from the checkpoint in {folder}")

    def batches(epoch: int, first_step: int) -> Iterator[Batch]:
        return training_batches(
            tiles, items, size=request.input_size, augment=settings["augment"], seed=seed, epoch=epoch,
            batch_size=size, first=first_step, rank=fabric.global_rank, world=fabric.world_size,
        )  # fmt: skip

    def losses(module: nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
        return module(batch.images.to(fabric.device), batch.labels.to(fabric.device))

    history = train(
        fabric,
        module,
        optimizer,
        Plan(
            epochs=epochs,
            steps_per_epoch=steps,
            lr=lambda step: settings["lr"] * (1 - step / (steps * epochs)) ** settings["poly_power"],
            batches=batches,
            losses=losses,
            describe=lambda batch: ", ".join(batch.items),
            identity=identity,
            checkpoint_seconds=_CHECKPOINT_SECONDS,
            go_on="give the same command again",
            start_anew="Give --fresh to start anew.",
        ),
        folder,
        resume,
        _reporter(request.report, steps, epochs),
    )
    if fabric.world_size > 1:  # statistics of BatchNorm were moved by each process alone in the last step
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, src=0)
    return history


def _reporter(report: Callable[..., Any], steps: int, epochs: int) -> Callable[[Position, Mapping[str, float]], None]:
    """Tells every step, and with the last one of an epoch its mean loss."""
    seen: list[float] = []

    def tell(position: Position, values: Mapping[str, float]) -> None:
        seen.append(values["loss"])
        note = ""
        if position.step == steps:
            note = f"epoch {position.epoch + 1}/{epochs}, loss {sum(seen) / len(seen):.4f}"
            seen.clear()
        report(position.total, steps * epochs, note)

    return tell
