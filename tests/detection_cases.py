"""Random truths and detections, and the COCO tools as the oracle of their figures; shared by tests of detection."""

import contextlib
import io
from typing import Any

import numpy as np
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from rsbench.datasets.detection import Objects, no_objects
from rsbench.detection.detections import Detections
from rsbench.detection.figures import score_names
from rsbench.detection.truth import Truth

SIZE = 160
CLASSES = ("ship", "tennis court", "harbor")


def ellipses(boxes: np.ndarray, size: int = SIZE) -> list[dict[str, Any]]:
    """Masks of the ellipses in boxes."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    corners = []
    for x, y, w, h in boxes:
        corners.append(np.stack([x + w / 2 * (1 + np.cos(angles)), y + h / 2 * (1 + np.sin(angles))], 1).ravel())
    return [run_lengths.frPyObjects([one.tolist()], size, size)[0] for one in corners]


def boxes_in(rng: np.random.Generator, count: int, size: int = SIZE, whole: bool = False) -> np.ndarray:
    """Boxes of all ranges of area that lie in the image."""
    sides = np.exp(rng.uniform(np.log(6), np.log(0.9 * size), (count, 2)))
    boxes = np.concatenate([rng.random((count, 2)) * (size - sides), sides], axis=1)
    return np.maximum(np.round(boxes), [0, 0, 1, 1]) if whole else boxes


def case(
    seed: int, images: int = 6, most: int = 7, dets: int = 20, classes: int = 3, crowd: float = 0.15,
    ties: bool = False, masks: bool = True, even: bool = False,
) -> tuple[Truth, dict[str, Detections]]:  # fmt: skip
    """Draws a truth and detections of it: some near an object, some of another class, some anywhere.

    Images without objects, without detections or without both occur, and classes without objects.

    Args:
        seed: of the case.
        images: how many.
        most: objects of an image, at most.
        dets: detections of an image, at most.
        classes: how many; the last one has objects in few cases.
        crowd: share of crowd regions.
        ties: round scores and boxes so that equal scores and equal overlaps occur.
        masks: whether there are masks.
        even: classes are equally frequent.
    """
    rng = np.random.default_rng(seed)
    names = tuple(f"{CLASSES[i % 3]} {i}" for i in range(classes))
    numbers = rng.permutation(1000)[:images] + 1
    weights = np.full(classes, 1 / classes) if even else rng.dirichlet(np.full(classes, 0.4))
    truths, found = [], {}
    for i in range(images):
        count = int(rng.integers(0, most + 1)) * (rng.random() > 0.15)
        boxes = boxes_in(rng, count, whole=ties)
        if ties and count > 1:
            boxes[-1] = boxes[0]
        labels = rng.choice(classes, count, p=weights)
        rle = tuple(ellipses(boxes)) if masks else None
        areas = run_lengths.area(list(rle)).astype(float) if masks and count else boxes[:, 2] * boxes[:, 3] * 0.8
        crowds = rng.random(count) < crowd
        truths.append(Objects(boxes, labels, areas, crowds, rle) if count else no_objects(masks))
        number = int(rng.integers(0, dets + 1)) * (rng.random() > 0.15)
        near = boxes_in(rng, number, whole=ties)
        guess = rng.integers(0, classes, number)
        if count:
            source = rng.integers(0, count, number)
            close = rng.random(number) < 0.7
            noise = rng.normal(0, rng.choice([0.0, 0.03, 0.1], number)[:, None], (number, 4))
            moved = boxes[source] + noise * np.tile(boxes[source][:, 2:], 2)
            moved[:, 2:] = moved[:, 2:].clip(1)
            moved = np.round(moved) if ties else moved
            near = np.where(close[:, None], moved, near)
            guess = np.where(close & (rng.random(number) < 0.8), labels[source], guess)
        scores = rng.random(number)
        scores = np.round(scores, 1) if ties else scores
        if rng.random() < 0.9:
            found[f"{i:03d}"] = Detections(near, guess.astype(np.int64), scores, ellipses(near) if masks else None)
    sizes = tuple((SIZE, SIZE) for _ in range(images))
    items = tuple(f"{i:03d}" for i in range(images))
    categories = tuple(int(n) for n in rng.permutation(50)[:classes])
    return Truth(items, tuple(map(int, numbers)), sizes, tuple(truths), names, categories), found


def coco_results(truth: Truth, found: dict[str, Detections], kind: str) -> list[dict[str, Any]]:
    """COCO results, written down once more for the oracle."""
    results = []
    for item, number in zip(truth.items, truth.image_ids, strict=True):
        if item not in found:
            continue
        one = found[item]
        for row in range(len(one)):
            result = {"image_id": number, "category_id": truth.category_ids[one.labels[row]]}
            result["score"] = float(one.scores[row])
            if kind == "segm":
                result["segmentation"] = one.masks[row]
            else:
                result["bbox"] = [float(v) for v in one.boxes[row]]
            results.append(result)
    return results


def oracle(truth: dict[str, Any], results: list[dict[str, Any]], kind: str, max_dets: int = 100) -> COCOeval:
    """Runs pycocotools."""
    with contextlib.redirect_stdout(io.StringIO()):
        there = COCO()
        there.dataset = truth
        there.createIndex()
        if results:
            guessed = there.loadRes(results)
        else:  # loadRes cannot take an empty list
            guessed = COCO()
            guessed.dataset = {**truth, "annotations": []}
            guessed.createIndex()
        run = COCOeval(there, guessed, kind)
        run.params.maxDets = [max_dets]
        run.evaluate()
        run.accumulate()
    return run


def oracle_scores(truth: Truth, found: dict[str, Detections], kind: str, max_dets: int = 100) -> dict[str, float]:
    """The scores by name, by loops over the arrays of pycocotools."""
    run = oracle(truth.coco(kind), coco_results(truth, found, kind), kind, max_dets)
    return named_scores(run, truth)


def named_scores(run: COCOeval, truth: Truth) -> dict[str, float]:
    """Reads the scores out of the arrays of pycocotools, entry by entry."""
    order = sorted(truth.category_ids)
    precision, recall = run.eval["precision"], run.eval["recall"]
    every = slice(None)

    def of(array: np.ndarray, threshold: Any, area: int, label: int | None) -> float:
        k = every if label is None else [order.index(truth.category_ids[label])]
        values = array[threshold][..., k, area, -1]
        return float(np.mean(values[values > -1])) if (values > -1).any() else np.nan

    scores: dict[str, float] = {}
    for label, tail in [(None, ""), *((i, "_" + name.replace(" ", "_")) for i, name in enumerate(truth.classes))]:
        for letter, array in (("AP", precision), ("AR", recall)):
            scores[letter + tail] = of(array, every, 0, label)
            scores[f"{letter}50{tail}"] = of(array, slice(0, 1), 0, label)
            scores[f"{letter}75{tail}"] = of(array, slice(5, 6), 0, label)
            if label is None:
                for area, size in enumerate("sml", start=1):
                    scores[letter + size] = of(array, every, area, None)
        for end in ("", "75"):
            a, b = scores[f"AP{end}{tail}"], scores[f"AR{end}{tail}"]
            name = f"F1{'_75' if end else ''}{tail}"
            scores[name] = np.nan if np.isnan(a) else 0.0 if a + b == 0 else 2 * a * b / (a + b)
    assert set(scores) == set(score_names(truth.classes))
    return {name: value for name, value in scores.items() if np.isfinite(value)}
