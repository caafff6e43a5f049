"""The critical-difference diagram: methods by mean rank, with bars over those that are not shown to differ.

Layout of Demšar, JMLR 2006, Figure 1: the scale above, the better half of the methods on the left, the other half on
the right, each led to its place on the scale.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.figures.style import DOUBLE, new_figure, styled
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.task_ranks import task_ranks
from rsbench.statistics import Ranking
from rsbench.task import Task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PITCH = 0.19  # inches between two names
_LETTERS = 34  # of a name in one line
_GAP = 0.06  # inches between a line and its name
_SMALL = 0.105  # inches of a line below the figure
_DENSE = 0.03  # inches between two marks of the scale that the eye still tells apart


@dataclass(frozen=True)
class Ranked:
    """A ranking for readers.

    Args:
        ranking: its names are titles.
        columns: what was ranked over: task, protocol, split and part, metric of each.
        notes: what was ranked and what was left out, a line each.
    """

    ranking: Ranking
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def ranking_of(store: Store, tasks: Sequence[Task], protocols: Sequence[str], data: str) -> Ranked:
    """Returns how the methods of a store rank over tasks.

    Args:
        store: of runs.
        tasks: those that may be ranked over.
        protocols: only these, if any are given.
        data: ``real`` or ``demo``.

    Raises:
        UserError: there are too few comparable runs.
    """
    records = [record for record in store if record.data == data]
    found = task_ranks(records, tasks, Predictions(store), protocols)
    ranking = found[0].ranking if found else None
    if ranking is None:
        why = found[0].why_not if found else f"no run on {data} data is done"
        raise UserError(
            f"The methods of {store.root} cannot be ranked: {why}.",
            "Run the same methods on more tasks; --demo ranks those on demo scenes.",
        )
    titles = found[0].titles
    names = tuple(
        title if list(titles.values()).count(title) == 1 else f"{title} ({name})"
        for name, title in ((name, titles[name]) for name in ranking.names)
    )
    notes = [f"ranked over {column}" for column in found[0].columns]
    notes += [f"left out: {titles[name]} ({name}) lacks {', '.join(w)}" for name, w in found[0].left_out.items()]
    return Ranked(replace(ranking, names=names), found[0].columns, tuple(notes))


def draw_ranks(ranking: Ranking, width: float = DOUBLE, note: str = "", columns: Sequence[str] = ()) -> Figure:
    """Returns the diagram.

    Args:
        ranking: at least two methods, best first.
        width: in inches.
        note: what must stand beside the test, such as ``demo scenes``.
        columns: what was ranked over, for small lines below.
    """
    with styled():
        return _draw(ranking, width, note, columns)


def _draw(ranking: Ranking, width: float, note: str, columns: Sequence[str]) -> Figure:
    count = len(ranking.names)
    half = math.ceil(count / 2)
    letters = _LETTERS if width >= DOUBLE else 20
    labels = [
        _label(name, f"({rank:.2f})", letters) for name, rank in zip(ranking.names, ranking.mean_ranks, strict=True)
    ]
    lines = max(label.count("\n") + 1 for label in labels)
    pitch = _PITCH + 0.12 * (lines - 1)
    bars = _levels(ranking.groups)
    below = 0.14 + 0.1 * (max(bars, default=-1) + 1)  # where the first name stands under the scale
    said = textwrap.fill(_said(ranking, note), int((width - 0.2) / 0.056))
    above = 0.6 + 0.12 * (said.count("\n") + 1)
    over = _over(columns, note, int((width - 0.2) / 0.047))
    height = above + below + pitch * half + 0.12 + _SMALL * len(over)
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))  # one unit is one inch, y runs down from the scale
    axes.set_axis_off()
    axes.set_xlim(0, width)
    axes.set_ylim(height - above, -above)
    left, right = (_width(axes, part) + 0.3 for part in (labels[:half], labels[half:]))
    step = (width - left - right) / (count - 1)

    def place(rank: float) -> float:
        return left + (rank - 1) * step

    black: dict[str, Any] = {"color": "black", "solid_capstyle": "butt"}
    axes.plot([place(1), place(count)], [0, 0], linewidth=0.8, **black)
    told = _tick_step(count, step)
    for whole in range(1, count + 1):
        numbered = (whole - 1) % told == 0
        if numbered or step > _DENSE:
            axes.plot([place(whole)] * 2, [-0.06 if numbered else -0.035, 0], linewidth=0.8, **black)
        if numbered:
            axes.text(place(whole), -0.09, str(whole), ha="center", va="bottom", fontsize=7)
    _critical(axes, ranking, place(1), step, said)
    for level, (first, last) in zip(bars, ranking.groups, strict=True):
        ends = [place(ranking.mean_ranks[first]) - 0.04, place(ranking.mean_ranks[last]) + 0.04]
        axes.plot(ends, [0.1 + 0.1 * level] * 2, linewidth=2.6, **black)
    for index, (label, rank) in enumerate(zip(labels, ranking.mean_ranks, strict=True)):
        on_left = index < half
        row = index if on_left else count - 1 - index
        y = below + pitch * (row + 0.5)
        end = left - 0.12 if on_left else width - right + 0.12
        axes.plot([place(rank), place(rank), end], [0, y, y], linewidth=0.6, **black)
        side = "right" if on_left else "left"
        axes.text(end - _GAP if on_left else end + _GAP, y, label, ha=side, va="center", fontsize=7, linespacing=1.0)
    if over:
        axes.text(0.1, height - above - 0.05, "\n".join(over), ha="left", va="bottom", fontsize=6, linespacing=1.15)
    return figure


def _tick_step(count: int, step: float) -> int:
    """Returns which numbers of the scale are written, 1 and each so many after it: they do not touch.

    >>> _tick_step(9, 0.08), _tick_step(20, 0.05), _tick_step(20, 0.4)
    (2, 5, 1)

    Args:
        count: last number of the scale.
        step: inches between two numbers.
    """
    room = 0.062 * len(str(count)) + 0.035
    return next(every for every in (1, 2, 5, 10, 20, 50, count) if every * step >= room or every >= count)


def _over(columns: Sequence[str], note: str, letters: int) -> list[str]:
    """Returns the lines that say what was ranked over."""
    if not columns:
        return []
    text = f"Ranked over {'; '.join(columns)}." + (f" {note[0].upper()}{note[1:]}." if note else "")
    return textwrap.wrap(text, letters, break_on_hyphens=False)


def _label(name: str, rank: str, letters: int) -> str:
    """Returns name and rank, folded to lines of so many letters; the rank is never torn."""
    *lines, last = textwrap.wrap(name, letters, break_on_hyphens=False)
    return "\n".join([*lines, f"{last} {rank}"] if len(last) + 1 + len(rank) <= letters else [*lines, last, rank])


def _said(ranking: Ranking, note: str) -> str:
    """Returns what stands above the critical difference."""
    verdict = f"{ranking.tasks} tasks, Friedman p {_p(ranking.p)}"
    if ranking.p >= ranking.alpha:
        verdict += ": no difference shown"
    if note:
        verdict += f" ({note})"
    return f"CD = {ranking.critical_difference:.2f} (\N{GREEK SMALL LETTER ALPHA} = {ranking.alpha:g}); {verdict}"


def _critical(axes: Axes, ranking: Ranking, start: float, step: float, said: str) -> None:
    """Draws how long the critical difference is, and says what else the test gave."""
    y = -0.42
    end = start + ranking.critical_difference * step
    most = axes.get_xlim()[1] - 0.05
    if end <= most:  # a difference that is longer than the figure is told by its number
        axes.plot([start, end], [y, y], color="black", linewidth=0.8)
        for x in (start, end):
            axes.plot([x, x], [y - 0.04, y + 0.04], color="black", linewidth=0.8)
    room = most - _width(axes, [said])
    axes.text(max(0.05, min(start, room)), y - 0.07, said, ha="left", va="bottom", fontsize=7)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _levels(groups: tuple[tuple[int, int], ...]) -> list[int]:
    """Returns for each group the lowest row in which it touches no group before it."""
    ends: list[int] = []
    found = []
    for first, last in groups:
        level = next((n for n, end in enumerate(ends) if end < first), len(ends))
        ends[level : level + 1] = [last]
        found.append(level)
    return found


def _width(axes: Axes, labels: list[str]) -> float:
    """Returns the width in inches of the widest of some names."""
    figure = axes.figure
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    texts = [axes.text(0, 0, label, fontsize=7) for label in labels]
    widest = max((text.get_window_extent(renderer).width for text in texts), default=0.0)
    for text in texts:
        text.remove()
    return float(widest / figure.dpi)
