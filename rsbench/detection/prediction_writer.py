"""Writes detections and their matches into a Parquet file (``predictions``), some hundred images at a time."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rsbench.detection.detections import Detections
from rsbench.detection.predictions import FIELDS, MASK_FIELDS, MATCH_COLUMNS, METADATA_KEY
from rsbench.detection.truth import plain
from rsbench.errors import RunError
from rsbench.records.files import sync

if TYPE_CHECKING:
    from rsbench.detection.metrics import Scores

_ROWS = 256  # of a row group
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
        self._rows = _Rows(path, [*FIELDS, *(MASK_FIELDS if masks else [])], {})

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
    fields = [*FIELDS, *(MASK_FIELDS if masks else []), *_MATCH_FIELDS]
    if len(kinds) == 2:
        fields += [(name, pa.list_(pa.int64())) for name in MATCH_COLUMNS["box"]]
    about = {"classes": classes, "kind": main, "max_dets": max_dets}
    nothing = Detections(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0), () if masks else None)
    rows = _Rows(path, fields, {METADATA_KEY: json.dumps(about).encode()})
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
                    hits, ignored = MATCH_COLUMNS["" if kind == main else "box"]
                    row |= {hits: matches.hits[own], ignored: matches.ignored[own]}
                rows.add(row)
        whole = True
    finally:
        rows.close(whole)
