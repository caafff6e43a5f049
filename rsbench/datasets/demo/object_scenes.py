"""Recipes for images with objects of many classes, as DOTA and NWPU VHR-10 have them: ports, airfields, sports, rivers.

Every thing keeps clear of the others, so that what is recorded is what one sees. Colours do not tell: beside tanks lie
round beds, beside courts bare slabs in their colours, beside vehicles boxes, and roofs are as bright as planes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rsbench.datasets.demo.built import apron, hall, road
from rsbench.datasets.demo.canvas import Canvas, Colour
from rsbench.datasets.demo.land import FRESH, GRASS, SEA, SOIL, forest, ground, line, water
from rsbench.datasets.demo.shapes import moved, rectangle
from rsbench.datasets.demo.site import Site, lures, tanks, trees, vehicles
from rsbench.datasets.demo.things import WHITE, car, court, diamond, plane, running_track, ship

DRY = (0.46, 0.45, 0.29)
PAVED = (0.52, 0.51, 0.48)


def port(c: Canvas) -> None:
    """Piers with moored boats, ships under way, tanks and lorries on the quay."""
    water(c, colour=(FRESH, SEA, (0.10, 0.22, 0.24))[c.count(0, 2)], waves=0.05)
    site, quay = Site(c, c.uniform(0, 6.28)), c.uniform(0.02, 0.14) * c.extent
    _, across = line(c, site.angle, quay)
    apron(c, c.soft(across), angle=site.angle, colour=(0.58, 0.56, 0.52))
    pitch, shift = c.uniform(40, 52), c.uniform(-20, 20)
    for k in range(-4, 5):
        length = c.uniform(26, 40)
        _pier(site, k * pitch + shift, quay, length, c.uniform(3.5, 5.0))
    for x, y, angle in site.places(c.count(2, 4), (46, 13), lambda u, v: v < quay - 14, turns=0.5, gap=3):
        ship(c, x, y, c.uniform(24, 45), angle + math.pi * c.count(0, 1))
    tanks(site, c.count(3, 8), c.uniform(-0.3, 0.1) * c.extent, quay + c.uniform(9, 14), c.uniform(12, 17))

    def inland(u: float, v: float) -> bool:
        return v > quay + 9

    lures(site, 6, inland)
    vehicles(site, c.count(3, 6), c.count(4, 9), inland)


def _pier(site: Site, u: float, quay: float, length: float, width: float) -> None:
    c = site.canvas
    if not site.take(u, quay - length / 2, width, length, gap=0):
        return
    outline = moved(rectangle(u, quay - length / 2, width, length), site.angle, 0, 0)
    c.thing(outline, c.tint((0.72, 0.69, 0.63)), height=1, cover="pavement", name="harbor")
    v = quay - length + 3
    while v < quay - 5:
        for side in (-1, 1):
            boat = c.uniform(10, 16)
            place = u + side * (width / 2 + 0.8 + boat / 2), v
            if c.chance(0.7) and site.take(*place, boat, 0.26 * boat, gap=0.6):
                ship(c, *site.spot(*place), boat, site.angle + (0 if side > 0 else math.pi))
        v += c.uniform(5.5, 8.0)


def airfield(c: Canvas) -> None:
    """Planes on an apron with lorries and cars, a taxiway, tanks for fuel, sheds."""
    ground(c, c.tint(GRASS), "grass", contrast=0.12, other=DRY)
    site, half = Site(c, c.uniform(0, 6.28)), c.uniform(0.24, 0.32) * c.extent
    _, across = line(c, site.angle)
    apron(c, c.soft(half - np.abs(across)), angle=site.angle, colour=(0.60, 0.59, 0.57))
    stripe = np.clip((0.5 - np.abs(across + 0.8 * half)) / c.gsd + 0.5, 0, 1)
    c.paint((0.85, 0.75, 0.35), stripe * 0.8)

    def paved(u: float, v: float) -> bool:
        return abs(v) < half - 12

    tanks(site, c.count(3, 6), c.uniform(-0.35, 0.2) * c.extent, half + c.uniform(9, 12), c.uniform(11, 15))
    for _ in range(c.count(4, 7)):
        length = c.uniform(17, 36)
        for x, y, angle in site.places(1, (length, 0.95 * length), paved, turns=0.4):
            plane(c, x, y, length, angle + math.pi * c.count(0, 1))
    vehicles(site, c.count(2, 4), c.count(3, 7), lambda u, v: abs(v) < half - 5)
    for x, y, angle in site.places(2, (30, 16), lambda u, v: v < -half - 9):
        hall(c, x, y, c.uniform(18, 30), c.uniform(10, 16), angle, height=7)
    lures(site, 4, lambda u, v: abs(v) < half - 8)
    trees(site, 10, lambda u, v: abs(v) > half + 5)


def leisure(c: Canvas) -> None:
    """Courts for tennis and basketball, a baseball field, a pool, a car park, trees."""
    site = _green(c)
    _park_things(site, c.count(2, 3), c.count(1, 2), c.count(1, 2), c.uniform(27, 36))
    for x, y, angle in site.places(c.count(1, 2), (26, 15), lambda u, v: True):
        c.thing(rectangle(x, y, 26, 15, angle), c.tint((0.70, 0.67, 0.60), 0.05), cover="pavement")
        size = c.uniform(14, 21), c.uniform(7, 11)
        c.thing(rectangle(x, y, *size, angle), c.tint((0.22, 0.56, 0.68), 0.06), cover="water", name="swimming_pool")
    lures(site, 4, lambda u, v: True)
    vehicles(site, 1, c.count(4, 9), lambda u, v: True, turns=0.1)
    trees(site, 30, lambda u, v: True)


def school(c: Canvas) -> None:
    """A running track, and courts and a baseball field around it."""
    site = _green(c)
    width = c.uniform(44, 58)
    turn = math.pi / 2 * c.count(0, 1)
    place = c.uniform(-0.22, 0.22) * c.extent, c.uniform(-0.22, 0.22) * c.extent
    site.take(*place, 1.92 * width, width, turn, gap=0)
    running_track(c, *site.spot(*place), site.angle + turn, width=width)
    _park_things(site, 3, 2, c.count(1, 2), c.uniform(33, 44))
    for x, y, angle in site.places(2, (40, 18), lambda u, v: True):
        hall(c, x, y, c.uniform(24, 40), c.uniform(12, 18), angle, height=8)
    lures(site, 4, lambda u, v: True)
    trees(site, 30, lambda u, v: True)


def _green(c: Canvas) -> Site:
    ground(c, c.tint(GRASS), "grass", contrast=0.14, other=DRY if c.chance(0.5) else PAVED)
    site = Site(c, c.uniform(0, 3.14))
    _, across = line(c, site.angle + 0.9, c.uniform(-0.3, 0.3) * c.extent, bend=c.uniform(0, 8))
    road(c, across, 3.5, colour=(0.62, 0.58, 0.50))
    return site


def _park_things(site: Site, tennis: int, basketball: int, diamonds: int, reach: float) -> None:
    c = site.canvas

    def anywhere(u: float, v: float) -> bool:
        return True

    for x, y, angle in site.places(diamonds, (1.0 * reach, 1.42 * reach), anywhere, turns=0.7):
        back = 0.5 * reach  # the fan opens from its corner, the middle of the place is half its reach away
        diamond(c, x - back * math.cos(angle), y - back * math.sin(angle), reach, angle)
    for kind, count, size in (("tennis_court", tennis, (33, 17)), ("basketball_court", basketball, (37, 21))):
        for x, y, angle in site.places(count, size, anywhere, gap=0.5):
            court(c, x, y, angle, kind=kind)


def river(c: Canvas) -> None:
    """A river with one or two bridges, ships on it, roads with lorries and cars."""
    ground(c, c.tint(GRASS), "grass", contrast=0.15, other=SOIL)
    forest(c, np.clip((c.noise(60, 3) - 0.2) * 6, 0, 1))
    site, half = Site(c, c.uniform(0, 3.14)), c.extent * c.uniform(0.13, 0.2)
    _, across = line(c, site.angle, 0.0, bend=c.uniform(0, 5))
    ground(c, c.tint(SOIL), "bare", c.soft(half + 6 - np.abs(across)))
    water(c, c.soft(half - np.abs(across)), colour=(FRESH, SEA, (0.28, 0.33, 0.26))[c.count(0, 2)])
    bank: Colour = (0.50, 0.49, 0.47)
    _, quay = line(c, site.angle, half + 17)
    road(c, quay, 8, colour=bank)
    count = c.count(1, 2)
    for k in range(count):
        u, width = (k - (count - 1) / 2) * 0.5 * c.extent + c.uniform(-8, 8), c.uniform(9, 16)
        _, deck = line(c, site.angle + math.pi / 2, -u)
        road(c, deck, 0.8 * width, colour=bank)
        site.take(u, 0, width, 4 * half, gap=0)
        _bridge(site, u, 2 * half + 14, width)
    afloat = site.places(c.count(3, 6), (34, 9), lambda u, v: abs(v) < half - 9, turns=0.2, gap=2, quarters=False)
    for x, y, angle in afloat:
        ship(c, x, y, c.uniform(16, 34), angle + math.pi * c.count(0, 1))
    vehicles(site, c.count(2, 4), c.count(4, 8), lambda u, v: abs(v - half - 17) < 2.5, turns=0.03, quarters=False)
    trees(site, 16, lambda u, v: abs(v) > half + 26 or v < -half - 9)


def _bridge(site: Site, u: float, length: float, width: float) -> None:
    c = site.canvas

    def lay(shift: float, size: tuple[float, float], colour: Colour, height: float = 0.0, name: str = "") -> None:
        outline = moved(rectangle(u + shift, 0, *size), site.angle, 0, 0)
        c.thing(outline, colour, height=height, cover="road" if name else "", name=name)

    lay(0, (width, length), (0.68, 0.67, 0.64), 10, "bridge")
    lay(0, (0.76 * width, length), c.tint((0.42, 0.42, 0.43), 0.05))
    lay(0, (0.7, length), WHITE)
    for k in range(-6, 7):
        if abs(8.5 * k) < length / 2 and c.chance(0.3):
            place = u + width * (0.2 if k % 2 else -0.2), 8.5 * k
            car(c, *site.spot(*place), site.angle + math.pi / 2)


def waste(c: Canvas) -> None:
    """Meadow, wood and a path, and none of the things."""
    ground(c, c.tint(GRASS), "grass", contrast=0.2, other=SOIL)
    forest(c, np.clip((c.noise(45, 3) - c.uniform(-0.2, 0.4)) * 6, 0, 1))
    _, across = line(c, c.uniform(0, 3.14), c.uniform(-0.3, 0.3) * c.extent, bend=12)
    road(c, across, 4, colour=(0.58, 0.52, 0.42))
    lures(Site(c, 0.0), 4, lambda u, v: True)


OBJECT_RECIPES: dict[str, tuple[Callable[[Canvas], None], float]] = {
    "port": (port, 0.45),
    "airfield": (airfield, 0.45),
    "leisure": (leisure, 0.5),
    "school": (school, 0.65),
    "river": (river, 0.5),
    "waste": (waste, 0.5),
}
