"""Evaluation of classification tasks: features from the cache or the backbone, a protocol, top-1."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from rsbench.backbones import Backbone
from rsbench.checkpoints.load import Loaded, load
from rsbench.errors import RunError
from rsbench.evaluation import Outcome, Request, peak_memory
from rsbench.method import Random
from rsbench.preprocessing import RESIZE, Preprocessor
from rsbench.probing.cache import FeatureCache
from rsbench.probing.extract import extract
from rsbench.probing.solve import SOLVERS, Problem, Solution
from rsbench.statistics import bootstrap_interval


def evaluate(request: Request, seeds: Sequence[int]) -> Iterator[tuple[int, Outcome | RunError]]:
    """Yields the outcome of each seed, or the error that made it fail; one does not stop the others."""
    weights = request.method.weights(request.variant)
    fixed: Loaded | None = None
    problem: Problem | None = None
    about: dict[str, Any] = {}
    for seed in seeds:
        start = time.perf_counter()
        try:
            if fixed is None:
                loaded = load(request.method, request.variant, request.checkpoint, seed)
                if request.checkpoint is not None or not isinstance(weights.source, Random):
                    fixed = loaded  # otherwise each seed draws its own weights
            if request.protocol.solver == "finetune":
                from rsbench.probing.finetune import finetune  # Lightning takes seconds to import

                fresh = load(request.method, request.variant, request.checkpoint, seed)
                solution = finetune(request, fresh.backbone, seed)
                about = {"timings": {}, "cost": _cost(loaded.backbone, request.input_size)}
            else:
                if problem is None or fixed is None:
                    problem, about = features(request, loaded)
                solution = SOLVERS[request.protocol.solver](problem, request.protocol, seed)
            yield seed, _outcome(request, loaded, solution, about, time.perf_counter() - start)
        except RunError as error:
            yield seed, error


def feature_identity(request: Request, weights_digest: str) -> dict[str, Any]:
    """All that features depend on."""
    weights = request.method.weights(request.variant)
    return {
        "weights": weights_digest,
        "architecture": weights.architecture_name,
        "kwargs": dict(weights.kwargs),
        "preprocess": asdict(weights.preprocess),
        "input_size": request.input_size,
        "resize": RESIZE,
        "images": request.dataset.fingerprint,
        "precision": request.precision,
        "device": torch.device(request.device).type,
    }


def features(request: Request, loaded: Loaded) -> tuple[Problem, dict[str, Any]]:
    """Returns the features of all parts, from the cache where they are there, and what making them took."""
    dataset, weights = request.dataset, request.method.weights(request.variant)
    identity = feature_identity(request, loaded.digest)
    everything = {
        key: path for items in dataset.parts.values() for key, path in zip(items.ids, items.paths, strict=True)
    }
    ids = sorted(everything)
    cache = FeatureCache()
    start = time.perf_counter()
    hit = cache.get(identity) if request.use_cache else None
    if hit is not None:
        array, manifest = hit
        timings = {"features": time.perf_counter() - start}
    else:
        made = extract(
            loaded.backbone,
            dataset.load,
            [everything[key] for key in ids],
            Preprocessor(weights.preprocess, request.input_size),
            precision=request.precision,
            device=request.device,
            batch_size=request.batch_size,
            report=lambda done: request.report(done, len(ids)),
        )
        array = made.features
        cost = {
            **_cost(loaded.backbone, request.input_size),
            "images_per_second": round(made.images_per_second, 1),
            "threads": torch.get_num_threads(),
        }
        about = {"method": request.method_id, "task": request.task.name, "data": request.data, "cost": cost}
        manifest = cache.put(identity, array, about) if request.use_cache else about
        timings = {"features": made.seconds}
    row = {key: index for index, key in enumerate(ids)}
    problem = Problem(
        features={part: array[[row[key] for key in items.ids]] for part, items in dataset.parts.items()},
        labels={part: items.labels for part, items in dataset.parts.items()},
        classes=len(dataset.classes),
        train=request.task.train,
    )
    return problem, {"timings": timings, "cost": dict(manifest["cost"]), "cached": hit is not None}


def _cost(backbone: Backbone, size: int) -> dict[str, Any]:
    """Parameters, and floating-point operations per image (a multiply-add counts as two)."""
    device = next(backbone.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone.embed(torch.zeros(1, 3, size, size, device=device))
    return {"parameters": backbone.parameter_count, "gflops": round(counter.get_total_flops() / 1e9, 4)}


def _outcome(request: Request, loaded: Loaded, solution: Solution, about: dict[str, Any], seconds: float) -> Outcome:
    metrics: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    columns: dict[str, list[Any]] = {"part": [], "item": [], "label": [], "prediction": [], "top1": []}
    for part, predicted in solution.predictions.items():
        items = request.dataset.parts[part]
        if len(np.unique(predicted)) == 1 and len(np.unique(items.labels)) > 1:
            raise RunError(
                f"All {len(predicted)} images of {part} were predicted to be "
                f"{request.dataset.classes[int(predicted[0])]!r}: nothing was learned.",
                "Use the protocol swept, or train longer.",
            )
        right = predicted == items.labels
        metrics[f"{part}/top1"] = 100 * float(right.mean())
        recalls = [right[items.labels == label].mean() for label in np.unique(items.labels)]
        metrics[f"{part}/mean_class_accuracy"] = 100 * float(np.mean(recalls))
        low, high = bootstrap_interval(right)
        intervals[f"{part}/top1"] = (100 * low, 100 * high)
        columns["part"] += [part] * len(items)
        columns["item"] += items.ids
        columns["label"] += items.labels.tolist()
        columns["prediction"] += predicted.tolist()
        columns["top1"] += right.astype(int).tolist()
    return Outcome(
        metrics=metrics,
        intervals=intervals,
        predictions=columns,
        selected=solution.selected,
        flags=solution.flags,
        weights={
            "digest": loaded.digest,
            "source": loaded.source,
            "file_sha256": loaded.file_sha256,
            "keys": loaded.keys,
        },
        timings={**about["timings"], "total": seconds},
        cost={**about["cost"], "peak_memory_mib": peak_memory(), "features_from_cache": about.get("cached", False)},
        extra={"resize": RESIZE},
    )
