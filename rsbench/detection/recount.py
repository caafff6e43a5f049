"""AP and AR once more, from the COCO files beside a record: the boxes and masks themselves, not their matches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from faster_coco_eval import COCO
from faster_coco_eval.core.faster_eval_api import COCOeval_faster

from rsbench.detection.truth import Kind


def recount(truth: Path, results: Path, kind: Kind, max_dets: int) -> dict[str, float]:
    """Returns AP, AP50, AP75 and AR over all classes and areas, as fractions; what does not exist has no key.

    Args:
        truth: COCO file of the ground truth.
        results: COCO result file.
        kind: whether boxes or masks are compared.
        max_dets: how many detections of an image and class count.

    Raises:
        OSError, ValueError: a file cannot be read, or is no such file.
    """
    try:
        there = COCO(json.loads(truth.read_text(encoding="utf-8")))
        found = json.loads(results.read_text(encoding="utf-8"))
        if not found:
            return dict.fromkeys(("AP", "AP50", "AP75", "AR"), 0.0) if there.anns else {}
        engine = COCOeval_faster(there, there.loadRes(found), kind)
        engine.params.maxDets = [max_dets]
        engine.rle_iou_max_workers = 1
        engine.evaluate()
        engine.accumulate()
    except (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, TypeError) as error:
        raise ValueError(f"{results.name} and {truth.name} cannot be scored: {error}") from None
    precision, recall = (np.asarray(engine.eval[name])[..., 0, -1] for name in ("precision", "recall"))
    parts = {"AP": precision, "AP50": precision[0], "AP75": precision[5], "AR": recall}
    return {name: float(part[part > -1].mean()) for name, part in parts.items() if (part > -1).any()}
