"""Detections and their matches in a Parquet file, read some hundred images at a time.

One row per part and item. Boxes (left, top, width, height, one after the other) and scores are float32, for that is
what networks give; what is stored is what is scored. ``masks`` holds the ``counts`` of compressed run lengths, whose
size is that of the image. The final file of a run also has what AP of any images follows from (``matching.Matches``):
``image_id``, ``hits`` and ``ignored`` of each detection, ``objects`` by class and range of area. Where masks are
scored, these are theirs, and those of the boxes are ``box_hits`` and ``box_ignored``. The metadata of the file name
classes, kind and the number of detections that count. ``prediction_writer`` writes both.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rsbench.datasets.detection import RLE
from rsbench.detection.detections import Detections
from rsbench.detection.matching import AREAS, EVERYWHERE, Matches
from rsbench.detection.truth import Kind
from rsbench.records.columns import check_columns, integers, lists, with_plain_keys
from rsbench.records.predictions import KEYS

METADATA_KEY = b"rsbench.detection"
"""Key of the metadata."""

FIELDS = (
    ("part", pa.string()),
    ("item", pa.string()),
    ("boxes", pa.list_(pa.float32())),
    ("labels", pa.list_(pa.int16())),
    ("scores", pa.list_(pa.float32())),
)
"""Columns of all files."""

MASK_FIELDS = (("height", pa.int32()), ("width", pa.int32()), ("masks", pa.list_(pa.binary())))
"""Columns of files with masks."""

_MOST = 2**31  # objects of a class in an image; sums of all images stay exact
MATCH_COLUMNS = {"": ("hits", "ignored"), "box": ("box_hits", "box_ignored")}
"""Columns of the matches, and of those of the boxes where masks are scored."""


def read_detections(paths: Sequence[Path]) -> dict[str, dict[str, Detections]]:
    """Returns detections by part and item, from the files of one or several processes.

    Raises:
        ValueError: an item is there twice.
    """
    found: dict[str, dict[str, Detections]] = {}
    for path in paths:
        with pq.ParquetFile(path) as file:
            wanted = [name for name, _ in (*FIELDS, *MASK_FIELDS) if name in file.schema_arrow.names]
            for group in range(file.num_row_groups):
                for part, item, detections in _read_group(file.read_row_group(group, columns=wanted)):
                    if item in found.setdefault(part, {}):
                        raise ValueError(f"The detections of {item!r} of {part} are there twice.")
                    found[part][item] = detections
    return found


def _read_group(table: pa.Table) -> list[tuple[str, str, Detections]]:
    columns = table.to_pydict()
    boxes, labels, scores = (_split(table, name) for name in ("boxes", "labels", "scores"))
    rows = []
    for i, (part, item) in enumerate(zip(columns["part"], columns["item"], strict=True)):
        masks: tuple[RLE, ...] | None = None
        if "masks" in columns:
            size = [columns["height"][i], columns["width"][i]]
            masks = tuple({"size": size, "counts": counts} for counts in columns["masks"][i])
        own = boxes[i].astype(np.float64).reshape(-1, 4)
        rows.append((part, item, Detections(own, labels[i].astype(np.int64), scores[i].astype(np.float64), masks)))
    return rows


def _split(table: pa.Table, name: str) -> list[np.ndarray]:
    """Returns a column of lists as one array per row."""
    column = table[name].combine_chunks()
    lengths = np.from_dlpack(column.value_lengths())
    return np.split(np.from_dlpack(column.flatten()), np.cumsum(lengths)[:-1])


@dataclass(frozen=True)
class About:
    """What the metadata of a file of predictions say.

    Args:
        classes: names in label order.
        kind: ``bbox`` or ``segm``.
        max_dets: how many detections of an image and class count.
    """

    classes: tuple[str, ...]
    kind: Kind
    max_dets: int


def about_of(schema: pa.Schema) -> About:
    """Returns what the metadata of a file or table say.

    Raises:
        ValueError: they are not there, or say something else.
    """
    if METADATA_KEY not in (schema.metadata or {}):
        raise ValueError("These are not predictions of detection: no classes are named.")
    try:
        found = json.loads(schema.metadata[METADATA_KEY])
    except ValueError:
        raise ValueError("The metadata of the predictions are no JSON.") from None
    try:
        about = About(tuple(found["classes"]), found["kind"], found["max_dets"])
    except (KeyError, TypeError):
        about = About((), "bbox", 0)
    if not about.classes or not all(isinstance(name, str) for name in about.classes):
        raise ValueError("The classes in the metadata are no names.")
    return about


def match_columns(boxes: bool = False) -> tuple[str, ...]:
    """Returns the columns that ``read_matches`` needs beside part and item."""
    return ("image_id", "labels", "scores", "objects", *MATCH_COLUMNS["box" if boxes else ""])


def read_matches(source: pa.Table | str | os.PathLike[str], part: str, boxes: bool = False) -> Matches:
    """Returns the matches of a part; of a file, neither boxes nor masks are read.

    Args:
        source: a table with part, item and ``match_columns(boxes)``, or the path of such a file.
        part: of the split.
        boxes: those of the boxes where masks were scored, too.

    Raises:
        ValueError: it has no such matches, or they do not fit together.
    """
    names = (*KEYS, *match_columns(boxes))
    if not isinstance(source, pa.Table):
        with pq.ParquetFile(source) as file:
            source = file.read(columns=[name for name in names if name in file.schema_arrow.names])
    classes = about_of(source.schema).classes
    check_columns(source, names)
    source = with_plain_keys(source)
    image_ids = integers(source, "image_id")
    rows = np.flatnonzero([name == part for name in source["part"].to_pylist()])
    rows = rows[np.argsort(image_ids[rows], kind="stable")]
    table = source.take(pa.array(rows.tolist(), pa.int64()))
    *_, of_image, hits, ignored = names
    found = {name: lists(table, name, fractions=name == "scores") for name in ("labels", "scores", *names[-3:])}
    lengths = {name: own for name, (own, _) in found.items()}
    values: dict[str, Any] = {name: own for name, (_, own) in found.items()}
    same = all(np.array_equal(lengths[name], lengths["labels"]) for name in ("scores", hits, ignored))
    if not same or (lengths[of_image] != len(classes) * len(AREAS)).any():
        raise ValueError("Labels, scores, matches and objects do not fit together.")
    for name, most in (("labels", len(classes) - 1), (hits, EVERYWHERE), (ignored, EVERYWHERE), (of_image, _MOST)):
        if len(values[name]) and not 0 <= values[name].min() <= values[name].max() <= most:
            raise ValueError(f"{name}: a value is not from 0 to {most}.")
    return Matches(
        classes=classes,
        items=tuple(table["item"].to_pylist()),
        image_ids=image_ids[rows],
        ends=np.cumsum(lengths["labels"], dtype=np.int64),
        labels=values["labels"].astype(np.int16),
        scores=values["scores"],
        hits=values[hits],
        ignored=values[ignored],
        objects=values[of_image].reshape(-1, len(classes), len(AREAS)),
    )
