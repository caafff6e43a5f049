"""A site, on which things keep clear of each other, and what is strewn over it: vehicles, tanks, trees, lures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from rsbench.datasets.demo.built import FLAT_ROOFS, hall
from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.land import GRASS
from rsbench.datasets.demo.rio_town import Plan
from rsbench.datasets.demo.shapes import circle, rectangle, spot_at
from rsbench.datasets.demo.things import car, lorry, tank, tree

Test = Callable[[float, float], bool]  # whether something may lie at (u, v) of the site


@dataclass(eq=False)
class Site:
    """Ground in a frame of its own, (u, v) in metres, and what lies on it so far.

    Args:
        canvas: on which it lies.
        angle: of the axis u.
        plan: outlines from which later things keep clear.
    """

    canvas: Canvas
    angle: float
    plan: Plan = field(default_factory=Plan)

    def spot(self, u: float, v: float) -> tuple[float, float]:
        """Returns where (u, v) lies on the canvas."""
        return spot_at(u, v, self.angle)

    def take(self, u: float, v: float, length: float, width: float, turn: float = 0.0, gap: float = 1.5) -> bool:
        """Reserves a rectangle that touches the scene and is clear of the others; tells whether there was one."""
        x, y = self.spot(u, v)
        outline = rectangle(x, y, length, width, self.angle + turn)
        low, high = outline.min(0), outline.max(0)
        half = self.canvas.extent / 2
        if high.min() < -half or low.max() > half or not self.plan.clear(outline, gap):
            return False
        self.plan.add(outline)
        return True

    def places(
        self, count: int, size: tuple[float, float], free: Test, *, turns: float = 0.0, gap: float = 1.5,
        quarters: bool = True,
    ) -> Iterator[tuple[float, float, float]]:  # fmt: skip
        """Draws up to ``count`` places for things of one size; yields x, y and angle on the canvas.

        Args:
            count: of the places.
            size: along and across the thing, in metres.
            free: tells whether its middle may lie at (u, v).
            turns: largest angle in radians between the thing and the axes of the site.
            gap: metres between it and the others.
            quarters: whether it may lie along either axis, or along u alone.
        """
        c = self.canvas
        for _ in range(count * 12):
            if count == 0:
                return
            x, y = c.uniform(-0.5, 0.5) * c.extent, c.uniform(-0.5, 0.5) * c.extent
            u, v = spot_at(x, y, -self.angle)
            turn = c.uniform(-turns, turns) + (math.pi / 2 if quarters and c.chance(0.5) else 0.0)
            if free(u, v) and self.take(u, v, *size, turn, gap):
                count -= 1
                yield x, y, self.angle + turn


def vehicles(site: Site, lorries: int, cars: int, free: Test, *, turns: float = 0.2, quarters: bool = True) -> None:
    """Parks lorries and cars; see ``Site.places``."""
    for x, y, angle in site.places(lorries, (17, 2.8), free, turns=turns, quarters=quarters):
        lorry(site.canvas, x, y, angle)
    for x, y, angle in site.places(cars, (5, 2.2), free, turns=turns, gap=0.8, quarters=quarters):
        car(site.canvas, x, y, angle)


def lures(site: Site, count: int, free: Test) -> None:
    """Lays what looks like a thing at first: boxes, round beds, bare slabs, low sheds."""
    c = site.canvas
    for k in range(count):
        kind, colour = k % 4, c.tint(FLAT_ROOFS[c.count(0, len(FLAT_ROOFS) - 1)], 0.08)
        size = ((6, 2.5), (11, 11), (24, 12), (14, 8))[kind]
        for x, y, angle in site.places(1, size, free, turns=0.3):
            if kind == 0:
                c.thing(rectangle(x, y, c.uniform(2.5, 6), 2.4, angle), colour, height=2.5)
            elif kind == 1:
                radius = c.uniform(3.0, 5.5)
                c.thing(circle(x, y, radius), colour)
                c.thing(circle(x, y, 0.75 * radius), c.tint(GRASS, 0.06))
            elif kind == 2:
                slab = ((0.24, 0.42, 0.36), (0.55, 0.34, 0.26), (0.62, 0.61, 0.58))[c.count(0, 2)]
                c.thing(rectangle(x, y, c.uniform(15, 24), c.uniform(8, 12), angle), c.tint(slab, 0.05))
            else:
                hall(c, x, y, c.uniform(9, 14), c.uniform(5, 8), angle, height=4)


def trees(site: Site, count: int, free: Test) -> None:
    """Plants trees between the things."""
    for x, y, _ in site.places(count, (7, 7), free, gap=0.3):
        tree(site.canvas, x, y, site.canvas.uniform(1.5, 3.4))


def tanks(site: Site, count: int, u: float, v: float, pitch: float) -> None:
    """Builds tanks of one radius, more or less, in two rows from (u, v) on."""
    c = site.canvas
    radius = 0.4 * pitch
    for k in range(count):
        place = u + (k // 2) * pitch, v + (k % 2) * pitch
        if site.take(*place, 2 * radius, 2 * radius, gap=1.0):
            tank(c, *site.spot(*place), radius * c.uniform(0.75, 1.0))
