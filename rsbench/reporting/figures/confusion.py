"""The confusion matrix of a run: images of a classification, or pixels of a segmentation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import UserError, near_miss
from rsbench.records import Record, Store
from rsbench.reporting.figures.runs import done
from rsbench.reporting.figures.style import DOUBLE, SEQUENTIAL, SINGLE, new_figure, set_heading, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BOTH = 10  # classes up to which a cell has room for count and share
_WRITTEN = 20  # and up to which it has room for one of them
_SMALLEST = 3.5  # points of a number
_SIZES = (6.5, 6.0, 5.5, 5.0, 4.5)  # points of a name, the largest first
_LETTER = 0.0085  # inches of a letter for each point: about 0.6 of its size wide, and an inch has 72 points
_MARGIN = 0.36  # of the width, at most, for the names of rows
_ROOT = 0.5  # colours follow the square root: confusions of one per cent are seen beside hits of ninety


@dataclass(frozen=True, eq=False)
class Confusion:
    """Counts by true and predicted class.

    Args:
        counts: int64 (classes, classes), truth first.
        classes: names in label order.
        what: is counted, ``images`` or ``pixels``.
        part: of the split.
        record: of the run.
    """

    counts: NDArray[np.int64]
    classes: tuple[str, ...]
    what: str
    part: str
    record: Record

    @property
    def shares(self) -> NDArray[np.float64]:
        """Per cent of the true class, (classes, classes); NaN where the part holds nothing of it."""
        rows = self.counts.sum(axis=1, keepdims=True)
        return np.where(rows > 0, 100 * self.counts / np.maximum(rows, 1), np.nan)


def confusion_of(store: Store, run: str, part: str, classes: Sequence[str] = ()) -> Confusion:
    """Returns the confusion matrix of a run.

    Args:
        store: holds the run.
        run: id.
        part: of the split; empty takes the only one, or ``val``.
        classes: names in label order, of a classification; the file of a segmentation names its own.

    Raises:
        UserError: there is no such run or part, or the run left nothing that gives a confusion matrix.
    """
    record = done(store, run)
    if record.kind not in ("classification", "segmentation"):
        raise UserError(
            f"Run {run} has no confusion matrix: it is one of {record.kind}.",
            "Draw precision and recall of it: rsbench figure precision-recall.",
        )
    from rsbench.segmentation.predictions import CONFUSION, class_names, confusions

    columns = ("part", "item", CONFUSION) if record.kind == "segmentation" else ("part", "label", "prediction")
    table = store.predictions(run, columns)
    if table is None or not set(columns) <= set(table.column_names):
        lacking = "predictions" if table is None else ", ".join(sorted({*columns} - {*table.column_names}))
        raise UserError(f"Run {run} has no confusion matrix: it left no {lacking}.", "Make the run again.")
    parts = table["part"].unique().to_pylist()
    part = part or (parts[0] if len(parts) == 1 else "val")
    if part not in parts:
        raise UserError(f"Run {run} has no predictions of the part {part!r}.", near_miss(part, parts))
    try:
        if record.kind == "segmentation":
            counts = confusions(table, part)[1].sum(axis=0)
            return Confusion(counts, tuple(class_names(table.schema)), "pixels", part, record)
        own = [name == part for name in table["part"].to_pylist()]
        pairs = [np.array(table[name].to_pylist(), dtype=np.int64)[own] for name in ("label", "prediction")]
        counts = np.zeros((len(classes), len(classes)), np.int64)
        if any(len(pair) and not 0 <= pair.min() <= pair.max() < len(classes) for pair in pairs):
            raise ValueError(f"a label is not one of the {len(classes)} classes of {record.task}")
        np.add.at(counts, tuple(pairs), 1)
    except (TypeError, ValueError) as error:
        reason = str(error).rstrip(".")
        raise UserError(f"Run {run} has no confusion matrix: {reason}.", "Make the run again.") from None
    return Confusion(counts, tuple(classes), "images", part, record)


@dataclass(frozen=True)
class _Names:
    """Names of rows and columns, their size in points, inches of the margin and of a cell, and what must be said."""

    shown: list[str]
    size: float
    margin: float
    cell: float
    note: str


def draw_confusion(found: Confusion, normalise: bool = False, heading: str = "", width: float = 0.0) -> Figure:
    """Returns the figure: counts and the share of the true class, or shares alone.

    Args:
        found: from ``confusion_of``.
        normalise: shares alone, and they give the colours.
        heading: a line above.
        width: in inches; 0 takes one column of a journal where that is enough.

    Raises:
        UserError: there are more classes than the width has room for, and a wider figure would have it.
    """
    with styled():
        return _draw(found, normalise, heading, width)


def _draw(found: Confusion, normalise: bool, heading: str, width: float) -> Figure:
    from matplotlib.colors import PowerNorm

    count, shares = len(found.classes), found.shares
    width = width or (SINGLE if count <= 5 and max(map(len, found.classes)) <= 20 else DOUBLE)
    names = _names(found.classes, width)
    margin, cell, written = names.margin, names.cell, names.size
    figure = new_figure(width, cell * count + margin * (1.0 if count > 3 else 0.6) + 0.35)
    axes = figure.add_subplot()
    axes.grid(False)
    values = shares if normalise else found.counts.astype(np.float64)
    highest = 100.0 if normalise else max(1.0, float(values.max()))
    norm = PowerNorm(_ROOT, 0, highest)
    image = axes.imshow(np.ma.masked_invalid(values), cmap=SEQUENTIAL, norm=norm, aspect="equal")
    axes.set_facecolor("#EEEEEE")
    for n in range(count + 1):
        axes.axhline(n - 0.5, color="white", linewidth=0.4)
        axes.axvline(n - 0.5, color="white", linewidth=0.4)
    upright = max(map(len, names.shown)) * written * 0.6 / 72 < 0.9 * cell
    each = range(0, count, max(1, math.ceil(1.1 * written / (72 * cell))))  # all, but where numbers would touch
    shown = [names.shown[n] for n in each]
    axes.set_xticks(each, shown, rotation=0 if upright else 90, fontsize=written)
    axes.set_yticks(each, shown, fontsize=written)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    for spine in axes.spines.values():
        spine.set_visible(False)
    if count <= _WRITTEN:
        _write_cells(axes, found, shares, normalise, cell, lambda value: norm(value) > 0.55, values)
    ticks = [0, 1, 5, 10, 25, 50, 75, 100] if normalise else _ticks(highest)
    bar = figure.colorbar(image, ax=axes, fraction=0.035, pad=0.015, ticks=ticks)
    bar.ax.set_yticklabels([_short(tick) for tick in ticks])
    bar.ax.tick_params(length=2)
    bar.outline.set_linewidth(0.4)
    bar.set_label("% of the true class" if normalise else found.what)
    set_heading(figure, "; ".join(filter(None, (heading, names.note))))
    return figure


def _names(classes: Sequence[str], width: float) -> _Names:
    """Returns how rows and columns are called.

    The size is the largest with which names of rows do not touch and leave most of the width to the cells. Where even
    the smallest leaves too little, long names are shortened; where rows would touch, classes have numbers.

    Raises:
        UserError: rows would touch, and a wider figure would help.
    """
    longest, chosen = max(map(len, classes)), None
    for size in _SIZES:
        most = int((_MARGIN * width - 0.45) / (_LETTER * size))
        margin = 0.45 + _LETTER * size * min(longest, most)
        cell = (width - margin - 0.75) / len(classes)
        if 72 * cell >= 1.1 * size:  # rows do not touch
            note = "" if longest <= most else "names of classes shortened"
            chosen = _Names(_shortened(classes, most), size, margin, cell, note)
            if longest <= most:
                break
    if chosen is not None:
        return chosen
    if width < DOUBLE:
        raise UserError(
            f"The names of {len(classes)} classes cannot be read in a figure of {width:g} inches.",
            "Draw it over two columns: --width double.",
        )
    numbers = [str(n + 1) for n in range(len(classes))]
    margin = 0.45 + _LETTER * _SIZES[-1] * len(numbers[-1])
    cell = (width - margin - 0.75) / len(classes)
    return _Names(numbers, _SIZES[-1], margin, cell, "classes by number, in the order of the task")


def _shortened(names: Sequence[str], most: int) -> list[str]:
    """Returns names of so many letters at most, shortened in the middle; those that would read alike get a number.

    >>> _shortened(["ship", "baseball-diamond", "baseball-pitch-and-diamond"], 9)
    ['ship', 'base…mond', '2 ba…mond']
    """
    found: list[str] = []
    for name in names:
        short, number = _middle_cut(name, most), 1
        while short in found and name not in names[: len(found)]:
            number += 1
            short = _middle_cut(f"{number} {name}", most)
        found.append(short)
    return found


def _middle_cut(name: str, most: int) -> str:
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}\N{HORIZONTAL ELLIPSIS}{name[len(name) - end :]}"


def _write_cells(
    axes: Any, found: Confusion, shares: NDArray[np.float64], normalise: bool, cell: float, dark: Any, values: Any
) -> None:
    both = not normalise and len(found.classes) <= _BOTH
    size = min(7.0, 72 * cell / (4.2 if len(found.classes) > 3 else 5))
    if size < _SMALLEST:  # colours alone are better than what nobody can read
        return
    for row, column in np.ndindex(*shares.shape):
        share, number = float(shares[row, column]), int(found.counts[row, column])
        if np.isnan(share):
            text = "\N{EN DASH}"
        elif normalise:
            text = _share(share)
        elif both and number:
            text = f"{_short(number)}\n{_share(share)} %"
        else:
            text = _short(number)
        light = not np.isnan(share) and bool(dark(values[row, column]))
        grey = "#888888" if number == 0 else "black"
        axes.text(
            column, row, text, ha="center", va="center", fontsize=size if number else size * 0.9,
            color="white" if light else grey, linespacing=1.05,
        )  # fmt: skip


def _share(value: float) -> str:
    """Returns a share in per cent; what is not nothing does not look like it.

    >>> [_share(value) for value in (0.0, 0.02, 3.14159, 99.97, 100.0)]
    ['0', '<0.1', '3.1', '>99.9', '100']
    """
    if 0 < value < 0.1:
        return "<0.1"
    if 99.95 <= value < 100:
        return ">99.9"
    return f"{value:.1f}" if 0 < value < 100 else f"{value:.0f}"


def _short(value: float) -> str:
    """Returns a count in at most five characters.

    >>> [_short(value) for value in (0, 9999, 12345, 123456, 7654321, 2.5e9)]
    ['0', '9999', '12.3k', '123k', '7.65M', '2.5G']
    """
    if value < 10000:
        return f"{value:.0f}"
    for unit in ("k", "M", "G"):
        value /= 1000
        if value < 999.5 or unit == "G":
            break
    return f"{value:.3g}{unit}"


def _ticks(highest: float) -> list[float]:
    """Returns round numbers that stand about evenly where colours follow the square root.

    >>> _ticks(221.0), _ticks(3.0)
    ([0.0, 10.0, 50.0, 100.0, 200.0], [0.0, 1.0, 2.0])
    """
    found = [0.0]
    for share in (0.25, 0.5, 0.75, 1.0):
        value = highest * share**2
        unit = 10.0 ** math.floor(math.log10(max(value, 1.0)))
        rounded = unit * max(step for step in (0, 1, 2, 5) if step * unit <= value)
        if rounded > found[-1]:
            found.append(rounded)
    return found
