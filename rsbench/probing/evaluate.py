"""Evaluation of classification tasks: features from the cache or the backbone, a protocol, top-1."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch

from rsbench.backbones.inference import linear_backend
from rsbench.checkpoints.load import Loaded, load, source_kind
from rsbench.errors import RunError
from rsbench.preprocessing import RESIZE
from rsbench.probing.features import cost_of, features
from rsbench.probing.solve import SOLVERS, Problem, Solution
from rsbench.ranks import ranks
from rsbench.request import Failure, Outcome, Request, peak_memory
from rsbench.sources import Random
from rsbench.statistics import bootstrap_interval
from rsbench.team import Team

METRICS = ("top1", "mean_class_accuracy")


def evaluate(request: Request, seeds: Sequence[int]) -> Iterator[tuple[int, Outcome | Failure]]:
    """Yields what came out of each seed; one that fails does not stop the others, an interruption does.

    Weights that do not depend on the seed are loaded and embedded once for all seeds. Several processes embed a share
    of the images each, and the first of them fits and predicts; fine-tuning is done by all. All yield the same.

    Raises:
        UserError: before anything is computed, if the task wants what this evaluation does not give, or the processes
            cannot share a batch.
    """
    parts = request.check_task(METRICS)
    team = _team(request)
    drawn = request.checkpoint is None and isinstance(request.method.weights(request.variant).source, Random)
    extra = depends(request, team.world)
    loaded: Loaded | None = None
    problem: Problem | None = None
    about: dict[str, Any] = {}
    for seed in seeds:
        start = time.perf_counter()
        weights: dict[str, Any] = {"source": source_kind(request.method.weights(request.variant), request.checkpoint)}
        try:
            if loaded is None or drawn:
                with team.together():
                    loaded = load(request.method, request.variant, request.checkpoint, seed, request.accept_licence)
                    request.check_size(loaded.backbone.size_multiple)
                about = {}
            weights = loaded.about()
            if request.protocol.solver == "finetune":
                from rsbench.probing.finetune import finetune  # Lightning takes seconds to import

                about = {"timings": {}, "cost": cost_of(loaded.backbone, request.input_size)}
                solution = finetune(request, team, deepcopy(loaded.backbone), parts, seed)
            else:
                if about:
                    about = {**about, "timings": {"features": 0.0}, "reused": True}
                else:
                    problem, about = _problem(request, team, loaded, parts)
                solution = team.first(lambda: _solution(request, problem, seed))  # noqa: B023 called at once
            yield seed, _outcome(request, team, weights, solution, about, time.perf_counter() - start)
        except RunError as error:
            loaded = None  # a network that wrote to itself is another one now
            yield seed, Failure(reason=f"{error.message} {error.hint}".strip(), weights=weights, extra=extra)
        except KeyboardInterrupt:
            yield seed, Failure(reason="Interrupted.", status="interrupted", weights=weights, extra=extra)
            return


def depends(request: Request, processes: int) -> dict[str, Any]:
    """Returns what else the numbers of an evaluation in so many processes depend on, if only in the last digits.

    Features are the same however many processes make them; a training in several processes is another training.
    """
    if request.protocol.solver != "finetune":
        return _arithmetic(request)
    return {"resize": RESIZE, "linear": "torch"} | ({"processes": processes} if processes > 1 else {})


def feature_identity(request: Request, loaded: Loaded) -> dict[str, Any]:
    """All that features depend on."""
    weights = request.method.weights(request.variant)
    return {
        "weights": loaded.digest,
        "architecture": weights.architecture_name,
        "kwargs": dict(loaded.kwargs),
        "preprocess": weights.preprocess.facts(),
        "input_size": request.input_size,
        **_arithmetic(request),
        "images": request.dataset.fingerprint,
        "precision": request.precision,
        "device": torch.device(request.device).type,
    }


def _arithmetic(request: Request) -> dict[str, Any]:
    return {"resize": RESIZE, "linear": linear_backend(request.precision, request.device)}


def _team(request: Request) -> Team:
    if ranks().world == 1:
        return Team()
    from rsbench.fabric import launch_on

    return Team(launch_on(request.device, request.precision, find_unused=True))


def _problem(
    request: Request, team: Team, loaded: Loaded, reported: Sequence[str]
) -> tuple[Problem | None, dict[str, Any]]:
    """Returns what the first process of the team solves, and what making the features took."""
    made = features(request, team, loaded, feature_identity(request, loaded))
    problem = None
    if made is not None:
        parts = {part: request.dataset.parts[part] for part in (request.task.train, *reported)}
        problem = Problem(
            features={part: made.of(items.ids) for part, items in parts.items()},
            labels={part: items.labels for part, items in parts.items()},
            classes=len(request.dataset.classes),
            train=request.task.train,
        )
    about = team.first(
        lambda: (
            {}
            if made is None
            else {"timings": {"features": made.seconds}, "cost": dict(made.cost), "cached": made.cached}
        )
    )
    return problem, about


def _solution(request: Request, problem: Problem | None, seed: int) -> Solution:
    assert problem is not None  # it is the first process that solves
    return SOLVERS[request.protocol.solver](problem, request.protocol, seed)


def _outcome(
    request: Request, team: Team, weights: dict[str, Any], solution: Solution, about: dict[str, Any], seconds: float
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
        extra=depends(request, team.world),
    )
