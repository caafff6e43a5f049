"""End-to-end fine-tuning of backbone and linear head, with the recipe of the paper's head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsbench.backbones import Backbone
from rsbench.dense import join_batchnorm
from rsbench.errors import UserError
from rsbench.fabric import launch_on
from rsbench.preprocessing import Preprocessor
from rsbench.probing.extract import batches, usual_batch
from rsbench.probing.linear import epoch_order, initial_head
from rsbench.probing.solve import Solution, recipe
from rsbench.request import Request
from rsbench.team import Team, shares
from rsbench.training import Plan, train


class Classifier(nn.Module):
    """A backbone and a linear head; forward gives logits (B, C) of images (B, 3, H, W)."""

    def __init__(self, backbone: Backbone, classes: int, seed: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(backbone.embedding_dim, classes)
        weight, bias = initial_head(classes, backbone.embedding_dim, seed)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(weight))
            self.head.bias.copy_(torch.from_numpy(bias))

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.backbone.embed(images))


def finetune(request: Request, team: Team, backbone: Backbone, reported: Sequence[str], seed: int) -> Solution:
    """Trains everything on the training part and predicts others; the last epoch is the one that counts.

    No augmentation. BatchNorm and dropout are in training mode while it trains. Several processes take a share of each
    batch, the loss is the mean over the whole batch, and BatchNorm sees the share of its process unless they are GPUs.
    Each image is predicted by one process.

    Args:
        request: what is asked.
        team: processes that train together.
        backbone: with its weights; it is changed.
        reported: parts to predict.
        seed: of the head and of the order of images.

    Raises:
        UserError: the processes cannot share a batch.
        RunError: a loss is not finite.
    """
    backbone.frozen = False
    backbone.requires_grad_(True)
    settings: Mapping[str, Any] = request.protocol.settings
    dataset, sgd = request.dataset, recipe(request.protocol)
    items = dataset.parts[request.task.train]
    size = min(sgd.batch_size, len(items))
    steps = -(-len(items) // size)
    check_shares(len(items), size, team.world)
    preprocessor = Preprocessor(request.method.weights(request.variant).preprocess, request.input_size)
    fabric = team.fabric or launch_on(request.device, request.precision)
    torch.manual_seed(seed)
    model = join_batchnorm(Classifier(backbone, len(dataset.classes), seed), fabric)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings["lr"], momentum=sgd.momentum, weight_decay=settings["weight_decay"]
    )
    module, optimizer = fabric.setup(model, optimizer)

    def epoch_batches(epoch: int, first_step: int) -> Iterator[tuple[Tensor, Tensor, np.ndarray, float]]:
        order = epoch_order(len(items), seed, epoch)
        whole = [order[start : start + size] for start in range(first_step * size, len(items), size)]
        own = [rows[team.rank :: team.world] for rows in whole]
        paths = [items.paths[row] for rows in own for row in rows]
        images = batches(dataset.load, paths, preprocessor, size // team.world)
        for rows, every in zip(own, whole, strict=True):
            with team.together():  # a file that cannot be read must not leave the others in the middle of a step
                batch = next(images)
            labels = torch.from_numpy(items.labels[rows])
            weight = len(rows) * team.world / len(every)  # the mean over processes is that over the whole batch
            yield batch.to(fabric.device), labels.to(fabric.device), rows, weight

    history = train(
        fabric,
        module,
        optimizer,
        Plan(
            epochs=sgd.epochs,
            steps_per_epoch=steps,
            lr=lambda step: settings["lr"] * sgd.factor(step // steps),
            batches=epoch_batches,
            losses=lambda module, batch: {"loss": F.cross_entropy(module(batch[0]), batch[1]) * batch[3]},
            describe=lambda batch: ", ".join(items.ids[index] for index in batch[2][:8]) + " ...",
            seed=seed if team.world > 1 else None,  # what is drawn in a step differs between processes
        ),
        report=lambda position, values: request.report(position.total, steps * sgd.epochs),
    )
    if team.world > 1:  # statistics of BatchNorm were moved by each process alone in the last step
        for buffer in model.buffers():
            torch.distributed.broadcast(buffer, src=0)
    model.eval()
    with torch.inference_mode(), fabric.autocast():
        predictions = {part: _predicted(request, team, model, fabric.device, preprocessor, part) for part in reported}
    return Solution(predictions, history=history)


def check_shares(count: int, size: int, world: int) -> None:
    """Raises UserError if ``world`` processes cannot share batches of ``size`` of ``count`` images.

    The last batch of an epoch may have unequal shares, but no empty ones.
    """
    if size % world:
        raise UserError(f"{world} processes cannot share a batch of {size} equally.", "Use another number.")
    if 0 < count % size < world:
        raise UserError(
            f"The last batch of an epoch has {count % size} of {count} images: {world} processes cannot share it.",
            "Use another number of processes, or another batch_size.",
        )


def _predicted(
    request: Request, team: Team, model: nn.Module, device: torch.device, preprocessor: Preprocessor, part: str
) -> np.ndarray:
    """Returns the labels (N,) that are predicted for a part: each image by one process, in the batches of one.

    The model is the bare one: DDP would have all processes make as many batches.
    """
    items = request.dataset.parts[part]
    size = request.batch_size or usual_batch(preprocessor.size)
    own = shares(len(items), size, team.rank, team.world)
    found = [np.empty(0, np.int64)]
    with team.together():
        for batch in batches(request.dataset.load, [items.paths[row] for row in own], preprocessor, size):
            found.append(model(batch.to(device)).argmax(1).cpu().numpy())
    return team.join(len(items), own, np.concatenate(found))
