"""Evaluation of segmentation tasks: train, predict every reported tile, count."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch.utils.flop_counter import FlopCounterMode

from rsbench.backbones.inference import arithmetic
from rsbench.batches import canvas_for, cell_of
from rsbench.checkpoints.load import Loaded
from rsbench.dense import depends as dense_depends
from rsbench.dense import each_seed
from rsbench.errors import RunError
from rsbench.fabric import launch_on
from rsbench.preprocessing import Preprocessor
from rsbench.request import Failure, Outcome, Request, peak_memory
from rsbench.segmentation.data import Tiles, whole_batches
from rsbench.segmentation.metrics import bootstrap_scores, score_names, scores
from rsbench.segmentation.model import Segmenter
from rsbench.segmentation.pictures import draw_tiles
from rsbench.segmentation.predictions import PredictionWriter, confusions, merge
from rsbench.segmentation.train import build, check_batches, fit
from rsbench.team import Team, shares

_PREDICTIONS = "predictions.parquet"
_BATCH = 8  # tiles that are predicted at once


def evaluate(request: Request, seeds: Sequence[int]) -> Iterator[tuple[int, Outcome | Failure]]:
    """Yields what came out of each seed; one that fails does not stop the others, an interruption does.

    Under torchrun all processes train together and predict a share of the tiles each, no tile twice; all yield the
    same.

    Raises:
        UserError: before anything is computed, if the request or a file of the dataset is wrong.
    """
    parts = request.check_task(score_names(request.dataset.classes))
    fabric = launch_on(request.device, request.precision, find_unused=True)
    check_batches(request, fabric.world_size)
    one = partial(_one_seed, request, fabric, parts)
    yield from each_seed(request, seeds, fabric, one, depends(request, fabric.world_size), partial(_fits, request))


def depends(request: Request, processes: int) -> dict[str, Any]:
    """Returns what else the numbers depend on, if only in the last digits."""
    return dense_depends(request, processes)


def _fits(request: Request, loaded: Loaded) -> None:
    whole = request.protocol.settings["head"] != "psanet"  # the pyramid of any backbone has stride 32
    request.check_size(cell_of(loaded.backbone) if whole else loaded.backbone.size_multiple)


def _one_seed(
    request: Request, fabric: Fabric, parts: Sequence[str], loaded: Loaded, seed: int, folder: Path,
    identity: dict[str, Any], extra: dict[str, Any],
) -> Outcome:  # fmt: skip
    start = time.perf_counter()
    model, decided = build(request, deepcopy(loaded.backbone), seed, fabric)
    preprocess = request.method.weights(request.variant).preprocess
    no_data = str(request.protocol.settings["no_data"])
    tiles = Tiles(request.dataset, Preprocessor(preprocess, request.input_size), no_data)
    cell = cell_of(model.backbone)
    canvases = {canvas_for(height, width, request.input_size, cell) for height, width in request.dataset.shapes}
    cost = _rehearse(model, request.input_size, canvases)
    losses = fit(request, fabric, model, tiles, seed, folder, identity)
    trained = time.perf_counter()
    file = predict(request, fabric, model, tiles, parts, folder)
    predicted = time.perf_counter()
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for part in parts:
        _, counts = confusions(file, part)
        values = _checked(request, part, counts.sum(0))
        bounds = bootstrap_scores(counts, request.dataset.classes)
        metrics |= {f"{part}/{name}": 100 * value for name, value in values.items()}
        intervals |= {f"{part}/{name}": (100 * low, 100 * high) for name, (low, high) in bounds.items()}
    count = sum(len(request.dataset.parts[part]) for part in parts)
    attachments = {}
    if request.pictures and fabric.is_global_zero:
        attachments["pictures"] = draw_tiles(
            folder / "pictures", tiles.load, file, parts[0], request.dataset.classes, request.pictures
        )
    fabric.barrier()  # whoever writes the record removes the folder, and all have read it by now
    return Outcome(
        metrics=metrics,
        intervals=intervals,
        predictions=file,
        attachments=attachments,
        scratch=folder,
        selected=decided,
        flags=[],
        weights=loaded.about(),
        timings={
            "train": trained - start,
            "predict": predicted - trained,
            "total": time.perf_counter() - start,
        },
        cost={
            **cost,
            "loss_of_last_epoch": round(losses[-1]["loss"], 6),
            "images_per_second": round(count / max(predicted - trained, 1e-9), 2),
            "threads": torch.get_num_threads(),
            "peak_memory_mib": peak_memory(),
        },
        history=losses,
        extra=extra,
    )


def predict(
    request: Request, fabric: Fabric, model: Segmenter, tiles: Tiles, parts: Sequence[str], folder: Path
) -> Path:
    """Predicts the parts and returns the file of predictions; every process writes its share as it goes.

    Each tile is predicted by exactly one process, in the batch in which one process alone would predict it: nothing is
    padded, nothing counts twice, and nothing differs.

    Raises:
        RunError: logits are not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shares_of = [folder / f"{rank}-{_PREDICTIONS}" for rank in range(fabric.world_size)]
    model.eval()
    team = Team(fabric)
    total = sum(len(request.dataset.parts[part]) for part in parts)
    done = 0
    with (
        team.together(),
        PredictionWriter(shares_of[fabric.global_rank], request.dataset.classes) as writer,
        arithmetic(request.precision, request.device),
    ):
        for part in parts:
            size, cell = request.batch_size or _BATCH, cell_of(model.backbone)
            items = request.dataset.parts[part]
            own = [items[row] for row in shares(len(items), size, team.rank, team.world)]
            for batch in whole_batches(tiles, own, request.input_size, size, cell):
                classes = model.predict(batch.images.to(fabric.device)).cpu().numpy()
                for row, (item, (h, w)) in enumerate(zip(batch.items, batch.sizes, strict=True)):
                    labels = batch.labels[row, :h, :w].numpy().astype(np.uint8)
                    writer.add(part, item, labels, classes[row, :h, :w])
                done += len(batch.items) * fabric.world_size
                request.report(min(done, total), total)

    def join() -> None:
        merge(shares_of, folder / _PREDICTIONS)
        for share in shares_of:
            share.unlink()

    team.first(join)
    return folder / _PREDICTIONS


def _checked(request: Request, part: str, counts: np.ndarray) -> dict[str, float]:
    """Returns the scores of a part; RunError if there is nothing to score, or one class was predicted everywhere."""
    classes = request.dataset.classes
    if not counts.sum():
        raise RunError(f"No pixel of {part} has a label that counts.", "Check labels, and the setting no_data.")
    predicted, true = counts.sum(0) > 0, counts.sum(1) > 0
    if predicted.sum() == 1 and true.sum() > 1:
        only = classes[int(predicted.argmax())]
        raise RunError(
            f"All pixels of {part} were predicted to be {only!r}: nothing was learned.",
            "Train longer, or at another rate (--set epochs=N, --set lr=X).",
        )
    return scores(counts, classes)


def _rehearse(model: Segmenter, size: int, canvases: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """Predicts an empty tile on every canvas, so that what does not fit is known before anything is trained.

    Returns:
        Parameters, and floating-point operations for a canvas of ``size`` (a multiply-add counts as two).
    """
    parameters = list(model.parameters())
    model.eval()
    with FlopCounterMode(display=False) as counter:
        model.predict(torch.zeros(1, 3, size, size, device=parameters[0].device))
    for height, width in sorted(set(canvases) - {(size, size)}):
        model.predict(torch.zeros(1, 3, height, width, device=parameters[0].device))
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "parameters_trained": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "gflops": round(counter.get_total_flops() / 1e9, 4),
    }
