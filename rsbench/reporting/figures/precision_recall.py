"""Precision over recall of detections, from the matches that runs have kept: no box and no image is needed.

The rule is that of the COCO tools: detections of a class by falling score, precision made monotonic, and read at 101
points of recall. The mean of a curve is the average precision of the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rsbench.detection.curves import Curve, curves_of
from rsbench.detection.matching import THRESHOLDS, Matches
from rsbench.detection.predictions import match_columns, read_matches
from rsbench.errors import UserError, near_miss
from rsbench.records import Record, Store
from rsbench.reporting.figures.runs import done, names_of
from rsbench.reporting.figures.style import SINGLE, looks, new_figure, set_heading, styled
from rsbench.reporting.same_items import check_same_items

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RECALLS = np.linspace(0.0, 1.0, 101)
"""Points of recall at which precision is read."""

_EVERY_SIZE = 0  # first of the ranges of area


@dataclass(frozen=True, eq=False)
class Line:
    """One line of the figure.

    Args:
        name: in the legend.
        precision: float64 (101,), fractions.
    """

    name: str
    precision: NDArray[np.float64]

    @property
    def average(self) -> float:
        """Average precision in percent."""
        return 100 * float(self.precision.mean())


def precision_at_recalls(matches: Matches, threshold: int) -> NDArray[np.float64]:
    """Returns the precision of each class at the points of recall, (classes, 101); NaN where no object counts.

    Args:
        matches: of the images.
        threshold: index into ``THRESHOLDS``.
    """
    return np.stack([_of_class(curve, threshold) for curve in curves_of(matches)])


def _of_class(curve: Curve, threshold: int) -> NDArray[np.float64]:
    objects = int(curve.objects[:, _EVERY_SIZE].sum())
    if objects == 0:
        return np.full(len(RECALLS), np.nan)
    hits = curve.hits[_EVERY_SIZE, threshold]
    right = np.cumsum(hits)
    wrong = np.cumsum(np.asarray(curve.wrong[_EVERY_SIZE].sum(axis=1)).ravel())
    standing = wrong + np.cumsum(curve.counted[_EVERY_SIZE, threshold])
    at_hits = right[hits] / standing[hits]
    envelope = np.maximum.accumulate(at_hits[::-1])[::-1]
    first = np.searchsorted(right[hits] / objects, RECALLS, side="left")  # the first hit that reaches the recall
    return np.append(envelope, 0.0)[first]


def lines_of(
    store: Store, runs: Sequence[str], part: str, classes: Sequence[str], iou: float, boxes: bool = False
) -> tuple[list[Line], list[Record]]:
    """Returns a line for each run and class, and the records.

    Args:
        store: holds the runs.
        runs: ids, of the same images.
        part: of the split.
        classes: names; none means the mean over all that have an object.
        iou: overlap from which a detection is right, one of the ten of COCO.
        boxes: of runs that scored masks, those of their boxes.

    Raises:
        UserError: there is no such run, class or threshold; a run is of another kind or left no matches; or the runs
            are of different images, or count different numbers of detections.
    """
    near = np.flatnonzero(np.isclose(THRESHOLDS, iou))
    if not len(near):
        known = ", ".join(f"{threshold:.2f}" for threshold in THRESHOLDS)
        raise UserError(f"Runs have kept nothing for an overlap of {iou:g}.", f"Known: {known}.")
    records = [done(store, run) for run in dict.fromkeys(runs)]
    for record in records:
        if record.kind not in ("detection", "instance-segmentation"):
            raise UserError(
                f"Run {record.id} has no precision over recall: it is one of {record.kind}.",
                "Draw its confusion matrix: rsbench figure confusion.",
            )
        if boxes and record.kind == "detection":
            raise UserError(f"Run {record.id} has boxes alone.", "Leave --boxes out.")
    check_same_items(records, "Draw runs on the same images in one figure.")
    found = []
    for record, name in zip(records, names_of(records), strict=True):
        matches = _matches(store, record.id, part, boxes)
        for unknown in (one for one in classes if one not in matches.classes):
            raise UserError(f"Run {record.id} has no class {unknown!r}.", near_miss(unknown, matches.classes))
        values = precision_at_recalls(matches, int(near[0]))
        there = ~np.isnan(values[:, 0])
        for one in classes:
            index = matches.classes.index(one)
            if not there[index]:
                raise UserError(f"The part {part} of run {record.id} holds no {one}.", "Take another class.")
            shown = one if len(records) == 1 else f"{name}, {one}" if len(classes) > 1 else name
            found.append(Line(shown, values[index]))
        if not classes:
            if not there.any():
                raise UserError(f"The part {part} of run {record.id} holds no object.", "Take another part.")
            found.append(Line(name, values[there].mean(axis=0)))
    return found, records


def overlapping(records: Sequence[Record], boxes: bool) -> str:
    """Returns what the lines of these runs overlap with objects, ``mask`` or ``box``; they are of one task."""
    return "mask" if records[0].kind == "instance-segmentation" and not boxes else "box"


def _matches(store: Store, run: str, part: str, boxes: bool) -> Matches:
    table = store.predictions(run, ["part", "item", *match_columns(boxes)])
    if table is None:
        raise UserError(f"Run {run} left no predictions.", "Make the run again.")
    try:
        matches = read_matches(table, part, boxes)
    except (KeyError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise UserError(f"Run {run} has no precision over recall: {reason}.", "Make the run again.") from None
    if not matches.items:
        parts = table["part"].unique().to_pylist()
        raise UserError(f"Run {run} has no predictions of the part {part!r}.", near_miss(part, parts))
    return matches


def draw_precision_recall(
    lines: Sequence[Line], iou: float, heading: str = "", width: float = SINGLE, what: str = ""
) -> Figure:
    """Returns the figure.

    Args:
        lines: of runs or classes.
        iou: overlap from which a detection is right, for the legend.
        heading: a line above.
        width: in inches.
        what: overlaps, for the legend: ``mask`` or ``box``.

    Raises:
        UserError: there are more lines than can be told apart.
    """
    with styled():
        beside = width > 5  # a legend beside the axes, if there is room
        rows = len(lines)
        figure = new_figure(width, 2.9 if beside else 2.75 + 0.155 * rows)
        axes = figure.add_subplot()
        for number, (line, look) in enumerate(zip(lines, looks(len(lines)), strict=True)):
            label = f"{line.name}: {line.average:.1f}"
            every = (number * 10 // max(1, rows), 10)  # markers of several lines do not hide each other
            axes.plot(RECALLS, line.precision, label=label, markevery=every, **look.of_line)
        highest = max(float(line.precision.max()) for line in lines)
        top = next(bound for bound in (0.05, 0.1, 0.2, 0.5, 1.0) if highest <= bound)  # low curves are seen, too
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01 * top, 1.02 * top), xlabel="recall", ylabel="precision")
        figure.legend(
            title=f"{what} AP at IoU {iou:.2f}".lstrip(),
            title_fontsize=7,
            loc="outside right center" if beside else "outside lower center",
        )
        set_heading(figure, heading)
        return figure
