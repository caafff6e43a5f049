"""Evaluation of classification tasks: features from the cache or the backbone, a protocol, top-1."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from rsbench.backbones import Backbone
from rsbench.backbones.inference import linear_backend
from rsbench.checkpoints.load import Loaded, load, source_kind
from rsbench.errors import RunError
from rsbench.preprocessing import RESIZE, Preprocessor
from rsbench.probing.cache import FeatureCache
from rsbench.probing.extract import extract
from rsbench.probing.solve import SOLVERS, Problem, Solution
from rsbench.request import Failure, Outcome, Request, peak_memory
from rsbench.sources import Random
from rsbench.statistics import bootstrap_interval

METRICS = ("top1", "mean_class_accuracy")


def evaluate(request: Request, seeds: Sequence[int]) -> Iterator[tuple[int, Outcome | Failure]]:
    """Yields what came out of each seed; one that fails does not stop the others, an interruption does.

    Weights that do not depend on the seed are loaded and embedded once for all seeds.

    Raises:
        UserError: before anything is computed, if the task wants what this evaluation does not give.
    """
    parts = request.check_task(METRICS)
    drawn = request.checkpoint is None and isinstance(request.method.weights(request.variant).source, Random)
    loaded: Loaded | None = None
    problem: Problem | None = None
    about: dict[str, Any] = {}
    for seed in seeds:
        start = time.perf_counter()
        weights: dict[str, Any] = {"source": source_kind(request.method.weights(request.variant), request.checkpoint)}
        try:
            if loaded is None or drawn:
                loaded, problem = (
                    load(request.method, request.variant, request.checkpoint, seed, request.accept_licence),
                    None,
                )
                request.check_size(loaded.backbone.size_multiple)
            weights = loaded.about()
            if request.protocol.solver == "finetune":
                from rsbench.probing.finetune import finetune  # Lightning takes seconds to import

                about = {"timings": {}, "cost": _cost(loaded.backbone, request.input_size)}
                solution = finetune(request, deepcopy(loaded.backbone), parts, seed)
            else:
                if problem is None:
                    problem, about = features(request, loaded, parts)
                else:
                    about = {**about, "timings": {"features": 0.0}, "reused": True}
                solution = SOLVERS[request.protocol.solver](problem, request.protocol, seed)
            yield seed, _outcome(request, weights, solution, about, time.perf_counter() - start)
        except RunError as error:
            loaded = None  # a network that wrote to itself is another one now
            yield seed, Failure(reason=f"{error.message} {error.hint}".strip(), weights=weights, extra=extra(request))
        except KeyboardInterrupt:
            yield seed, Failure(reason="Interrupted.", status="interrupted", weights=weights, extra=extra(request))
            return


def depends(request: Request, processes: int) -> dict[str, Any]:
    """Returns what else the numbers of an evaluation in so many processes depend on."""
    return extra(request)


def extra(request: Request) -> dict[str, Any]:
    """What else a number depends on, if only in the last digits."""
    embeds = request.protocol.solver != "finetune"
    linear = linear_backend(request.precision, request.device) if embeds else "torch"
    return {"resize": RESIZE, "linear": linear}


def feature_identity(request: Request, loaded: Loaded) -> dict[str, Any]:
    """All that features depend on."""
    weights = request.method.weights(request.variant)
    return {
        "weights": loaded.digest,
        "architecture": weights.architecture_name,
        "kwargs": dict(loaded.kwargs),
        "preprocess": weights.preprocess.facts(),
        "input_size": request.input_size,
        **extra(request),
        "images": request.dataset.fingerprint,
        "precision": request.precision,
        "device": torch.device(request.device).type,
    }


def features(request: Request, loaded: Loaded, reported: Sequence[str]) -> tuple[Problem, dict[str, Any]]:
    """Returns the features of the parts, from the cache where they are there, and what making them took."""
    dataset, weights = request.dataset, request.method.weights(request.variant)
    identity = feature_identity(request, loaded)
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
    parts = {part: dataset.parts[part] for part in (request.task.train, *reported)}
    problem = Problem(
        features={part: array[[row[key] for key in items.ids]] for part, items in parts.items()},
        labels={part: items.labels for part, items in parts.items()},
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


def _outcome(
    request: Request, weights: dict[str, Any], solution: Solution, about: dict[str, Any], seconds: float
) -> Outcome:
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
        recalls = [right[items.labels == label].mean() for label in np.unique(items.labels)]
        values = {"top1": right.mean(), "mean_class_accuracy": np.mean(recalls)}
        metrics |= {f"{part}/{name}": 100 * float(values[name]) for name in request.task.metrics}
        if "top1" in request.task.metrics:
            low, high = bootstrap_interval(right)
            intervals[f"{part}/top1"] = (100 * low, 100 * high)
        columns["part"] += [part] * len(items)
        columns["item"] += items.ids
        columns["label"] += items.labels.tolist()
        columns["prediction"] += predicted.tolist()
        columns["top1"] += right.astype(int).tolist()
    cost = {
        **about["cost"],
        "peak_memory_mib": peak_memory(),
        "features_from_cache": about.get("cached", False),
        "features_from_earlier_seed": about.get("reused", False),
    }
    return Outcome(
        metrics=metrics,
        intervals=intervals,
        predictions=columns,
        selected=solution.selected,
        flags=solution.flags,
        weights=weights,
        timings={**about["timings"], "total": seconds},
        cost=cost,
        history=solution.history,
        extra=extra(request),
    )
