"""Runs that can never come to an end, as far as that is known before weights and images are there."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec

from rsbench.errors import UserError
from rsbench.evaluation import EVALUATIONS
from rsbench.spec import Chosen

CELL = 32  # pixels: rsbench.batches.CELL, which imports torch; every pyramid has maps of this stride


def impossible(chosen: Chosen, processes: int) -> Iterator[tuple[str, UserError]]:
    """Yields why a run can never be made, each with what has to be changed: a setting, ``processes`` or ``tasks``.

    Args:
        chosen: what is asked.
        processes: that share the work.
    """
    kind, settings = chosen.task.kind, chosen.protocol.settings
    if kind not in EVALUATIONS:
        yield (
            "tasks",
            UserError(f"Tasks of the kind {kind!r} cannot be evaluated yet.", f"Known: {', '.join(EVALUATIONS)}."),
        )
        return
    for name, value in settings.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            yield name, UserError(f"{name}={value} is not finite.", "Give a finite number.")
    yield from _processes(chosen, processes)
    if kind in ("detection", "instance-segmentation"):
        yield from _detector(chosen)
    yield from _input_size(chosen)


def _processes(chosen: Chosen, processes: int) -> Iterator[tuple[str, UserError]]:
    batch, solver = chosen.protocol.settings.get("batch_size"), chosen.protocol.solver
    shares = chosen.task.kind != "classification" or solver == "finetune"  # heads on features are fitted by each alone
    if shares and isinstance(batch, int) and batch % processes:
        yield (
            "processes",
            UserError(f"{processes} processes cannot share a batch of {batch} equally.", "Use another number."),
        )


def _detector(chosen: Chosen) -> Iterator[tuple[str, UserError]]:
    settings, own = chosen.protocol.settings, chosen.task.protocol(chosen.protocol.name).settings
    if settings.get("engine") == "detectron2" and find_spec("detectron2") is None:
        yield "engine", UserError("detectron2 is not installed.", "docs/detectron2.md says how it is had.")
    if settings.get("detector") != own.get("detector"):  # rare: what other detectors need is asked of them
        from rsbench.detection.engines import check_settings

        try:
            check_settings({**settings, "engine": "torchvision", "anchors": own["anchors"]})
        except UserError as error:
            yield "detector", error
    sides, levels = settings.get("anchors"), own.get("anchors")
    if isinstance(sides, tuple) and isinstance(levels, tuple) and len(sides) != len(levels):
        yield (
            "anchors",
            UserError(
                f"{len(sides)} anchor sizes do not fit the {len(levels)} levels of a detector.",
                "Give one side in pixels for each.",
            ),
        )


def _input_size(chosen: Chosen) -> Iterator[tuple[str, UserError]]:
    try:
        request = chosen.request(None, None, "real", "cpu")
    except UserError as error:  # it says which sizes there are
        yield "image_size", error
        return
    weights = chosen.method.weights(chosen.variant)
    if chosen.task.kind not in ("classification", "segmentation") or not isinstance(weights.architecture, str):
        return  # objects lie on a canvas of whole cells; what a plugin's own network takes is known when it is made
    if request.input_size % CELL == 0:
        return  # fits all of rsbench's architectures, and nothing has to be imported to know it
    try:
        multiple = _size_multiple(weights.architecture, json.dumps(dict(weights.kwargs)))
        if chosen.protocol.settings.get("head", "psanet") != "psanet":
            multiple = math.lcm(CELL, multiple)
        request.check_size(multiple)
    except UserError as error:
        yield "image_size", error


@cache
def _size_multiple(architecture: str, arguments: str) -> int:
    """Returns of how many pixels the sides of an input are multiples; the network is made without its numbers.

    Args:
        architecture: one of rsbench's.
        arguments: of it, as JSON.
    """
    import torch

    from rsbench.backbones import create

    with torch.device("meta"):
        return create(architecture, **json.loads(arguments)).size_multiple
