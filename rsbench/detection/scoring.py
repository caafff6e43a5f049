"""Scores of a file of detections, whoever made it: what ``rsbench score`` prints."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

from rsbench import __version__
from rsbench.datasets.detection import DetectionDataset
from rsbench.datasets.splits import SplitList
from rsbench.detection.coco_results import read_coco_results
from rsbench.detection.metrics import AREA_RULE, bootstrap_scores, evaluate, resamples_for
from rsbench.detection.truth import Kind, truth_of
from rsbench.errors import UserError, near_miss
from rsbench.metric_names import BOXES
from rsbench.task import Task

WHOLE = "all"
"""Stands for all parts of a partition."""

MAX_DETS = 100
"""Detections that count per image and class where nobody says how many."""

_LEVEL = 0.95


@dataclass(frozen=True)
class FileScores:
    """The scores of a file of detections, and all that they depend on.

    Args:
        partition, partition_sha256: the list of images.
        split: part of it, or ``all``.
        detections_file: path.
        compared: ``boxes`` or ``masks``.
        images, objects, crowd_regions: how many there are; crowd regions are no objects.
        detections: how many were scored.
        left_out: how many are of other images of the dataset.
        max_dets: detections of an image and class that count.
        area_rule: what is small, medium and large.
        policies, notes, classes: of the dataset.
        metrics: percent, by the keys of a record, such as ``val/AP50``; with masks ``val/boxAP50`` too, if every
            detection has a box.
        intervals: percent, by the same keys.
        resamples: draws that an interval is made of; 0 without intervals.
        level: share of the draws between the bounds of an interval; None without intervals.
        versions: of the packages that scored.
    """

    partition: str
    partition_sha256: str
    split: str
    detections_file: str
    compared: str
    images: int
    objects: int
    crowd_regions: int
    detections: int
    left_out: int
    max_dets: int
    area_rule: str
    policies: Mapping[str, Any]
    notes: tuple[str, ...]
    classes: tuple[str, ...]
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    resamples: int
    level: float | None
    versions: Mapping[str, str]

    @property
    def heads(self) -> tuple[str, ...]:
        """What names of scores begin with: nothing, and ``box`` where those of the boxes stand beside the masks'."""
        return ("", BOXES) if any(key.startswith(f"{self.split}/{BOXES}") for key in self.metrics) else ("",)

    def as_dict(self) -> dict[str, Any]:
        """Returns everything by name, ready for JSON; what is absent has no key."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def kind_of(task: Task) -> Kind:
    """Returns what a task compares.

    Raises:
        UserError: it has no detections.
    """
    kinds: dict[str, Kind] = {"detection": "bbox", "instance-segmentation": "segm"}
    if task.kind not in kinds:
        raise UserError(f"{task.title} is a task of {task.kind}.", "Score tasks of detection.")
    return kinds[task.kind]


def max_dets_of(task: Task) -> int:
    """Returns how many detections of an image and class count by the first protocol of a task."""
    own = task.protocols[0].settings.get("max_dets")
    return own if isinstance(own, int) else MAX_DETS


def score_file(
    dataset: DetectionDataset,
    split: SplitList,
    part: str,
    detections: str | os.PathLike[str],
    kind: Kind,
    max_dets: int = MAX_DETS,
    intervals: bool = True,
) -> FileScores:
    """Scores a JSON list of results in the form of COCO with the COCO figures: AP, AR and F1, of each class too.

    Args:
        dataset: opened with ``split``; it says which number an image and a class have in the file.
        split: the partition.
        part: of the partition, or ``all``; detections of other images are left out and counted.
        detections: path of the file.
        kind: whether boxes or masks are compared.
        max_dets: how many detections of an image and class count, those of highest score.
        intervals: whether images are drawn again for 95 % intervals.

    Raises:
        UserError: there is no such part, or the file cannot be read as detections of the dataset.

    >>> import json, tempfile
    >>> from pathlib import Path
    >>> from rsbench.plugins import load
    >>> folder = tempfile.TemporaryDirectory()
    >>> root, task = Path(folder.name), load().task("vhr10-det")
    >>> split = task.demo(root, 0)
    >>> dataset = task.open(root, split)
    >>> objects = truth_of(dataset, split.parts["val"]).coco("bbox")["annotations"]
    >>> results = root / "results.json"
    >>> _ = results.write_text(json.dumps([{**one, "score": 0.9} for one in objects]))
    >>> found = score_file(dataset, split, "val", results, kind_of(task))
    >>> found.metrics["val/AP"], found.detections == found.objects
    (100.0, True)
    >>> folder.cleanup()
    """
    if part != WHOLE and part not in dataset.parts:
        raise UserError(
            f"The partition {split.name!r} has no part {part!r}.", near_miss(part, [*dataset.parts, WHOLE])
        )  # fmt: skip
    items = sorted({key for ids in dataset.parts.values() for key in ids} if part == WHOLE else dataset.parts[part])
    truth = truth_of(dataset, items)
    read = read_coco_results(detections, truth, kind, set(dataset.image_ids.values()))
    found = {"": evaluate(truth, read.detections, kind, max_dets)}
    if kind == "segm" and read.boxes and read.detections:
        found[BOXES] = evaluate(truth, read.detections, "bbox", max_dets)
    resamples = resamples_for(found[""].matches) if intervals else 0
    bounds: dict[str, tuple[float, float]] = {}
    for head, one in found.items() if intervals else ():
        own = bootstrap_scores(one.matches, _LEVEL, resamples)
        bounds |= {f"{part}/{head}{name}": (100 * low, 100 * high) for name, (low, high) in own.items()}
    crowds = np.concatenate([one.crowd for one in truth.objects])
    return FileScores(
        partition=split.name,
        partition_sha256=split.sha256,
        split=part,
        detections_file=os.fspath(detections),
        compared="masks" if kind == "segm" else "boxes",
        images=len(items),
        objects=int((~crowds).sum()),
        crowd_regions=int(crowds.sum()),
        detections=sum(map(len, read.detections.values())),
        left_out=read.left_out,
        max_dets=max_dets,
        area_rule=AREA_RULE,
        policies=dict(dataset.policies),
        notes=dataset.notes,
        classes=dataset.classes,
        metrics={f"{part}/{head}{name}": 100 * v for head, one in found.items() for name, v in one.values.items()},
        intervals=bounds,
        resamples=resamples,
        level=_LEVEL if intervals else None,
        versions={"rsbench": __version__, "faster-coco-eval": version("faster-coco-eval")},
    )
