"""A logarithmic scale with plain numbers: a loss rarely spans a power of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def set_logarithmic(axes: Axes, tall: float) -> None:
    """Sets the scale, with plain numbers that do not touch each other.

    Args:
        axes: with all data.
        tall: height of the axes in inches.
    """
    from matplotlib.ticker import FixedLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    ticks = log_ticks(low, high, 0.17 / tall)
    axes.set_ylim(low, high)
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.set_yticklabels([f"{tick:g}" for tick in ticks])
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True, which="minor", axis="y")


def log_ticks(low: float, high: float, apart: float) -> list[float]:
    """Returns round numbers within a logarithmic scale, as many as stand apart.

    >>> log_ticks(0.09, 3.2, 0.12), log_ticks(0.51, 0.58, 0.2)
    ([0.1, 0.2, 0.5, 1.0, 2.0], [0.52, 0.54, 0.56, 0.58])

    Args:
        low, high: ends of the scale, positive.
        apart: least distance of two, as a share of the scale.
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    every = max(1, math.ceil(apart * math.log10(high / low)))
    for steps in ((1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        found = [float(f"{step}e{decade}") for decade in decades for step in steps]
        found = [tick for tick in found if low <= tick <= high]
        if len(steps) == 1:
            found = [tick for tick in found if round(math.log10(tick)) % every == 0]
        if _stand_apart(found, low, high, apart):
            break
    if len(found) >= 3:
        return found
    from matplotlib.ticker import MaxNLocator

    for count in range(6, 0, -1):  # a narrow scale: numbers of equal steps
        even = [
            float(f"{tick:.10g}")
            for tick in MaxNLocator(count, steps=[1, 2, 5, 10]).tick_values(low, high)
            if low <= tick <= high
        ]
        if even and _stand_apart(even, low, high, apart):
            return even if len(even) > len(found) else found
    return found


def _stand_apart(ticks: Sequence[float], low: float, high: float, apart: float) -> bool:
    places = [math.log(tick / low) / math.log(high / low) for tick in ticks]
    return all(after - before >= apart for before, after in pairwise(places))
