"""Detections and ground truth as JSON files in the form of COCO, so that others' tools can score them, and a reader."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from faster_coco_eval.core import mask as run_lengths

from rsbench.datasets.coco_masks import fault_of, to_rle
from rsbench.datasets.detection import RLE
from rsbench.datasets.numbers import FAR, is_finite, is_whole
from rsbench.detection.detections import Detections
from rsbench.detection.truth import Kind, Truth, plain
from rsbench.errors import UserError

_HINT = (
    'It is a JSON list of {"image_id": 1, "category_id": 1, "bbox": [left, top, width, height], "score": 0.9}, '
    'with "segmentation" (run lengths) for masks.'
)


def write_coco_results(path: Path, truth: Truth, detections: Mapping[str, Detections], kind: Kind) -> None:
    """Writes detections as a COCO result file, one per line.

    For masks, ``bbox`` is left out: with it the COCO tools would take the area of the box for that of the mask.

    Args:
        path: of the file; one that is there is replaced.
        truth: gives the numbers of images and classes.
        detections: by item of the truth.
        kind: what is written, boxes or masks.
    """
    _write(path, _list_of(_results(truth, detections, kind)))


def write_coco_truth(path: Path, truth: Truth, kind: Kind) -> None:
    """Writes ground truth as a COCO file; ``segm`` adds the masks."""
    found = truth.coco(kind)
    for one in found["annotations"]:
        if kind == "segm":
            one["segmentation"] = _readable(one["segmentation"])
    _write(path, [json.dumps(found)])


def _results(truth: Truth, detections: Mapping[str, Detections], kind: Kind) -> Iterator[str]:
    for item, number in zip(truth.items, truth.image_ids, strict=True):
        if item not in detections:
            continue
        found = detections[item]
        for row, (box, label, score) in enumerate(
            zip(found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True)
        ):
            one: dict[str, Any] = {"image_id": number, "category_id": truth.category_ids[label]}
            if kind == "bbox":
                one["bbox"] = box
            elif found.masks is None:
                raise ValueError(f"The detections of {item!r} have no masks.")
            else:
                one["segmentation"] = _readable(found.masks[row])
            yield json.dumps({**one, "score": score})


def _readable(mask: RLE) -> dict[str, Any]:
    whole = plain(mask)
    return {"size": whole["size"], "counts": whole["counts"].decode("ascii")}


def _list_of(entries: Iterable[str]) -> Iterator[str]:
    yield "["
    for number, entry in enumerate(entries):
        yield f"{',' * (number > 0)}\n{entry}"
    yield "\n]\n"


def _write(path: Path, texts: Iterable[str]) -> None:
    partial = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
    try:
        with partial.open("w", encoding="ascii") as file:
            file.writelines(texts)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class CocoResults:
    """What a COCO result file holds.

    Args:
        detections: by item, those of an image in the order of the file.
        left_out: how many are of other images of the dataset.
        boxes: whether every detection has a box of its own.
    """

    detections: Mapping[str, Detections]
    left_out: int
    boxes: bool


def read_coco_results(
    path: str | os.PathLike[str], truth: Truth, kind: Kind, known_images: Collection[int] = ()
) -> CocoResults:
    """Reads a COCO result file.

    Numbers stay as they are in the file (float64). A box without extent is a detection that overlaps nothing; one
    that reaches beyond its image stays as it is. Masks may be run lengths, compressed or not, or polygons; where there
    is no ``bbox`` beside a mask, it is the one around it.

    Args:
        path: of the file.
        truth: of the images that are scored.
        kind: ``segm`` requires masks; ``bbox`` requires boxes and does not look at masks.
        known_images: numbers of other images of the dataset, whose detections are left out.

    Raises:
        UserError: it is no such file, or an entry is not valid; it names the file and the entry, counted from 1.
    """
    item_of = dict(zip(truth.image_ids, truth.items, strict=True))
    size_of = dict(zip(truth.image_ids, truth.sizes, strict=True))
    label_of = {number: label for label, number in enumerate(truth.category_ids)}
    others = set(known_images) - set(item_of)
    found: dict[int, list[tuple[list[float] | None, int, float, RLE | None]]] = {}
    left_out = 0
    for number, entry in enumerate(_entries(path), start=1):
        missing = {"image_id", "category_id", "score", "bbox" if kind == "bbox" else "segmentation"} - set(entry)
        if missing:
            _refuse(path, number, f"it lacks {', '.join(sorted(missing))}")
        image, category, score = entry["image_id"], entry["category_id"], entry["score"]
        if not is_whole(image) or (image not in item_of and image not in others):
            _refuse(path, number, f"the dataset has no image with the id {image!r}", _ids_of(truth))
        if not is_whole(category) or category not in label_of:
            known = ", ".join(f"{n} {name}" for n, name in zip(truth.category_ids, truth.classes, strict=True))
            _refuse(path, number, f"the dataset has no category with the id {category!r}", f"It has {known}.")
        if not is_finite(score):
            _refuse(path, number, f"its score {score!r} is no finite number")
        box = _box(path, number, entry["bbox"]) if "bbox" in entry else None
        if image in others:
            left_out += 1
            continue
        mask: RLE | None = None
        if kind == "segm":
            if reason := fault_of(entry["segmentation"], size_of[image]):
                _refuse(path, number, reason)
            mask = to_rle(entry["segmentation"], size_of[image])
        found.setdefault(image, []).append((box, label_of[category], float(score), mask))
    detections = {item_of[image]: _detections(rows, kind) for image, rows in found.items()}
    return CocoResults(detections, left_out, all(row[0] is not None for rows in found.values() for row in rows))


def _detections(rows: list[tuple[list[float] | None, int, float, RLE | None]], kind: Kind) -> Detections:
    boxes, labels, scores, masks = zip(*rows, strict=True)
    if None in boxes:
        around = np.asarray(run_lengths.toBbox([plain(mask) for mask in masks]), np.float64).tolist()
        boxes = tuple(own or other for own, other in zip(boxes, around, strict=True))
    own_masks = masks if kind == "segm" else None
    return Detections(np.array(boxes, np.float64), np.array(labels, np.int64), np.array(scores, np.float64), own_masks)


def _entries(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    try:
        found = json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        raise UserError(f"The file of detections {path} does not exist.", "Check the path.") from None
    except OSError as error:
        raise UserError(f"The file of detections {path} cannot be read: {error.strerror}.", "Check the path.") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON: {error}.", _HINT) from None
    if not isinstance(found, list):
        raise UserError(f"{path} holds no list of detections.", _HINT)
    for number, entry in enumerate(found, start=1):
        if not isinstance(entry, dict):
            _refuse(path, number, "it is no object with image_id, category_id and score")
    return found


def _box(path: str | os.PathLike[str], number: int, box: Any) -> list[float]:
    if not isinstance(box, list) or len(box) != 4 or not all(map(is_finite, box)):
        _refuse(path, number, f"its bbox {str(box)[:80]} is not four finite numbers")
    if box[2] < 0 or box[3] < 0:
        _refuse(path, number, f"its bbox {box} has a negative extent (it is left, top, width, height)")
    if max(map(abs, box)) > FAR:
        _refuse(path, number, f"its bbox {str(box)[:80]} reaches further than {FAR:,.0f} pixels")
    return [float(value) for value in box]


def _ids_of(truth: Truth) -> str:
    first = min(zip(truth.image_ids, truth.items, strict=True), default=(1, "its first image"))
    return f"Number images as the dataset's COCO file does: {first[1]} is {first[0]}."


def _refuse(path: str | os.PathLike[str], number: int, reason: str, hint: str = _HINT) -> NoReturn:
    raise UserError(f"{path} is not valid: entry {number}: {reason}.", hint)
