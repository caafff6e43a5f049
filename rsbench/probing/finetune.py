"""End-to-end fine-tuning of backbone and linear head, with the recipe of the paper's head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rsbench.backbones import Backbone
from rsbench.fabric import launch_on
from rsbench.preprocessing import Preprocessor
from rsbench.probing.extract import batches, usual_batch
from rsbench.probing.linear import epoch_order, initial_head
from rsbench.probing.solve import Solution, recipe
from rsbench.request import Request
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


def finetune(request: Request, backbone: Backbone, reported: Sequence[str], seed: int) -> Solution:
    """Trains everything on the training part and predicts others; the last epoch is the one that counts.

    No augmentation. BatchNorm and dropout are in training mode while it trains.

    Args:
        request: what is asked.
        backbone: with its weights; it is changed.
        reported: parts to predict.
        seed: of the head and of the order of images.
    """
    backbone.frozen = False
    backbone.requires_grad_(True)
    settings: Mapping[str, Any] = request.protocol.settings
    dataset, sgd = request.dataset, recipe(request.protocol)
    items = dataset.parts[request.task.train]
    size = min(sgd.batch_size, len(items))
    steps = -(-len(items) // size)
    preprocessor = Preprocessor(request.method.weights(request.variant).preprocess, request.input_size)
    fabric = launch_on(request.device, request.precision)
    torch.manual_seed(seed)
    model = Classifier(backbone, len(dataset.classes), seed)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=settings["lr"], momentum=sgd.momentum, weight_decay=settings["weight_decay"]
    )
    module, optimizer = fabric.setup(model, optimizer)

    def epoch_batches(epoch: int, first_step: int) -> Iterator[tuple[Tensor, Tensor, np.ndarray]]:
        order = epoch_order(len(items), seed, epoch)[first_step * size :]
        images = batches(dataset.load, [items.paths[index] for index in order], preprocessor, size)
        for number, batch in enumerate(images):
            chosen = order[number * size : (number + 1) * size]
            yield batch.to(fabric.device), torch.from_numpy(items.labels[chosen]).to(fabric.device), chosen

    history = train(
        fabric,
        module,
        optimizer,
        Plan(
            epochs=sgd.epochs,
            steps_per_epoch=steps,
            lr=lambda step: settings["lr"] * sgd.factor(step // steps),
            batches=epoch_batches,
            losses=lambda module, batch: {"loss": F.cross_entropy(module(batch[0]), batch[1])},
            describe=lambda batch: ", ".join(items.ids[index] for index in batch[2][:8]) + " ...",
        ),
        report=lambda position, values: request.report(position.total, steps * sgd.epochs),
    )
    module.eval()
    predictions = {}
    with torch.inference_mode():
        for part in reported:
            images = batches(
                dataset.load,
                dataset.parts[part].paths,
                preprocessor,
                request.batch_size or usual_batch(preprocessor.size),
            )
            predictions[part] = np.concatenate(
                [module(batch.to(fabric.device)).argmax(1).cpu().numpy() for batch in images]
            )
    return Solution(predictions, history=history)
