"""Evaluation of detection and instance segmentation: train, find the objects of every reported image, score."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from rsbench.backbones.inference import arithmetic
from rsbench.batches import canvas_for, cell_of
from rsbench.checkpoints.load import Loaded
from rsbench.dense import depends as dense_depends
from rsbench.dense import each_seed
from rsbench.detection.coco_results import write_coco_results, write_coco_truth
from rsbench.detection.data import Images, fitted, whole_batches
from rsbench.detection.detections import Detections
from rsbench.detection.figures import score_names
from rsbench.detection.masks import paste
from rsbench.detection.metrics import AREA_RULE, Scores, bootstrap_scores, resamples_for
from rsbench.detection.metrics import evaluate as score
from rsbench.detection.pictures import draw_images
from rsbench.detection.prediction_writer import DetectionWriter, write_predictions
from rsbench.detection.predictions import read_detections
from rsbench.detection.scoring import kind_of
from rsbench.detection.train import build, check_parts, check_request, fit
from rsbench.detection.truth import Truth, truth_of
from rsbench.errors import RunError
from rsbench.fabric import launch_on
from rsbench.metric_names import BOXES
from rsbench.preprocessing import Preprocessor
from rsbench.request import Failure, Outcome, Request, peak_memory
from rsbench.team import Team, shares

BOX = ("AP", "AP50", "AP75")
"""Scores of the boxes that stand beside those of the masks, as ``boxAP`` and so on."""

Scored = tuple[dict[str, float], dict[str, tuple[float, float]], list[str], int]
"""Metrics and intervals in percent, flags, and how many draws an interval is made of."""

_PREDICTIONS = "predictions.parquet"
_COCO = "coco"  # folder of the files that others' tools score
_BATCH = 4  # images that are predicted at once


def evaluate(request: Request, seeds: Sequence[int]) -> Iterator[tuple[int, Outcome | Failure]]:
    """Yields what came out of each seed; one that fails does not stop the others, an interruption does.

    Under torchrun all processes train together and predict a share of the images each, no image twice; all yield the
    same.

    Raises:
        UserError: before anything is computed, if the request or a file of the dataset is wrong.
    """
    parts = request.check_task([*score_names(request.dataset.classes), *(BOXES + name for name in BOX)])
    fabric = launch_on(request.device, request.precision, find_unused=True)
    check_request(request, fabric.world_size)
    one = partial(_one_seed, request, fabric, parts)
    yield from each_seed(request, seeds, fabric, one, depends(request, fabric.world_size))


def depends(request: Request, processes: int) -> dict[str, Any]:
    """Returns what else the numbers depend on, if only in the last digits: detectron2's version, where it is used."""
    engine = str(request.protocol.settings["engine"])
    return dense_depends(request, processes) | ({engine: version(engine)} if engine != "torchvision" else {})


