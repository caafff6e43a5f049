"""Trains a detector by the settings of a protocol, on the loop that everything here is trained with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from rsbench import dense
from rsbench.backbones import Backbone
from rsbench.batches import cell_of, steps_per_epoch
from rsbench.detection.data import Batch, Images, training_batches
from rsbench.detection.engines import build_detector, check_settings
from rsbench.errors import UserError
from rsbench.request import Request

_FIRST = 1e-3  # share of the rate at which the warm-up begins
_DROP = 0.1


class Sealed:
    """Carries a batch past Fabric, which under bf16 would round every tensor of it: boxes must stay in fp32."""

    def __init__(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> None:
        self.images, self.targets = images, targets


class Losses(nn.Module):
    """What is trained: the losses of a detector on sealed batches."""

    def __init__(self, detector: nn.Module) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, batch: Sealed) -> dict[str, Tensor]:
        return self.detector(batch.images, batch.targets)


def build(request: Request, backbone: Backbone, seed: int, fabric: Fabric) -> Any:
    """Makes the detector of one seed (``rsbench.detection.engines.Detector``).

    Args:
        request: the solver ``frozen`` freezes the backbone.
        backbone: with its weights; it is changed.
        seed: of all that has no weights.
        fabric: BatchNorm spans its processes where they are GPUs.
    """
    settings = request.protocol.settings
    dense.prepare_backbone(request, backbone)
    torch.manual_seed(seed)
    model = build_detector(backbone, len(request.dataset.classes), cell_of(backbone), settings)
    return dense.join_batchnorm(model, fabric) if settings["batchnorm"] == "train" else model


def check_request(request: Request, world: int) -> int:
    """Returns the steps of an epoch in ``world`` processes.

    Raises:
        UserError: the training part does not fill a batch, the detector cannot be made, or it cannot give what the task
            is scored by.
    """
    settings: Mapping[str, Any] = request.protocol.settings
    task, dataset = request.task, request.dataset
    masks = settings["detector"] == "mask-rcnn"
    if masks and not dataset.masks:
        raise UserError(f"Mask R-CNN learns masks, and {task.title} has boxes alone.", "Take a task that has masks.")
    if task.kind == "instance-segmentation" and not masks:
        raise UserError(
            f"{task.title} is scored by masks, and {settings['detector']} finds boxes alone.",
            "Use --set detector=mask-rcnn.",
        )
    check_settings(settings)
    return steps_per_epoch(len(dataset.parts[task.train]), settings["batch_size"], world)


def check_parts(request: Request, parts: Sequence[str]) -> None:
    """Raises a UserError if the training part or one of ``parts`` has no object that counts."""
    for part in (request.task.train, *parts):
        if not request.dataset.labelled(part):
            raise UserError(f"No image of {part} has an object that counts.", "Take another split or policy.")


def schedule(settings: Mapping[str, Any], total: int, step: int) -> float:
    """Returns the learning rate of a step: a linear warm-up, then drops to a tenth.

    >>> settings = {"lr": 1.0, "warmup_steps": 10, "drops": (0.5,)}
    >>> [round(schedule(settings, 100, step), 3) for step in (0, 5, 10, 49, 50)]
    [0.001, 0.5, 1.0, 1.0, 0.1]
    """
    warmup = min(settings["warmup_steps"], total // 10)
    rate = settings["lr"] * _DROP ** sum(step >= round(drop * total) for drop in settings["drops"])
    return float(rate * (_FIRST + (1 - _FIRST) * step / warmup if step < warmup else 1.0))


def fit(
    request: Request,
    fabric: Fabric,
    model: Any,
    images: Images,
    seed: int,
    folder: Path,
    identity: Mapping[str, Any],
) -> list[dict[str, float]]:
    """Trains ``model``; goes on from a checkpoint of the same run if one is in ``folder``.

    Args:
        request: what is asked.
        fabric: launched.
        model: as ``build`` made it; it is changed.
        images: reads the images.
        seed: of order and augmentation, and of the proposals that are learned from.
        folder: for checkpoints; equal runs have the same one.
        identity: of the run; a checkpoint of another one is refused.

    Returns:
        The mean losses of each epoch.

    Raises:
        RunError: a loss is not finite; the message names the images.
    """
    settings: Mapping[str, Any] = request.protocol.settings
    items: Sequence[str] = request.dataset.parts[request.task.train]
    epochs, steps = settings["epochs"], check_request(request, fabric.world_size)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=settings["lr"], weight_decay=settings["weight_decay"])

    def batches(epoch: int, first_step: int) -> Iterator[Batch]:
        return training_batches(
            images, items, augment=settings["augment"], seed=seed, epoch=epoch, batch_size=settings["batch_size"],
            first=first_step, rank=fabric.global_rank, world=fabric.world_size,
        )  # fmt: skip

    def losses(module: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        targets = [{name: value.to(fabric.device) for name, value in target.items()} for target in batch.targets]
        return module(Sealed([image.to(fabric.device) for image in batch.images], targets))

    return dense.fit(
        request,
        fabric,
        Losses(model),
        optimizer,
        steps=steps,
        epochs=epochs,
        lr=lambda step: schedule(settings, steps * epochs, step),
        batches=batches,
        losses=losses,
        folder=folder,
        identity=identity,
        seed=seed,
        clip=settings["clip"],
    )
