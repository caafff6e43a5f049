"""The COCO figures of detection and instance segmentation.

They are computed twice, by faster-coco-eval from boxes or masks, and here from the matches of the detections
(``matching``, ``curves``), and must agree. The matches are what intervals and comparisons of runs are made from.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO
from faster_coco_eval.core import mask as run_lengths
from faster_coco_eval.core.faster_eval_api import COCOeval_faster
from numpy.typing import NDArray

from rsbench.detection.bootstrap import bootstrap_scores, paired_differences, resamples_for, scores_of
from rsbench.detection.detections import Detections
from rsbench.detection.figures import MAIN, score_array, score_names
from rsbench.detection.matching import Flat, Matches, match
from rsbench.detection.truth import Kind, Truth, extents, plain
from rsbench.errors import RunError

__all__ = [
    "MAIN",
    "Scores",
    "bootstrap_scores",
    "evaluate",
    "paired_differences",
    "resamples_for",
    "score_names",
    "scores_of",
]

AREA_RULE = "small <= 32^2 <= medium <= 96^2 <= large, in pixels of the image that is scored, by the area of the object"
"""The ranges of area of APs, APm and APl, for records."""

_AGREE = 1e-9


@dataclass(frozen=True, eq=False)
class Scores:
    """What an evaluation gives.

    Args:
        values: fractions by name (``score_names``); what does not exist has no key.
        matches: of every detection, for intervals and comparisons.
        kind: ``bbox`` or ``segm``.
        max_dets: how many detections of an image and class count.
    """

    values: dict[str, float]
    matches: Matches
    kind: Kind
    max_dets: int


def evaluate(truth: Truth, detections: Mapping[str, Detections], kind: Kind, max_dets: int = 100) -> Scores:
    """Scores detections.

    Args:
        truth: what is there.
        detections: by item; an item of the truth that is missing has none.
        kind: whether boxes or masks are compared.
        max_dets: how many detections of an image and class count, those of highest score.

    Raises:
        RunError: the two computations do not agree.
        ValueError: detections of an item that the truth does not have, or without the masks to compare.
    """
    if unknown := set(detections) - set(truth.items):
        raise ValueError(f"There are detections of items that the truth does not have: {sorted(unknown)[:3]}.")
    if max_dets < 1:
        raise ValueError(f"{max_dets} is no number of detections.")
    with _no_collection():
        values, matches = _figures(truth, detections, kind, max_dets)
    names = score_names(truth.classes)
    own = scores_of(matches)
    by_name = {name: float(value) for name, value in zip(names, values, strict=True) if np.isfinite(value)}
    if own.keys() != by_name.keys() or any(abs(own[name] - by_name[name]) > _AGREE for name in own):
        differing = [name for name in names if abs(own.get(name, -1.0) - by_name.get(name, -1.0)) > _AGREE]
        raise RunError(
            f"faster-coco-eval and rsbench do not agree on {', '.join(differing[:3])}: "
            f"{[by_name.get(name) for name in differing[:3]]} and {[own.get(name) for name in differing[:3]]}.",
            "Please report it with the versions of both.",
        )
    return Scores(by_name, matches, kind, max_dets)


def _figures(
    truth: Truth, detections: Mapping[str, Detections], kind: Kind, max_dets: int
) -> tuple[NDArray[np.float64], Matches]:
    """Returns the scores as the engine has them, and the matches."""
    order = np.argsort(truth.image_ids, kind="stable")
    found = [detections.get(truth.items[i]) for i in order]
    results, areas = _results([truth.image_ids[i] for i in order], truth.category_ids, found, kind)
    there = [one for one in found if one is not None]
    flat = Flat(
        np.array([0 if one is None else len(one) for one in found], np.int64),
        np.concatenate([np.zeros(0, np.int64), *(one.labels for one in there)]).astype(np.int64),
        np.concatenate([np.zeros(0), *(one.scores for one in there)]),
        areas,
    )
    if not np.isfinite(flat.scores).all():
        raise ValueError("A score is not finite.")
    engine = _engine(truth, results, kind, max_dets)
    return score_array(*_arrays(engine.eval, truth)), match(truth, flat, engine.ious, max_dets)


def _engine(truth: Truth, results: list[dict[str, Any]], kind: Kind, max_dets: int) -> COCOeval_faster:
    """Returns faster-coco-eval after its evaluation."""
    there = truth.coco(kind)
    # COCO.loadRes would copy the results and compute areas one by one
    both = COCO(there), COCO({"images": there["images"], "categories": there["categories"], "annotations": results})
    engine = COCOeval_faster(*both, kind)
    engine.params.maxDets = [max_dets]
    engine.rle_iou_max_workers = 1  # its threads take longer to hand out small tables than these take
    engine.evaluate()
    engine.accumulate()
    return engine


def _results(
    image_ids: list[int], category_ids: tuple[int, ...], found: list[Detections | None], kind: Kind
) -> tuple[list[dict[str, Any]], NDArray[np.float64]]:
    """Returns detections as the engine wants them, numbered from 1, and the area of each."""
    results: list[dict[str, Any]] = []
    masks: list[dict[str, Any]] = []
    areas = [np.zeros(0)]
    for image, one in zip(image_ids, found, strict=True):
        if one is None:
            continue
        if kind == "segm":
            if one.masks is None or len(one.masks) != len(one):
                raise ValueError("Masks are to be compared, and the detections have none.")
            masks += map(plain, one.masks)
        else:
            areas.append(extents(one.boxes))
        for box, label, score in zip(one.boxes.tolist(), one.labels.tolist(), one.scores.tolist(), strict=True):
            result = {"id": len(results) + 1, "image_id": image, "category_id": category_ids[label], "score": score}
            if kind == "bbox":  # beside masks, boxes would say how large a detection is
                result["bbox"] = box
            results.append(result)
    size = np.asarray(run_lengths.area(masks), dtype=np.float64) if masks else np.concatenate(areas)
    for result, area in zip(results, size.tolist(), strict=True):
        result |= {"area": area, "iscrowd": 0}
    if kind == "segm":
        for result, mask in zip(results, masks, strict=True):
            result["segmentation"] = mask
    return results, size


def _arrays(found: Mapping[str, Any], truth: Truth) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns precision and recall of the engine, (classes, areas, thresholds) in the order of the labels."""
    rows = np.argsort(np.argsort(truth.category_ids))  # the engine has classes in the order of their numbers
    precision, recall = np.asarray(found["precision"])[..., -1], np.asarray(found["recall"])[..., -1]
    mean = np.where((precision > -1).all(axis=1), precision.mean(axis=1), np.nan)
    return np.moveaxis(mean, 0, -1)[rows], np.moveaxis(np.where(recall > -1, recall, np.nan), 0, -1)[rows]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Spares the search for circles in some hundred thousand dicts, of which there are none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
