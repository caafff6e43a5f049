"""Evaluation of segmentation tasks: train, predict every reported tile, count."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch.utils.flop_counter import FlopCounterMode

from rsbench.backbones.inference import arithmetic, linear_backend
from rsbench.checkpoints.load import Loaded, load, source_kind
from rsbench.errors import RunError
from rsbench.fabric import launch_on
from rsbench.locks import exclusive
from rsbench.preprocessing import Preprocessor
from rsbench.records import run_id
from rsbench.request import Failure, Outcome, Request, peak_memory
from rsbench.segmentation.data import Tiles, canvas_for, cell_of, whole_batches
from rsbench.segmentation.metrics import bootstrap_scores, score_names, scores
from rsbench.segmentation.model import Segmenter
from rsbench.segmentation.pictures import draw_tiles
from rsbench.segmentation.predictions import PredictionWriter, confusions, merge
from rsbench.segmentation.train import build, check_batches, fit
from rsbench.sources import Random
from rsbench.training import CHECKPOINT

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
    source = request.method.weights(request.variant).source
    drawn = request.checkpoint is None and isinstance(source, Random)
    fabric = launch_on(request.device, request.precision, find_unused=True)
    check_batches(request, fabric.world_size)
    loaded = _load(request, seeds[0])
    request.dataset.check(lambda done, total: request.report(done, total, f"checked {total} tiles" * (done == total)))
    for number, seed in enumerate(seeds):
        extra = {"linear": linear_backend(request.precision, request.device), "processes": fabric.world_size}
        about: dict[str, Any] = {"source": source_kind(request.method.weights(request.variant), request.checkpoint)}
        reason = "Interrupted before the first checkpoint."
        try:
            if drawn and number:
                loaded = _load(request, seed)
            about = loaded.about()
            identity = request.identity(seed, about, extra)
            with _scratch(request, fabric, run_id(identity)) as folder:
                try:
                    yield seed, _one_seed(request, fabric, loaded, parts, seed, folder, identity, extra)
                except RunError:
                    if fabric.is_global_zero:
                        shutil.rmtree(folder, ignore_errors=True)  # the same would happen again
                    raise
                except KeyboardInterrupt:
                    if (folder / CHECKPOINT).exists():
                        reason = "Interrupted; the same command goes on from the last checkpoint."
                    raise
        except RunError as error:
            yield seed, Failure(reason=f"{error.message} {error.hint}".strip(), weights=about, extra=extra)
        except KeyboardInterrupt:
            yield seed, Failure(reason=reason, status="interrupted", weights=about, extra=extra)
            return


def _load(request: Request, seed: int) -> Loaded:
    loaded = load(request.method, request.variant, request.checkpoint, seed, request.accept_licence)
    whole = request.protocol.settings["head"] != "psanet"  # the pyramid of any backbone has stride 32
    request.check_size(cell_of(loaded.backbone) if whole else loaded.backbone.size_multiple)
    return loaded


@contextmanager
def _scratch(request: Request, fabric: Fabric, run: str) -> Iterator[Path]:
    """Gives the folder of one run, which nobody else uses meanwhile; all processes of a launch have the same one."""
    if request.work is None:
        with tempfile.TemporaryDirectory(prefix="rsbench-") as own:
            yield Path(fabric.broadcast(own)) / run
        return
    folder = request.work / run
    busy = f"Another process is at work on the same run in {folder}."
    with exclusive(folder, busy=busy) if fabric.is_global_zero else nullcontext():
        fabric.barrier()
        yield folder


def _one_seed(
    request: Request, fabric: Fabric, loaded: Loaded, parts: Sequence[str], seed: int, folder: Path,
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
        extra=extra,
    )


def predict(
    request: Request, fabric: Fabric, model: Segmenter, tiles: Tiles, parts: Sequence[str], folder: Path
) -> Path:
    """Predicts the parts and returns the file of predictions; every process writes its share as it goes.

    Each tile is predicted by exactly one process, so that nothing is padded and nothing counts twice.

    Raises:
        RunError: logits are not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shares = [folder / f"{rank}-{_PREDICTIONS}" for rank in range(fabric.world_size)]
    model.eval()
    failure: RunError | None = None
    total = sum(len(request.dataset.parts[part]) for part in parts)
    done = 0
    try:
        with (
            PredictionWriter(shares[fabric.global_rank], request.dataset.classes) as writer,
            arithmetic(request.precision, request.device),
        ):
            for part in parts:
                items = request.dataset.parts[part][fabric.global_rank :: fabric.world_size]
                size, cell = request.batch_size or _BATCH, cell_of(model.backbone)
                for batch in whole_batches(tiles, items, request.input_size, size, cell):
                    classes = model.predict(batch.images.to(fabric.device)).cpu().numpy()
                    for row, (item, (h, w)) in enumerate(zip(batch.items, batch.sizes, strict=True)):
                        labels = batch.labels[row, :h, :w].numpy().astype(np.uint8)
                        writer.add(part, item, labels, classes[row, :h, :w])
                    done += len(batch.items) * fabric.world_size
                    request.report(min(done, total), total)
    except RunError as error:
        failure = error
    faults = fabric.all_reduce(torch.tensor(float(failure is not None)), reduce_op="sum")
    if float(faults):  # type: ignore[arg-type]
        raise failure or RunError("Another process could not predict its tiles.", "See its message.")
    if fabric.is_global_zero:
        merge(shares, folder / _PREDICTIONS)
        for share in shares:
            share.unlink()
    fabric.barrier()
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
