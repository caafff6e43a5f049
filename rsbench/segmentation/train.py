"""Trains a segmenter by the settings of a protocol, on the loop that everything here is trained with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import nn

from rsbench import dense
from rsbench.backbones import Backbone
from rsbench.batches import steps_per_epoch
from rsbench.request import Request
from rsbench.segmentation.data import Batch, Tiles, training_batches
from rsbench.segmentation.heads import build_head
from rsbench.segmentation.model import Segmenter


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
    dense.prepare_backbone(request, backbone)
    torch.manual_seed(seed)
    head, decided = build_head(backbone, len(request.dataset.classes), request.input_size, settings)
    model = Segmenter(backbone, head, float(settings["aux_weight"]))  # type: ignore[arg-type]
    return dense.join_batchnorm(model, fabric), decided  # type: ignore[return-value]


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
        seed: of order, augmentation and dropout.
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
    epochs, steps = settings["epochs"], check_batches(request, fabric.world_size)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings["lr"], weight_decay=settings["weight_decay"])

    def batches(epoch: int, first_step: int) -> Iterator[Batch]:
        return training_batches(
            tiles, items, size=request.input_size, augment=settings["augment"], seed=seed, epoch=epoch,
            batch_size=settings["batch_size"], first=first_step, rank=fabric.global_rank, world=fabric.world_size,
        )  # fmt: skip

    def losses(module: nn.Module, batch: Batch) -> Mapping[str, torch.Tensor]:
        return module(batch.images.to(fabric.device), batch.labels.to(fabric.device))

    return dense.fit(
        request,
        fabric,
        model,
        optimizer,
        steps=steps,
        epochs=epochs,
        lr=lambda step: settings["lr"] * (1 - step / (steps * epochs)) ** settings["poly_power"],
        batches=batches,
        losses=losses,
        folder=folder,
        identity=identity,
        seed=seed,
    )