def _one_seed(
    request: Request, fabric: Fabric, parts: Sequence[str], loaded: Loaded, seed: int, folder: Path,
    identity: dict[str, Any], extra: dict[str, Any],
) -> Outcome:  # fmt: skip
    check_parts(request, parts)
    start = time.perf_counter()
    model = build(request, deepcopy(loaded.backbone), seed, fabric)
    masks = request.task.kind == "instance-segmentation"
    preprocess = request.method.weights(request.variant).preprocess
    images = Images(request.dataset, Preprocessor(preprocess, request.input_size), request.input_size, masks)
    cost = _rehearse(request, model)
    losses = fit(request, fabric, model, images, seed, folder, identity)
    trained = time.perf_counter()
    found = predict(request, fabric, model, images, parts, folder)
    predicted = time.perf_counter()
    metrics, intervals, flags, draws = score_parts(request, fabric, parts, found, folder)
    attachments = {"coco": folder / _COCO} if fabric.is_global_zero else {}
    if request.pictures and fabric.is_global_zero:
        attachments["pictures"] = draw_images(
            folder / "pictures", request.dataset, folder / _PREDICTIONS, found[parts[0]], parts[0], request.pictures
        )
    fabric.barrier()  # whoever writes the record removes the folder, and all have read it by now
    count = sum(len(request.dataset.parts[part]) for part in parts)
    return Outcome(
        metrics=metrics,
        intervals=intervals,
        predictions=folder / _PREDICTIONS,
        attachments=attachments,
        scratch=folder,
        selected={**model.decided, "areas": AREA_RULE, "draws": draws, "data": dict(request.dataset.policies)},
        flags=[*flags, *request.dataset.notes],
        weights=loaded.about(),
        timings={
            "train": trained - start,
            "predict": predicted - trained,
            "score": time.perf_counter() - predicted,
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
    request: Request, fabric: Fabric, model: Any, images: Images, parts: Sequence[str], folder: Path
) -> dict[str, dict[str, Detections]]:
    """Predicts the parts and returns the detections by part and item; every process writes its share as it goes.

    Each image is predicted by exactly one process, in the batch in which one process alone would predict it.

    Raises:
        RunError: a prediction is not finite.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shares_of = [folder / f"{rank}-{_PREDICTIONS}" for rank in range(fabric.world_size)]
    model.eval()
    team = Team(fabric)
    total = sum(len(request.dataset.parts[part]) for part in parts)
    done = 0
    with (
        team.together(),
        DetectionWriter(shares_of[fabric.global_rank], images.masks) as writer,
        arithmetic(request.precision, request.device),
    ):
        for part in parts:
            items, count = request.dataset.parts[part], request.batch_size or _BATCH
            own = [items[row] for row in shares(len(items), count, team.rank, team.world)]
            for batch in whole_batches(images, own, count, cell_of(model.backbone)):
                inputs = [image.to(fabric.device) for image in batch.images]
                for item, size, image, one in zip(
                    batch.items, batch.sizes, batch.images, model.predict(inputs), strict=True
                ):
                    writer.add(part, item, in_own_pixels(one, (image.shape[1], image.shape[2]), size))
                done += len(batch.items) * fabric.world_size
                request.report(min(done, total), total)
    found = read_detections(shares_of)
    fabric.barrier()
    if fabric.is_global_zero:
        for share in shares_of:
            share.unlink()
    return found


def in_own_pixels(one: Mapping[str, Tensor], seen: tuple[int, int], size: tuple[int, int]) -> Detections:
    """Returns the detections of an image in its own pixels; boxes without extent are none.

    Args:
        one: of a detector (``rsbench.detection.engines.Detector.predict``).
        seen: height and width that the detector saw.
        size: height and width of the image.

    Raises:
        RunError: a box or score is not finite.
    """
    arrays = {name: value.cpu().numpy() for name, value in one.items()}
    if not all(np.isfinite(arrays[name]).all() for name in ("boxes", "scores")):
        raise RunError("A prediction is not finite.", "Lower the learning rate, or use --precision fp32.")
    boxes = arrays["boxes"].astype(np.float64) * np.tile([size[1] / seen[1], size[0] / seen[0]], 2)
    boxes[:, 2:] -= boxes[:, :2]
    boxes = boxes.astype(np.float32).astype(np.float64)  # what is stored is what is scored
    kept = (boxes[:, 2:] > 0).all(axis=1)
    masks = paste(arrays["masks"][kept], boxes[kept], size) if "masks" in arrays else None
    return Detections(boxes[kept], arrays["labels"][kept], arrays["scores"][kept].astype(np.float64), masks)


def score_parts(
    request: Request,
    fabric: Fabric,
    parts: Sequence[str],
    found: Mapping[str, Mapping[str, Detections]],
    folder: Path,
) -> Scored:
    """Returns what is told of the parts; the first process scores, and writes the files."""
    return Team(fabric).first(lambda: _scores(request, parts, found, folder))


def _scores(
    request: Request, parts: Sequence[str], found: Mapping[str, Mapping[str, Detections]], folder: Path
) -> Scored:
    kind = kind_of(request.task)
    max_dets: Any = request.protocol.settings["max_dets"]
    (folder / _COCO).mkdir(parents=True, exist_ok=True)
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    flags = [f"maxDets {max_dets} per class and image"]
    scored: dict[str, list[Scores]] = {}
    for part in parts:
        truth = truth_of(request.dataset, request.dataset.parts[part])
        own = score(truth, found[part], kind, max_dets)
        scored[part] = [own]
        write_coco_truth(folder / _COCO / f"{part}-truth.json", truth, kind)
        write_coco_results(folder / _COCO / f"{part}-{kind}.json", truth, found[part], kind)
        values, bounds = dict(own.values), bootstrap_scores(own.matches)
        if kind == "segm":
            boxes = score(truth, found[part], "bbox", max_dets)
            scored[part].append(boxes)
            write_coco_results(folder / _COCO / f"{part}-bbox.json", truth, found[part], "bbox")
            of_boxes = bootstrap_scores(boxes.matches)
            values |= {BOXES + name: boxes.values[name] for name in BOX if name in boxes.values}
            bounds |= {BOXES + name: of_boxes[name] for name in BOX if name in of_boxes}
        metrics |= {f"{part}/{name}": 100 * value for name, value in values.items()}
        intervals |= {f"{part}/{name}": (100 * low, 100 * high) for name, (low, high) in bounds.items()}
        flags += _remarks(request, part, truth, found[part], max_dets)
    write_predictions(folder / _PREDICTIONS, {part: (found[part], own) for part, own in scored.items()})
    return metrics, intervals, flags, min(resamples_for(own.matches) for own, *_ in scored.values())


def _remarks(
    request: Request, part: str, truth: Truth, found: Mapping[str, Detections], max_dets: int
) -> Iterator[str]:
    """Yields what must stand beside the numbers of a part."""
    if not any(len(one) for one in found.values()):
        threshold = request.protocol.settings["score_threshold"]
        yield f"nothing in {part} scored above {threshold:g}: hardly anything was learned"
    crowded = sum(np.bincount(one.labels[~one.crowd]).max(initial=0) > max_dets for one in truth.objects)
    if crowded:
        yield f"{crowded} images of {part} have more than {max_dets} objects of one class: AR cannot reach 100"


def _rehearse(request: Request, model: Any) -> dict[str, Any]:
    """Predicts an empty image on the largest canvas, so that what does not fit is known before anything is trained.

    Returns:
        Parameters, and floating-point operations for that canvas (a multiply-add counts as two; what the heads of Mask
        R-CNN do depends on what is found, and an empty image has little).
    """
    dataset, cell = request.dataset, cell_of(model.backbone)
    sizes = {dataset.size(item) for items in dataset.parts.values() for item in items}
    canvases = {canvas_for(*fitted(size, request.input_size), cell=cell) for size in sizes}
    height, width = max(canvases, key=lambda canvas: (canvas[0] * canvas[1], canvas))
    parameters = list(model.parameters())
    model.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.predict([torch.zeros(3, height, width, device=parameters[0].device)])
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "parameters_trained": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "gflops": round(counter.get_total_flops() / 1e9, 4),
        "gflops_of": [height, width],
    }
