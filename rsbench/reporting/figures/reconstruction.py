"""Panels of what a pretrained model fills in: the layout of the CtxMIM paper's Figures 2 and 5."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsbench.reporting.figures.runs import pretraining_title
from rsbench.reporting.figures.style import DOUBLE, new_figure, set_heading, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rsbench.pretraining.reconstruct import Panels

_GAP, _PAIR_GAP = 0.02, 0.07  # inches between two pictures, and before each pair of masked and reconstructed
_NAMES = 0.14  # inches left of the pictures
_TITLES = 0.32  # inches above them
_HEADING = 0.18


def draw_reconstruction(panels: Panels, width: float = DOUBLE) -> Figure:
    """Returns the figure: a row per image; the original, then masked and reconstructed at each ratio.

    Args:
        panels: from ``rsbench.pretraining.reconstruct.panels``.
        width: in inches.
    """
    with styled():
        return _draw(panels, width)


def _draw(panels: Panels, width: float) -> Figure:
    rows, columns, high, wide, _ = panels.pictures.shape
    pairs = (columns - 1) // 2
    side = (width - _NAMES - _GAP * (pairs + 1) - _PAIR_GAP * pairs) / columns
    tall = side * high / wide
    height = _HEADING + _TITLES + rows * (tall + _GAP)
    figure = new_figure(width, height)
    figure.set_layout_engine("none")  # places are counted out: pictures of a pair stand together
    size = min(7.0, 72 * side / 7.5)
    for row, column in ((row, column) for row in range(rows) for column in range(columns)):
        x = _NAMES + column * (side + _GAP) + (column + 1) // 2 * (_PAIR_GAP - _GAP)
        y = height - _HEADING - _TITLES - (row + 1) * tall - row * _GAP
        axes = figure.add_axes((x / width, y / height, side / width, tall / height))
        axes.imshow(panels.pictures[row, column], interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        if row == 0:
            above = (x + side / 2) / width, (y + tall + 0.06) / height
            figure.text(*above, panels.titles[column], ha="center", va="baseline", fontsize=size, linespacing=1.1)
        if column == 0:
            beside = (_NAMES - 0.03) / width, (y + tall / 2) / height
            letters = int(tall / 0.045)
            name = panels.names[row]
            shown = name if len(name) <= letters else name[: letters - 1] + "\N{HORIZONTAL ELLIPSIS}"
            figure.text(*beside, shown, rotation=90, ha="right", va="center", fontsize=5)
    set_heading(figure, pretraining_title(panels.objective, panels.variant))
    return figure
