"""Recipes for tiles of SpaceNet-2 Las Vegas: 77 m of a desert suburb at 0.3 m per pixel.

No building stands on another, and only palms and trees hide parts of roofs. Roofs of tiles have the colours of the
soil, drives and slabs of concrete those of flat roofs: colour alone does not tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rsbench.datasets.demo.built import car_park, hall, road, traffic
from rsbench.datasets.demo.canvas import Canvas, Colour
from rsbench.datasets.demo.land import ground, line, scrub
from rsbench.datasets.demo.rio_town import Plan, Test
from rsbench.datasets.demo.shapes import Points, ellipse, moved, rectangle, spot_at
from rsbench.datasets.demo.things import car, tree

SOIL = (0.62, 0.54, 0.43)
GRAVEL = (0.55, 0.48, 0.40)
LAWN = (0.34, 0.42, 0.22)
TAR = (0.42, 0.42, 0.42)
SLAB = (0.70, 0.67, 0.62)
WALL = (0.66, 0.58, 0.48)
TILES = ((0.62, 0.47, 0.37), (0.68, 0.54, 0.43), (0.55, 0.41, 0.33), (0.58, 0.52, 0.45), (0.50, 0.46, 0.42))
FLAT = ((0.80, 0.79, 0.76), (0.70, 0.69, 0.66), (0.60, 0.58, 0.55), (0.86, 0.85, 0.83))


def hip(c: Canvas, outline: Points, colour: Colour) -> None:
    """Shades the four slopes of a roof over a rectangle by how they face the sun."""
    corners = outline if math.dist(*outline[:2]) >= math.dist(*outline[1:3]) else np.roll(outline, -1, axis=0)
    a, b, d, e = corners  # a to b is a longer side
    inset = math.dist(b, d) / 2
    along = (b - a) / max(math.dist(a, b), 1e-9)
    start, end = (a + e) / 2 + inset * along, (b + d) / 2 - inset * along
    middle = corners.mean(0)
    for slope in (np.array([a, b, end, start]), np.array([b, d, end]), np.array([d, e, start, end]),
                  np.array([e, a, start])):  # fmt: skip
        x, y = (slope[:2].mean(0) - middle).tolist()
        facing = -math.cos(math.atan2(y, x) - c.shadow_angle)
        c.thing(slope, np.asarray(colour) * (1 + 0.15 * facing))


def palm(c: Canvas, x: float, y: float, radius: float) -> None:
    """A crown of fronds that stands high above its shadow."""
    turns = [k * math.pi / 8 for k in range(16)]
    turn = c.uniform(0, 1)
    reach = [radius * (1.0 if k % 2 else 0.4) for k in range(16)]
    star = [(x + r * math.cos(t + turn), y + r * math.sin(t + turn)) for r, t in zip(reach, turns, strict=True)]
    c.thing(np.array(star), c.tint((0.20, 0.27, 0.14), 0.04), height=6, cover="forest", lifted=True)


def villa(c: Canvas, plan: Plan, x: float, y: float, lot: tuple[float, float], angle: float) -> None:
    """A house on its plot: two wings under hipped roofs of tiles, drive, walls, perhaps a pool.

    Args:
        c: the canvas.
        plan: of what is built.
        x: of the middle of the plot, in metres.
        y: likewise.
        lot: its width along the street and its depth.
        angle: of the street, which lies where v is least.
    """
    wide, deep = lot
    length, width = wide - c.uniform(2.6, 4.5), deep * c.uniform(0.42, 0.52)
    front, side = c.uniform(3, 5.5), 1 if c.chance(0.5) else -1
    garage = min(c.uniform(5.8, 7), length - 4)
    v = -deep / 2 + 4.5 + front  # of the front wall of the main wing

    def at(u: float, v: float, w: float, d: float) -> Points:
        return moved(rectangle(side * u, v, w, d), angle, x, y)

    corner = [(-length / 2, v - front), (-length / 2 + garage, v - front), (-length / 2 + garage, v), (length / 2, v),
              (length / 2, v + width), (-length / 2, v + width)]  # fmt: skip
    outline = moved(np.array(corner) * [side, 1], angle, x, y)
    plan.add(at(0, v + (width - front) / 2, length, width + front))
    yard = c.tint((SOIL, GRAVEL, LAWN)[c.count(0, 2)], 0.05)
    c.thing(at(0, 0, wide, deep), yard, cover="bare")
    c.thing(at(0, v + width + 1.5, length * c.uniform(0.4, 0.9), 3.0), c.tint(SLAB, 0.06), cover="pavement")
    start = -length / 2 + garage / 2
    c.thing(at(start, -deep / 2 + 2, 0.85 * garage, 5.4), c.tint(SLAB, 0.05), cover="pavement")
    for edge in (-wide / 2, wide / 2):
        c.thing(at(edge, 2, 0.3, deep - 6), c.tint(WALL, 0.03), height=1.2)
    colour = c.tint(TILES[c.count(0, len(TILES) - 1)], 0.06)
    c.thing(outline, colour, height=c.uniform(3.2, 4.4), cover="building", name="building")
    hip(c, at(start, v - front / 2 + 1.5, garage, front + 3), colour)
    hip(c, at(0, v + width / 2, length, width), colour)
    if c.chance(0.35):
        car(c, *spot_at(side * start + c.uniform(-1, 1), -deep / 2 + 2, angle, x, y), angle + math.pi / 2)
    back = deep / 2 - (v + width)
    if back > 6 and c.chance(0.6):
        spot = spot_at(c.uniform(-0.2, 0.2) * wide, v + width + 3.4 + 0.5 * (back - 5), angle, x, y)
        size = c.uniform(5, 8.5), c.uniform(3, 4.2)
        c.thing(ellipse(*spot, size[0] + 1.6, size[1] + 1.6, angle), c.tint(SLAB, 0.05), cover="pavement")
        c.thing(ellipse(*spot, *size, angle), c.tint((0.24, 0.58, 0.66), 0.05), cover="water", name="swimming_pool")


def green(c: Canvas, plan: Plan, count: int, free: Test, trees: float = 0.4) -> None:
    """Plants palms, and ``trees`` of them as trees, clear of the walls of houses."""
    half = c.extent / 2
    for _ in range(count):
        x, y, radius = c.uniform(-half, half), c.uniform(-half, half), c.uniform(1.0, 1.9)
        if free(x, y) and plan.clear(rectangle(x, y, 2 * radius, 2 * radius), 0.0):
            if c.chance(trees):
                tree(c, x, y, radius)
            else:
                palm(c, x, y, radius * 1.1)


def _rows(c: Canvas, lot: tuple[float, float], filled: float) -> tuple[Plan, Test]:
    """Lays streets and builds rows of houses along both sides, back to back.

    Returns:
        What is built, and a test whether a place is off the streets.
    """
    c.shadow_length = min(c.shadow_length, 0.65)  # a high sun: no house shades the roof of the next one
    ground(c, c.tint(SOIL, 0.04), "bare", contrast=0.10, feature=12, other=GRAVEL)
    angle, plan, street = c.uniform(0, 6.28), Plan(), c.uniform(9, 11)
    pitch, shift = 2 * lot[1] + street, c.uniform(-0.5, 0.5)
    reach = math.ceil(0.75 * c.extent / pitch) + 1
    for j in range(-reach, reach + 1):
        middle = (j + shift) * pitch
        _, across = line(c, angle, middle)
        c.paint(c.tint(SLAB, 0.03), c.soft(street / 2 + 1.2 - np.abs(across)), "pavement")
        road(c, across, street, colour=TAR)
        for row in (-1, 1):
            v = middle + row * (street + lot[1]) / 2
            u = -0.75 * c.extent - c.uniform(0, lot[0])
            while u < 0.75 * c.extent:
                x, y = spot_at(u, v, angle)
                u += lot[0]
                if max(abs(x), abs(y)) < c.extent / 2 + max(lot) and c.chance(filled):
                    villa(c, plan, x, y, lot, angle + (0 if row > 0 else math.pi))
        traffic(c, angle, middle + 0.25 * street, every=60, lorries=0.05)

    def off_street(x: float, y: float) -> bool:
        v = spot_at(x, y, -angle)[1] - shift * pitch
        return abs((v + pitch / 2) % pitch - pitch / 2) > street / 2 + 2

    return plan, off_street


def suburb(c: Canvas) -> None:
    """New houses, wall to wall nearly, in rows."""
    plan, free = _rows(c, (c.uniform(15, 17.5), c.uniform(28, 31)), 0.95)
    green(c, plan, 60, free, 0.25)


def garden(c: Canvas) -> None:
    """An older suburb: wider plots, some of them empty, more trees."""
    plan, free = _rows(c, (c.uniform(19, 22), c.uniform(29, 33)), 0.8)
    green(c, plan, 110, free, 0.7)


def flats(c: Canvas) -> None:
    """Blocks of flats around courtyards, car parks with roofs of sheets, lawns."""
    ground(c, c.tint(GRAVEL, 0.04), "bare", contrast=0.1, feature=12, other=LAWN)
    angle, plan = c.uniform(0, 3.14), Plan()
    shift = c.uniform(-12, 12), c.uniform(-12, 12)
    for i in (-1, 0, 1):
        _, across = line(c, angle, i * 46 + shift[1] - 23)
        road(c, across, 7, colour=TAR)
        for k in (-1, 0, 1):
            x, y = spot_at(k * 50 + shift[0], i * 46 + shift[1], angle)
            if max(abs(x), abs(y)) > c.extent / 2 + 28:
                continue
            if (i, k) == (0, 0) or c.chance(0.4):
                _court(c, plan, x, y, c.uniform(36, 42), c.uniform(28, 33), angle)
            else:
                _blocks(c, plan, x, y, angle)

    def off_street(x: float, y: float) -> bool:
        v = spot_at(x, y, -angle)[1] - shift[1] + 23
        return abs((v + 23) % 46 - 23) > 5.5

    green(c, plan, 80, off_street, 0.5)


def _court(c: Canvas, plan: Plan, x: float, y: float, length: float, width: float, angle: float) -> None:
    colour = c.tint((*TILES, *FLAT)[c.count(0, 8)], 0.05)
    outline = rectangle(x, y, length, width, angle)
    plan.add(outline)
    c.thing(outline, colour, height=7, cover="building", name="building")
    inner = length - 19, width - 18
    c.thing(rectangle(x, y, inner[0] + 9, inner[1] + 8, angle), colour * 1.07)
    c.thing(rectangle(x, y, *inner, angle), c.tint(LAWN, 0.04), cover="grass", name="courtyard")
    away = spot_at(1.2, 0, c.shadow_angle)
    if c.chance(0.6):
        pool = ellipse(x + away[0], y + away[1], inner[0] * 0.5, inner[1] * 0.45, angle)
        c.thing(pool, (0.24, 0.58, 0.66), cover="water", name="swimming_pool")


def _blocks(c: Canvas, plan: Plan, x: float, y: float, angle: float) -> None:
    for side in (-1, 1):
        size = c.uniform(26, 36), c.uniform(10, 12)
        spot = spot_at(0, side * 9.5, angle, x, y)
        outline = rectangle(*spot, *size, angle)
        plan.add(outline)
        colour = c.tint(TILES[c.count(0, len(TILES) - 1)], 0.06)
        c.thing(outline, colour, height=7, cover="building", name="building")
        hip(c, outline, colour)


def commerce(c: Canvas) -> None:
    """Large flat roofs, a car park in front, a wide road."""
    ground(c, c.tint(SOIL, 0.04), "bare", contrast=0.1, feature=12, other=GRAVEL)
    angle, plan = c.uniform(0, 6.28), Plan()
    middle = c.uniform(-30, -20)
    _, across = line(c, angle, middle)
    road(c, across, 13, colour=TAR, verge=1.5)
    car_park(c, *spot_at(0, middle + 19, angle), 110, 22, angle, filled=0.45)
    u = c.uniform(-70, -50)
    while u < 60:
        size = c.uniform(16, 34), c.uniform(16, 26)
        spot = spot_at(u + size[0] / 2, middle + 32 + size[1] / 2 + c.uniform(0, 2), angle)
        outline = rectangle(*spot, *size, angle)
        plan.add(outline)
        hall(c, *spot, *size, angle, height=c.uniform(5, 8), colour=FLAT[c.count(0, len(FLAT) - 1)])
        u += size[0] + c.uniform(0.8, 8)
    for x, y in (spot_at(u, middle - 18, angle) for u in (-24, 4, 30)):
        if c.chance(0.6):
            size = c.uniform(9, 16), c.uniform(8, 12)
            plan.add(rectangle(x, y, *size, angle))
            hall(c, x, y, *size, angle, height=4.5, colour=FLAT[c.count(0, len(FLAT) - 1)])
        else:
            c.thing(rectangle(x, y, c.uniform(8, 16), 9, angle), c.tint(SLAB, 0.08), cover="pavement")
    traffic(c, angle, middle + 3, every=35)
    traffic(c, angle, middle - 3, every=35)
    for _ in range(30):
        u, v = c.uniform(-0.7, 0.7) * c.extent, c.uniform(-0.7, 0.7) * c.extent
        x, y = spot_at(u, v, angle)
        if abs(v - middle) > 8 and abs(v - middle - 19) > 12 and plan.clear(rectangle(x, y, 4, 4), 0.0):
            palm(c, x, y, c.uniform(1.3, 2.0))


def desert(c: Canvas) -> None:
    """Bushes on sand, a track, slabs of what will be built."""
    scrub(c, soil=c.tint(SOIL, 0.04), bush=(0.36, 0.36, 0.26), size=2.0, share=0.12)
    _, across = line(c, c.uniform(0, 3.1), c.uniform(-20, 20), bend=5)
    road(c, across, 4, colour=(0.68, 0.61, 0.51))
    for _ in range(c.count(1, 4)):
        x, y = c.uniform(-30, 30), c.uniform(-30, 30)
        c.thing(rectangle(x, y, c.uniform(8, 15), c.uniform(8, 12), c.uniform(0, 3)), c.tint(SLAB, 0.06))


VEGAS_RECIPES: dict[str, Callable[[Canvas], None]] = {
    build.__name__: build for build in (suburb, garden, flats, commerce, desert)
}
