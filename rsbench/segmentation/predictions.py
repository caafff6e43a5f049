"""Predicted masks and counts of tiles in a Parquet file, written and read a few tiles at a time.

One row per tile and part: ``part``, ``item``, ``height``, ``width``, ``mask`` (a PNG of class indices: one bit per
pixel for two classes, else 8-bit grey) and ``confusion`` (pixels by true and predicted class, row after row). There is
no score of a tile: their mean is not the score of the data set. The metadata of the file name the classes.
"""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from rsbench.records.columns import check_columns, lists, with_plain_keys
from rsbench.records.files import sync
from rsbench.records.predictions import KEYS
from rsbench.segmentation.metrics import confusion

CONFUSION = "confusion"
_KEY = b"rsbench.classes"
_ROWS = 256  # of a row group, at most
_BYTES = 2**22  # of the masks of a row group, at which it is written
_FIELDS = [
    ("part", pa.string()),
    ("item", pa.string()),
    ("height", pa.int32()),
    ("width", pa.int32()),
    ("mask", pa.binary()),
    (CONFUSION, pa.list_(pa.int64())),
]


class PredictionWriter:
    """Writes predictions as they come; the file appears, whole, when the ``with`` block ends without an error.

    Args:
        path: of the file; one that is there is replaced.
        classes: names in label order, at most 255.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self.path = path
        self.classes = tuple(classes)
        self._partial = path.with_name(f".{path.name}.partial-{secrets.token_hex(4)}")
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> PredictionWriter:
        schema = pa.schema(_FIELDS, metadata={_KEY: json.dumps(self.classes)})
        self._file = pq.ParquetWriter(self._partial, schema, compression="zstd", use_dictionary=["part"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._file is not None
        try:
            if kind is None:
                self._flush()
            self._file.close()
            if kind is None:
                sync(self._partial)
                self._partial.replace(self.path)
        finally:
            self._file = None
            self._partial.unlink(missing_ok=True)

    def add(self, part: str, item: str, labels: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
        """Takes the prediction of one tile.

        Args:
            part: of the split.
            item: id of the tile; nothing here looks for one that is given twice, ``merge`` does.
            labels: uint8 (H, W), 255 where nothing is counted.
            predicted: uint8 (H, W), indices of classes.

        Raises:
            ValueError: what ``rsbench.segmentation.metrics.confusion`` refuses.
        """
        counts = confusion(labels, predicted, len(self.classes))
        height, width = predicted.shape
        mask = write_mask(predicted, len(self.classes))
        values = (part, item, height, width, mask, counts.ravel().tolist())
        self._add({name: value for (name, _), value in zip(_FIELDS, values, strict=True)})

    def _add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._bytes += len(row["mask"])
        if len(self._rows) >= _ROWS or self._bytes >= _BYTES:
            self._flush()

    def _flush(self) -> None:
        assert self._file is not None, "add() outside of the with block"
        if self._rows:
            self._file.write_table(pa.Table.from_pylist(self._rows, self._file.schema))
        self._rows, self._bytes = [], 0


def merge(paths: Sequence[Path], target: Path) -> None:
    """Joins the files of several processes into one, in the order of part and item, a few tiles at a time.

    Raises:
        ValueError: the files are of different classes, or a tile is there twice.
    """
    files = [pq.ParquetFile(path) for path in paths]
    try:
        classes = {tuple(class_names(file.schema_arrow)) for file in files}
        if len(classes) != 1:
            raise ValueError(f"The files {', '.join(map(str, paths))} are of different classes: {sorted(classes)}.")
        places = sorted(
            (key, number, group, row) for number, file in enumerate(files) for key, group, row in _places(file)
        )
        for (key, *_), (following, *_) in pairwise(places):
            if key == following:
                raise ValueError(f"The tile {key[1]!r} of {key[0]} is there twice.")
        groups: list[tuple[int, list[dict[str, Any]]]] = [(-1, []) for _ in files]  # the last one read of each file
        with PredictionWriter(target, *classes) as writer:
            for _, number, group, row in places:
                if groups[number][0] != group:
                    groups[number] = group, files[number].read_row_group(group).to_pylist()
                writer._add(groups[number][1][row])
    finally:
        for file in files:
            file.close()


def _places(file: pq.ParquetFile) -> Iterator[tuple[tuple[str, str], int, int]]:
    """Yields ((part, item), row group, row in it) of every row."""
    for group in range(file.num_row_groups):
        keys = file.read_row_group(group, columns=["part", "item"]).to_pydict()
        for row, key in enumerate(zip(keys["part"], keys["item"], strict=True)):
            yield key, group, row


def write_mask(mask: NDArray[np.uint8], classes: int) -> bytes:
    """Returns a mask of class indices (H, W) as a PNG: one bit per pixel for two classes, else 8-bit grey."""
    stream = io.BytesIO()
    Image.fromarray(mask.astype(bool) if classes == 2 else mask).save(stream, "PNG")
    return stream.getvalue()


def read_mask(data: bytes) -> NDArray[np.uint8]:
    """Returns the class indices (H, W), uint8, of a mask that ``write_mask`` wrote.

    >>> mask = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    >>> read_mask(write_mask(mask, classes=2)).tolist()
    [[0, 1, 1], [1, 0, 0]]
    """
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image, dtype=np.uint8)


def read_masks(path: Path, part: str, items: Collection[str]) -> dict[str, NDArray[np.uint8]]:
    """Returns the predicted masks of some tiles of a part, by item; only these are held in memory.

    Raises:
        KeyError: a tile is not there.
    """
    wanted = set(items)
    found: dict[str, NDArray[np.uint8]] = {}
    with pq.ParquetFile(path) as file:
        places = [(group, row, item) for (where, item), group, row in _places(file) if where == part and item in wanted]
        for group in sorted({group for group, _, _ in places}):
            masks = file.read_row_group(group, columns=["mask"])["mask"]
            found |= {item: read_mask(masks[row].as_py()) for where, row, item in places if where == group}
    if missing := wanted - set(found):
        raise KeyError(f"{path} holds no prediction of {', '.join(sorted(missing))} of {part}.")
    return found


def class_names(schema: pa.Schema) -> list[str]:
    """Returns the names of the classes, in label order, from the metadata of a file or table.

    Raises:
        ValueError: they are not there, or are no names.
    """
    if _KEY not in (schema.metadata or {}):
        raise ValueError("These are not predictions of segmentation: no classes are named.")
    try:
        found = json.loads(schema.metadata[_KEY])
    except ValueError:
        raise ValueError("The classes in the metadata are no JSON.") from None
    if not isinstance(found, list) or not found or not all(isinstance(name, str) for name in found):
        raise ValueError("The classes in the metadata are no names.")
    return found


def confusions(source: pa.Table | str | os.PathLike[str], part: str) -> tuple[list[str], NDArray[np.int64]]:
    """Returns what was counted on each tile of a part; of a file, nothing else is read.

    Args:
        source: a table with the columns part, item and confusion, or the path of such a file.
        part: of the split.

    Returns:
        The items, and int64 (N, C, C), row truth, column prediction; in the order of the file.

    Raises:
        ValueError: a column is missing or holds something else; the counts of a tile are missing or are not C x C.
    """
    names = (*KEYS, CONFUSION)
    if not isinstance(source, pa.Table):
        with pq.ParquetFile(source) as file:
            source = file.read(columns=[name for name in names if name in file.schema_arrow.names])
    classes = len(class_names(source.schema))
    check_columns(source, names)
    source = with_plain_keys(source)
    rows = [row for row, name in enumerate(source["part"].to_pylist()) if name == part]
    try:
        lengths, counts = lists(source, CONFUSION)
    except ValueError as error:
        raise ValueError(f"The counts of tiles cannot be read: {error}") from None
    if (lengths != classes * classes).any() or (counts < 0).any():
        raise ValueError(f"The counts of a tile are not those of {classes} classes.")
    items = source["item"].to_pylist()
    return [items[row] for row in rows], counts.reshape(-1, classes, classes)[rows]
