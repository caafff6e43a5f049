"""How a town of the demo scenes of Rio is built: small roofs in rows that keep clear of each other, yards, gardens."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from rsbench.datasets.demo.built import streets
from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.shapes import Points, circle, moved, rectangle, spot_at
from rsbench.datasets.demo.things import tree

YARD = (0.50, 0.46, 0.37)
LANE = (0.56, 0.52, 0.44)
TAR = (0.42, 0.41, 0.38)

SHEET = ((0.29, 0.28, 0.25), (0.34, 0.32, 0.28), (0.25, 0.25, 0.23), (0.40, 0.38, 0.34))  # weathered fibre cement
CLAY = ((0.58, 0.36, 0.24), (0.64, 0.43, 0.30), (0.47, 0.31, 0.22))
SLAB = ((0.56, 0.53, 0.46), (0.62, 0.58, 0.50), (0.48, 0.46, 0.41))
BRIGHT = ((0.82, 0.82, 0.78), (0.88, 0.87, 0.84), (0.64, 0.68, 0.70))

Test = Callable[[float, float], bool]  # whether something may stand at (x, y)


@dataclass(eq=False)
class Plan:
    """What is built so far, so that the next building keeps clear of it."""

    centres: list[tuple[float, float]] = field(default_factory=list)
    outlines: list[Points] = field(default_factory=list)

    def clear(self, outline: Points, gap: float = 0.4) -> bool:
        """Whether a convex outline keeps ``gap`` metres from all buildings (within 60 m)."""
        if not self.outlines:
            return True
        middle = outline.mean(0)
        away = np.abs(np.array(self.centres) - middle).max(1)
        return not any(_overlap(outline, self.outlines[k], gap) for k in np.flatnonzero(away < 60))

    def add(self, outline: Points) -> None:
        """Enters a building."""
        x, y = outline.mean(0).tolist()
        self.centres.append((x, y))
        self.outlines.append(outline)


def _overlap(one: Points, two: Points, gap: float) -> bool:
    """Separating axes of two rectangles: whether they are nearer than ``gap``."""
    for shape in (one, two):
        for edge in (shape[1] - shape[0], shape[2] - shape[1]):
            axis = edge / max(math.hypot(*edge), 1e-9)
            a, b = one @ axis, two @ axis
            if a.max() + gap < b.min() or b.max() + gap < a.min():
                return False
    return True


def roof(c: Canvas, x: float, y: float, length: float, width: float, angle: float, *, height: float) -> None:
    """A small building: two slopes of sheets or tiles, a flat slab with a tank, or bright metal; at times an L."""
    draw = c.uniform(0, 1)
    palette = SHEET if draw < 0.48 else CLAY if draw < 0.68 else SLAB if draw < 0.86 else BRIGHT
    colour = c.tint(palette[c.count(0, len(palette) - 1)], 0.05)
    outline = rectangle(0, 0, length, width)
    if length > 7 and c.chance(0.3):  # an L: a corner is left out
        u, v = length * c.uniform(0.05, 0.25), width * c.uniform(-0.1, 0.15)
        outline = np.array([[-length / 2, -width / 2], [length / 2, -width / 2], [length / 2, v], [u, v],
                            [u, width / 2], [-length / 2, width / 2]])  # fmt: skip
    c.thing(moved(outline, angle, x, y), colour, height=height, cover="building", name="building")
    if draw < 0.68 and len(outline) == 4:
        lit = 1.16 if math.sin(angle - c.shadow_angle) > 0 else 0.84
        c.thing(moved(rectangle(0, width / 4, length, width / 2), angle, x, y), colour * lit)
    elif draw >= 0.68 and c.chance(0.35):
        spot = spot_at(-0.25 * length, -0.2 * width, angle, x, y)
        c.thing(circle(*spot, c.uniform(0.6, 1.0), 8), (0.30, 0.42, 0.55), height=1.0)


def put(c: Canvas, plan: Plan, x: float, y: float, size: tuple[float, float], angle: float, height: float) -> bool:
    """Builds a small building there if it is clear of the others; tells whether it was."""
    outline = rectangle(x, y, *size, angle)
    if max(abs(x), abs(y)) > c.extent / 2 + max(size) or not plan.clear(outline):
        return False
    plan.add(outline)
    roof(c, x, y, *size, angle, height=height)
    return True


def gardens(c: Canvas, plan: Plan, count: int, free: Test = lambda x, y: True, *, size: float = 3.2) -> None:
    """Plants trees between the buildings; a crown may reach over an eave."""
    half = c.extent / 2
    for _ in range(count):
        x, y = c.uniform(-half, half), c.uniform(-half, half)
        radius = size * c.uniform(0.4, 1.2)
        if free(x, y) and plan.clear(rectangle(x, y, 1.2 * radius, 1.2 * radius), 0.0):
            tree(c, x, y, radius)


def clutter(c: Canvas, plan: Plan, count: int) -> None:
    """Slabs, paved yards and foundations: they have the colours of roofs, and no height."""
    half = c.extent / 2
    for _ in range(count):
        x, y, angle = c.uniform(-half, half), c.uniform(-half, half), c.uniform(0, 3.14)
        outline = rectangle(x, y, c.uniform(4, 14), c.uniform(3, 9), angle)
        if plan.clear(outline, 0.0):
            palette = (*SLAB, *CLAY[:1], *BRIGHT[2:], YARD, TAR)
            c.thing(outline, c.tint(palette[c.count(0, len(palette) - 1)], 0.05), cover="pavement")


def town(
    c: Canvas, plan: Plan, angle: float, *, lot: tuple[float, float], depth: float, built: tuple[float, float],
    row: int, street: float, height: tuple[float, float], filled: float,
    free: Test = lambda x, y: True, yards: float = 0.5, colour: Sequence[float] = LANE,
) -> None:  # fmt: skip
    """Lays streets and builds rows of houses along them, back to back.

    Args:
        c: the canvas.
        plan: of what is built.
        angle: of the streets.
        lot: smallest and largest width of a plot in metres.
        depth: of a plot.
        built: smallest and largest share of a plot's sides that its house takes.
        row: metres of houses between two cross streets.
        street: width of the streets.
        height: lowest and highest.
        filled: share of the plots with a house.
        free: tells whether one may build there.
        yards: share of the plots that are paved.
        colour: of the streets.
    """
    pitch = (row + street, 2 * depth + street)
    streets(c, angle, pitch, street, colour=colour)
    reach = 0.75 * c.extent
    for i in range(-math.ceil(reach / pitch[0]), math.ceil(reach / pitch[0])):
        for j in range(-math.ceil(reach / pitch[1]), math.ceil(reach / pitch[1])):
            for side in (0, 1):
                u = i * pitch[0] + street / 2
                v = j * pitch[1] + street / 2 + (side + 0.5) * depth
                end = u + row
                while (width := c.uniform(*lot)) <= end - u:
                    x, y = spot_at(u + width / 2, v, angle)
                    u += width
                    if max(abs(x), abs(y)) > c.extent / 2 + depth or not free(x, y):
                        continue
                    if c.chance(yards):
                        c.thing(rectangle(x, y, width - 0.6, depth - 1, angle), c.tint(YARD, 0.08), cover="pavement")
                    if c.chance(filled):
                        size = width * c.uniform(*built), depth * c.uniform(*built)
                        back = (depth - size[1]) / 2 * c.uniform(-0.7, 0.7)
                        spot = spot_at(0, back, angle, x, y)
                        put(c, plan, *spot, size, angle + c.uniform(-0.05, 0.05), c.uniform(*height))
