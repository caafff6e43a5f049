"""Segmentations of COCO files, as polygons or run lengths, and what makes one invalid."""

from __future__ import annotations

from itertools import cycle
from typing import Any

from pycocotools import mask as coco_mask

from rsbench.datasets.detection import RLE
from rsbench.datasets.numbers import is_finite, is_whole

_FAR = 1.0  # of the image's sides: pycocotools walks along every edge, and takes for ever on one that never ends
_LONGEST = 7  # characters of a run length in compressed form: 5 bits each, more than any image needs


def fault_of(segmentation: Any, shape: tuple[int, int]) -> str:
    """Says what is wrong with a segmentation; empty if nothing is.

    Args:
        segmentation: polygons, each a list x1, y1, x2, y2, ...; or run lengths, a list or in compressed form.
        shape: height and width of the image.

    >>> fault_of([[0, 0, 4, 0, 4]], (10, 10))
    'its polygon 1 has 5 coordinates, an odd number'
    """
    if isinstance(segmentation, dict):
        return _fault_of_runs(segmentation, shape)
    if not isinstance(segmentation, list) or not segmentation:
        return "its segmentation is neither polygons nor run lengths"
    for place, polygon in enumerate(segmentation, start=1):
        if not isinstance(polygon, list) or not all(map(is_finite, polygon)):
            return f"its polygon {place} is no list of finite numbers"
        if len(polygon) % 2:
            return f"its polygon {place} has {len(polygon)} coordinates, an odd number"
        if len(polygon) < 6:
            return f"its polygon {place} has {len(polygon) // 2} corners, fewer than 3"
        if not all(-_FAR * side <= value <= (1 + _FAR) * side for value, side in zip(polygon, cycle(shape[::-1]))):
            return f"its polygon {place} reaches far beyond the image"
    return ""


def to_rle(segmentation: Any, shape: tuple[int, int]) -> RLE:
    """Codes a valid segmentation as run lengths in compressed form; several polygons become one mask.

    Args:
        segmentation: one in which ``fault_of`` finds no fault.
        shape: height and width of the image.
    """
    height, width = shape
    if isinstance(segmentation, dict):
        counts = segmentation["counts"]
        if isinstance(counts, list):
            coded: RLE = coco_mask.frPyObjects(segmentation, height, width)
            return coded
        return {"size": [height, width], "counts": counts.encode() if isinstance(counts, str) else counts}
    merged: RLE = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    return merged


def _fault_of_runs(segmentation: dict[str, Any], shape: tuple[int, int]) -> str:
    """Checks the size and that the runs fill the image: pycocotools reads past the end of those that do not."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    if not isinstance(size, list) or tuple(size) != shape or not all(map(is_whole, size)):
        return f"its run lengths are of the size {size}, its image has {list(shape)}"
    runs = counts if isinstance(counts, list) else _uncompress(counts)
    if runs is None or not all(is_whole(run) and run >= 0 for run in runs):
        return "its run lengths cannot be read"
    if sum(runs) != shape[0] * shape[1]:
        return f"its run lengths cover {sum(runs):,} pixels, its image has {shape[0] * shape[1]:,}"
    return ""


def _uncompress(counts: Any) -> list[int] | None:
    """Returns the run lengths of the compressed form: 5 bits per character, from the third on as differences."""
    codes = counts.encode(errors="replace") if isinstance(counts, str) else counts
    if not isinstance(codes, bytes):
        return None
    runs: list[int] = []
    value = length = 0
    for code in codes:
        bits = code - 48
        if not 0 <= bits < 64 or length == _LONGEST:
            return None
        value |= (bits & 31) << (5 * length)
        length += 1
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << (5 * length)
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = length = 0
    return None if length else runs
