"""Which detections match an object, at all thresholds of overlap and ranges of area at once.

The rule is that of the COCO tools (``COCOeval.evaluateImg``): within an image and class, detections are taken in the
order of their scores; each takes the object that it overlaps most among those that are still free, if the overlap
reaches the threshold. Of equal overlaps the later object is taken. Objects that do not count (crowd regions, and those
outside of the range of area) are taken only where no counted one can be, and a crowd region by any number of
detections; what takes one of them is left out, and so is a detection without a match that is outside of the range.

The tools go through this in a loop for each of 10 thresholds and 4 ranges. Here one round takes the next detection of
all images and classes and decides all 40 cases of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rsbench.detection.truth import Truth

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Of the overlap (IoU), as the COCO tools compute them."""

AREAS = ("all", "small", "medium", "large")
RANGES = np.array([[0, 1e5**2], [0, 32**2], [32**2, 96**2], [96**2, 1e5**2]])
"""Lowest and highest area in square pixels; an area on the bound of two ranges belongs to both."""

_CASES = len(AREAS) * len(THRESHOLDS)
_POWERS = 2.0 ** np.arange(_CASES)
_OF_AREA = np.array([((1 << len(THRESHOLDS)) - 1) << (area * len(THRESHOLDS)) for area in range(len(AREAS))])
EVERYWHERE = (1 << _CASES) - 1
_CHUNK = 2**22  # overlaps that are looked through at once

Overlaps = Mapping[tuple[int, int], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Matches:
    """What AP and AR of any images follow from, without images, boxes or masks.

    Bit ``area * 10 + threshold`` of ``hits`` and ``ignored`` is that of one range of area and one threshold of overlap.

    Args:
        classes: names in label order.
        items: ids of the images, in the order of their numbers, which is that in which equal scores rank.
        image_ids: int64 (I,), those numbers, ascending.
        ends: int64 (I,): the detections of image i stand before ``ends[i]``, after those of image i - 1.
        labels: int16 (D,), indices into the classes.
        scores: float64 (D,).
        hits: int64 (D,): where the detection has found an object that counts.
        ignored: int64 (D,): where it counts neither as right nor as wrong.
        objects: int64 (I, classes, areas): how many objects count.
    """

    classes: tuple[str, ...]
    items: tuple[str, ...]
    image_ids: NDArray[np.int64]
    ends: NDArray[np.int64]
    labels: NDArray[np.int16]
    scores: NDArray[np.float64]
    hits: NDArray[np.int64]
    ignored: NDArray[np.int64]
    objects: NDArray[np.int64]

    @property
    def images(self) -> NDArray[np.int64]:
        """The index of the image of each detection, int64 (D,)."""
        return np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0))


@dataclass(frozen=True, eq=False)
class Flat:
    """Detections of all images in a row.

    Args:
        counts: int64 (I,), of each image in the order of their numbers.
        labels: int64 (D,).
        scores: float64 (D,).
        areas: float64 (D,), in square pixels: of the masks where masks are compared, else of the boxes.
    """

    counts: NDArray[np.int64]
    labels: NDArray[np.int64]
    scores: NDArray[np.float64]
    areas: NDArray[np.float64]


def match(truth: Truth, found: Flat, overlaps: Overlaps, max_dets: int) -> Matches:
    """Matches the detections of all images.

    Args:
        truth: what is there.
        found: detections of its images, in the order of the numbers of these.
        overlaps: (rows, columns) by number of image and of class, where there are both: row the detections of the
            class by falling score, at most ``max_dets`` of them, column its objects. With a crowd region it is the
            share of the detection that lies in it.
        max_dets: how many detections of an image and class count, those of highest score.
    """
    classes = len(truth.classes)
    order = np.argsort(truth.image_ids, kind="stable")
    numbers = np.asarray(truth.image_ids, dtype=np.int64)[order]
    objects = [truth.objects[i] for i in order]
    label, area = _joined([o.labels for o in objects], np.int64), _joined([o.areas for o in objects], np.float64)
    crowd = _joined([o.crowd for o in objects], bool)
    image = np.repeat(np.arange(len(numbers)), [len(one) for one in objects])
    counts = ~crowd[:, None] & _within(area)  # (G, areas)
    counted = np.zeros((len(numbers), classes, len(AREAS)), np.int64)
    np.add.at(counted, (image, label), counts)

    group = image * classes + label
    by_group = np.argsort(group, kind="stable")
    own = np.repeat(np.arange(len(numbers)), found.counts) * classes + found.labels
    by_score = np.lexsort((-found.scores, own))
    rank = np.arange(len(own)) - np.searchsorted(own[by_score], own[by_score])
    cut = by_score[rank >= max_dets]

    row, column, value = _candidates(
        overlaps, numbers, truth.category_ids, np.searchsorted(own[by_score], np.arange(len(numbers) * classes)),
        np.searchsorted(group[by_group], np.arange(len(numbers) * classes)),
    )  # fmt: skip
    hits, ignored = np.zeros(len(own), np.int64), np.zeros(len(own), np.int64)
    if len(row):
        taken = _assign(row, own[by_score], column, value, counts[by_group], crowd[by_group])
        detection = by_score[taken[0]]
        hits[detection], ignored[detection] = taken[1], taken[2]
    outside = (~_within(found.areas)).astype(np.int64) @ _OF_AREA
    ignored |= outside & ~(hits | ignored)
    hits[cut], ignored[cut] = 0, EVERYWHERE
    return Matches(
        truth.classes, tuple(truth.items[i] for i in order), numbers, np.cumsum(found.counts),
        found.labels.astype(np.int16), found.scores, hits, ignored, counted,
    )  # fmt: skip


