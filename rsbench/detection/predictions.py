"""Detections and their matches in a Parquet file, written and read some hundred images at a time.

One row per part and item. Boxes (left, top, width, height, one after the other) and scores are float32, for that is
what networks give; what is stored is what is scored. ``masks`` holds the ``counts`` of compressed run lengths, whose
size is that of the image. The final file of a run also has what AP of any images follows from (``matching.Matches``):
``image_id``, ``hits`` and ``ignored`` of each detection, ``objects`` by class and range of area. Where masks are
scored, these are theirs, and those of the boxes are ``box_hits`` and ``box_ignored``. The metadata of the file name
classes, kind and the number of detections that count.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rsbench.datasets.detection import RLE
from rsbench.detection.detections import Detections
from rsbench.detection.matching import AREAS, Matches
from rsbench.detection.truth import Kind, plain
from rsbench.errors import RunError
from rsbench.records.files import sync

if TYPE_CHECKING:
    from rsbench.detection.metrics import Scores

_COLUMNS = {"": ("hits", "ignored"), "box": ("box_hits", "box_ignored")}

_KEY = b"rsbench.detection"
_ROWS = 256  # of a row group
_FIELDS = [
    ("part", pa.string()),
    ("item", pa.string()),
    ("boxes", pa.list_(pa.float32())),
    ("labels", pa.list_(pa.int16())),
    ("scores", pa.list_(pa.float32())),
]
_MASK_FIELDS = [("height", pa.int32()), ("width", pa.int32()), ("masks", pa.list_(pa.binary()))]
_MATCH_FIELDS = [
    ("image_id", pa.int64()),
    ("objects", pa.list_(pa.int64())),
    ("hits", pa.list_(pa.int64())),
    ("ignored", pa.list_(pa.int64())),
]


class DetectionWriter:
    """Writes detections as they come; the file appears, whole, when the ``with`` block ends without an error.

    Args:
        path: of the file; one that is there is replaced.
        masks: whether detections have masks.
    """

    def __init__(self, path: Path, masks: bool) -> None:
        self.path = path
        self.masks = masks
        self._rows = _Rows(path, [*_FIELDS, *(_MASK_FIELDS if masks else [])], {})

    def __enter__(self) -> DetectionWriter:
        self._rows.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.close(whole=kind is None)

    def add(self, part: str, item: str, detections: Detections) -> None:
        """Takes the detections of one image.

        Args:
            part: of the split.
            item: id of the image; nothing here looks for one that is given twice, ``read_detections`` does.
            detections: what was found.

        Raises:
            RunError: a box or score is not finite.
        """
        self._rows.add(_row(part, item, detections, self.masks))


class _Rows:
    """A Parquet file that is written in groups of rows and appears when it is whole."""

    def __init__(self, path: Path, fields: Sequence[tuple[str, pa.DataType]], metadata: Mapping[bytes, bytes]) -> None:
        self.path = path
        self.schema = pa.schema(fields, metadata=metadata)
        self.partial = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
        self.rows: list[dict[str, Any]] = []
        self.file: pq.ParquetWriter | None = None

    def open(self) -> None:
        self.file = pq.ParquetWriter(self.partial, self.schema, compression="zstd", use_dictionary=["part"])

    def add(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        if len(self.rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        assert self.file is not None, "add() outside of the with block"
        if self.rows:
            columns = [_column([row[field.name] for row in self.rows], field.type) for field in self.schema]
            self.file.write_table(pa.Table.from_arrays(columns, schema=self.schema))
        self.rows = []

    def close(self, whole: bool) -> None:
        assert self.file is not None
        try:
            if whole:
                self._flush()
            self.file.close()
            if whole:
                sync(self.partial)
                self.partial.replace(self.path)
        finally:
            self.file = None
            self.partial.unlink(missing_ok=True)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if not pa.types.is_list(kind) or kind.value_type == pa.binary():
        return pa.array(values, kind)
    ends = np.cumsum([0, *map(len, values)], dtype=np.int32)
    return pa.ListArray.from_arrays(ends, pa.array(np.concatenate(values), kind.value_type), type=kind)


def _row(part: str, item: str, found: Detections, masks: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "part": part,
        "item": item,
        "boxes": np.asarray(found.boxes, dtype=np.float32).ravel(),
        "labels": found.labels.astype(np.int16),
        "scores": found.scores.astype(np.float32),
    }
    if not (np.isfinite(row["boxes"]).all() and np.isfinite(row["scores"]).all()):
        raise RunError(f"A box or score of {item!r} is not finite.", "Train at another rate, or in --precision fp32.")
    if masks:
        if found.masks is None or len(found.masks) != len(found):
            raise ValueError(f"{len(found)} detections of {item!r} have {found.masks and len(found.masks)} masks.")
        whole = [plain(mask) for mask in found.masks]
        sizes = {tuple(mask["size"]) for mask in whole}
        if len(sizes) > 1:
            raise ValueError(f"The masks of {item!r} are of different sizes: {sorted(sizes)}.")
        height, width = sizes.pop() if sizes else (None, None)
        row |= {"height": height, "width": width, "masks": [mask["counts"] for mask in whole]}
    return row


def read_detections(paths: Sequence[Path]) -> dict[str, dict[str, Detections]]:
    """Returns detections by part and item, from the files of one or several processes.

    Raises:
        ValueError: an item is there twice.
    """
    found: dict[str, dict[str, Detections]] = {}
    for path in paths:
        with pq.ParquetFile(path) as file:
            wanted = [name for name, _ in (*_FIELDS, *_MASK_FIELDS) if name in file.schema_arrow.names]
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


def write_predictions(path: Path, parts: Mapping[str, tuple[Mapping[str, Detections], Sequence[Scores]]]) -> None:
    """Writes the final file of a run: one row per part and item, in their order.

    Args:
        path: of the file; one that is there is replaced.
        parts: by name, the detections by item (one that is missing has none) and what ``metrics.evaluate`` gave for
            them: one result of the same kind for every part, or one of masks and one of boxes.

    Raises:
        ValueError: parts that were scored in different ways, or other detections than those that were scored; numbers
            that float32 does not hold are others, for what is stored would not be what was scored.
    """
    ways = {
        tuple(sorted((one.kind, one.max_dets, one.matches.classes) for one in found)) for _, found in parts.values()
    }
    kinds = [kind for kind, _, _ in next(iter(ways), ())]
    if len(ways) != 1 or kinds not in (["bbox"], ["segm"], ["bbox", "segm"]):
        raise ValueError(f"The parts were not scored in one way: {sorted(ways)}.")
    [(main, max_dets, classes)] = [way for way in next(iter(ways)) if way[0] == kinds[-1]]
    masks = main == "segm"
    fields = [*_FIELDS, *(_MASK_FIELDS if masks else []), *_MATCH_FIELDS]
    if len(kinds) == 2:
        fields += [(name, pa.list_(pa.int64())) for name in _COLUMNS["box"]]
    about = {"classes": classes, "kind": main, "max_dets": max_dets}
    nothing = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0), () if masks else None)
    rows = _Rows(path, fields, {_KEY: json.dumps(about).encode()})
    rows.open()
    whole = False
    try:
        for part, (detections, scored) in sorted(parts.items()):
            by_kind = {one.kind: one.matches for one in scored}
            first = by_kind[main]
            ends = [0, *first.ends.tolist()]
            for item, i in sorted(zip(first.items, range(len(first.items)), strict=True)):
                own = slice(ends[i], ends[i + 1])
                row = _row(part, item, detections.get(item, nothing), masks)
                if not np.array_equal(row["scores"], first.scores[own]):
                    raise ValueError(f"The matches of {item!r} are not those of its detections in float32.")
                row |= {"image_id": int(first.image_ids[i]), "objects": first.objects[i].ravel()}
                for kind, matches in by_kind.items():
                    hits, ignored = _COLUMNS["" if kind == main else "box"]
                    row |= {hits: matches.hits[own], ignored: matches.ignored[own]}
                rows.add(row)
        whole = True
    finally:
        rows.close(whole)


def about_of(schema: pa.Schema) -> About:
    """Returns what the metadata of a file or table say.

    Raises:
        ValueError: they are not there.
    """
    if _KEY not in (schema.metadata or {}):
        raise ValueError("These are not predictions of detection: no classes are named.")
    found = json.loads(schema.metadata[_KEY])
    return About(tuple(found["classes"]), found["kind"], found["max_dets"])


def match_columns(boxes: bool = False) -> tuple[str, ...]:
    """Returns the columns that ``read_matches`` needs beside part and item."""
    return ("image_id", "labels", "scores", "objects", *_COLUMNS["box" if boxes else ""])


def read_matches(source: pa.Table | str | os.PathLike[str], part: str, boxes: bool = False) -> Matches:
    """Returns the matches of a part; of a file, neither boxes nor masks are read.

    Args:
        source: a table with part, item and ``match_columns(boxes)``, or the path of such a file.
        part: of the split.
        boxes: those of the boxes where masks were scored, too.

    Raises:
        ValueError: it has no such matches, or they do not fit together.
    """
    names = match_columns(boxes)
    if not isinstance(source, pa.Table):
        with pq.ParquetFile(source) as file:
            source = file.read(columns=[name for name in ("part", "item", *names) if name in file.schema_arrow.names])
    classes = about_of(source.schema).classes
    if missing := set(names) - set(source.column_names):
        raise ValueError(f"The predictions have no {', '.join(sorted(missing))}.")
    # from_dlpack: to_numpy and to_pandas would import pandas, which takes longer than the rest of a table
    table = source.take(pa.array([i for i, name in enumerate(source["part"].to_pylist()) if name == part], pa.int64()))
    table = table.sort_by("image_id")
    lists = {name: table[name].combine_chunks() for name in names[1:]}
    if any(column.null_count or column.flatten().null_count for column in lists.values()):
        raise ValueError("A value is missing.")
    lengths = {name: np.from_dlpack(column.value_lengths()) for name, column in lists.items()}
    values: dict[str, Any] = {name: np.from_dlpack(column.flatten()) for name, column in lists.items()}
    _, _, _, of_image, hits, ignored = names
    same = all(np.array_equal(lengths[name], lengths["labels"]) for name in ("scores", hits, ignored))
    if not same or (lengths[of_image] != len(classes) * len(AREAS)).any():
        raise ValueError("Labels, scores, matches and objects do not fit together.")
    return Matches(
        classes=classes,
        items=tuple(table["item"].to_pylist()),
        image_ids=np.array(table["image_id"].to_pylist(), np.int64),
        ends=np.cumsum(lengths["labels"], dtype=np.int64),
        labels=values["labels"],
        scores=values["scores"].astype(np.float64),
        hits=values[hits],
        ignored=values[ignored],
        objects=values[of_image].reshape(-1, len(classes), len(AREAS)),
    )