def _within(areas: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Returns (N, areas): whether an area is in a range."""
    return (areas[:, None] >= RANGES[:, 0]) & (areas[:, None] <= RANGES[:, 1])


def _joined(arrays: Sequence[np.ndarray], kind: type) -> np.ndarray:
    return np.concatenate([np.zeros(0, kind), *arrays]).astype(kind, copy=False)


def _candidates(
    overlaps: Overlaps, numbers: NDArray[np.int64], category_ids: Sequence[int],
    rows: NDArray[np.int64], columns: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:  # fmt: skip
    """Returns detection, object and overlap of all pairs that reach the lowest threshold.

    Args:
        overlaps: by number of image and class.
        numbers: of the images.
        category_ids: of the classes.
        rows: index of the first detection of each image and class; images first.
        columns: index of the first object of each.
    """
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    waiting: list[tuple[int, np.ndarray]] = []
    size = 0

    def look() -> None:
        tables = [table for _, table in waiting]
        values = np.concatenate([table.ravel() for table in tables])
        ends = np.cumsum([table.size for table in tables])
        where = np.flatnonzero(values >= THRESHOLDS[0])
        pair = np.searchsorted(ends, where, side="right")
        groups = np.array([group for group, _ in waiting])
        width = np.array([table.shape[1] for table in tables])[pair]
        row, column = np.divmod(where - np.concatenate([[0], ends])[pair], width)
        found.append((rows[groups][pair] + row, columns[groups][pair] + column, values[where]))

    for i, number in enumerate(numbers.tolist()):
        for k, category in enumerate(category_ids):
            table = overlaps.get((number, category), ())
            if len(table):
                waiting.append((i * len(category_ids) + k, np.asarray(table, dtype=np.float64)))
                size += waiting[-1][1].size
        if size > _CHUNK:
            look()
            waiting, size = [], 0
    if waiting:
        look()
    none = np.zeros(0, np.int64)
    columns_of = list(zip(*found, strict=True)) or [(none,), (none,), (none.astype(np.float64),)]
    return tuple(np.concatenate(parts) for parts in columns_of)  # type: ignore[return-value]


def _assign(
    row: NDArray[np.int64], group: NDArray[np.int64], column: NDArray[np.int64], value: NDArray[np.float64],
    counts: NDArray[np.bool_], crowd: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """Gives objects to detections.

    Args:
        row, column, value: detection, object and overlap of the pairs (E,).
        group: of each detection; within one they stand by falling score.
        counts: (G, areas), whether an object counts.
        crowd: (G,), whether it can be taken again.

    Returns:
        The detections that have a candidate, and where they took an object that counts or one that does not, as bits.
    """
    best_last = np.lexsort((column, value, row))  # of a detection's candidates, the one it would rather have is later
    row, column, value = row[best_last], column[best_last], value[best_last]
    detection, first = np.unique(row, return_index=True)
    size = np.diff(first, append=len(row))
    turn = np.arange(len(detection)) - np.searchsorted(group[detection], group[detection])
    by_turn = np.argsort(turn, kind="stable")
    detection, first, size, turn = detection[by_turn], first[by_turn], size[by_turn], turn[by_turn]
    starts = np.concatenate([[0], np.cumsum(size)])
    pairs = np.repeat(first - starts[:-1], size) + np.arange(len(row))
    column, value = column[pairs], value[pairs]

    total = len(row)
    reaches = value[:, None, None] >= np.minimum(THRESHOLDS, 1 - 1e-10)  # (E, 1, thresholds)
    wish = np.arange(total, dtype=np.int32)[:, None] + np.where(counts[column], np.int32(total), np.int32(0))
    free = np.ones((len(counts), len(AREAS), len(THRESHOLDS)), bool)
    real = np.zeros((len(detection), _CASES), bool)
    other = np.zeros_like(real)
    case = np.arange(_CASES)
    bounds = np.searchsorted(turn, np.arange(turn[-1] + 2))
    for low, high in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        begin, end = starts[low], starts[high]
        objects = column[begin:end]
        can = reaches[begin:end] & (free[objects] | crowd[objects, None, None])
        wishes = np.where(can, wish[begin:end, :, None], np.int32(-1)).reshape(-1, _CASES)
        best = np.maximum.reduceat(wishes, starts[low:high] - begin, axis=0)
        took = best >= 0
        real[low:high] = best >= total
        other[low:high] = took & ~real[low:high]
        objects = column[np.where(real[low:high], best - total, best)]
        free.reshape(-1, _CASES)[objects[took], np.broadcast_to(case, took.shape)[took]] = False
    return detection, _bits(real), _bits(other)


def _bits(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Packs (N, 40) into (N,); sums of powers of two below 2**53 are exact."""
    return (flags @ _POWERS).astype(np.int64)
