"""Recipes for tiles of SpaceNet-1 Rio: 220 m of a tropical city and its surroundings at 0.5 m per pixel.

Things are drawn in the order ground, streets, buildings, trees, and no building stands on another, so that the outlines
of the buildings are what one sees of them, but for the crowns of trees. Colours of roofs are also those of yards and
bare soil, and there are slabs without a roof: colour alone does not tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from rsbench.datasets.demo.built import car_park, hall, road, streets, traffic
from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.land import forest, ground, line, scrub, trees_along, water
from rsbench.datasets.demo.noise import relief
from rsbench.datasets.demo.rio_town import CLAY, LANE, SLAB, TAR, YARD, Plan, Test, clutter, gardens, put, town
from rsbench.datasets.demo.shapes import rectangle, spot_at
from rsbench.datasets.demo.things import football, lorry

GRASS = (0.31, 0.37, 0.20)
DRY = (0.44, 0.42, 0.28)
WOOD = (0.14, 0.23, 0.10)
SEA = (0.10, 0.24, 0.27)
MUD = (0.40, 0.41, 0.33)
SAND = (0.78, 0.71, 0.57)


def land(c: Canvas) -> None:
    """Meadow, dry grass and bushes."""
    ground(c, c.tint(GRASS, 0.04), "grass", contrast=0.18, feature=60, other=DRY)
    field = c.noise(30, 4)
    forest(c, np.clip((field - c.uniform(0.35, 0.6)) * 8, 0, 1), colour=WOOD, crown=6)


def wild(c: Canvas, share: float) -> Test:
    """Covers about ``share`` of the scene with wood and meadow, and returns a test whether a place is outside it."""
    field = c.noise(90, 3)
    level = float(np.quantile(field[::4, ::4], 1 - share)) if share else math.inf
    green = np.clip((field - level) * 8 + 0.5, 0, 1)
    ground(c, c.tint(GRASS, 0.04), "grass", green, contrast=0.2, feature=25, other=DRY)
    forest(c, green * np.clip(c.noise(28, 3) * 5, 0, 1), colour=WOOD, crown=6)

    def outside(x: float, y: float) -> bool:
        column, line = (int(min(max(p / c.gsd + c.size / 2, 0), c.size - 1)) for p in (x, y))
        return bool(field[line, column] < level - 0.12)

    return outside


def suburb(c: Canvas) -> None:
    """Lanes of small houses with gardens, woods and meadows between."""
    ground(c, c.tint((0.40, 0.41, 0.28), 0.04), "grass", contrast=0.22, feature=14, other=YARD)
    angle, plan = c.uniform(0, 3.14), Plan()
    free = wild(c, c.uniform(0.2, 0.45))
    town(c, plan, angle, lot=(8, 14), depth=c.uniform(14, 18), built=(0.55, 0.85), row=c.count(60, 110),
         street=c.uniform(5, 8), height=(3, 5.5), filled=0.85, free=free)  # fmt: skip
    clutter(c, plan, 18)
    gardens(c, plan, 150)


def dense(c: Canvas) -> None:
    """A quarter of houses wall to wall, of one to three storeys."""
    ground(c, c.tint(YARD, 0.04), "bare", contrast=0.2, feature=10, other=(0.40, 0.40, 0.28))
    angle, plan = c.uniform(0, 3.14), Plan()
    free = wild(c, c.uniform(0.0, 0.15))
    town(c, plan, angle, lot=(6.5, 11), depth=c.uniform(11, 15), built=(0.72, 0.96), row=c.count(50, 80),
         street=c.uniform(6, 9), height=(3.5, 9), filled=0.95, free=free, colour=TAR)  # fmt: skip
    traffic(c, angle, 1.5, every=35, lorries=0.05)
    gardens(c, plan, 70, size=2.6)


def hillside(c: Canvas) -> None:
    """Small houses in disorder up a slope, with alleys between; wood above and below."""
    ground(c, c.tint((0.46, 0.42, 0.32), 0.04), "bare", contrast=0.22, feature=8, other=(0.36, 0.38, 0.24))
    free, plan = wild(c, c.uniform(0.25, 0.5)), Plan()
    turns = c.noise(120, 2) * 0.6
    base = c.uniform(0, 3.14)
    _, across = line(c, base + 0.4, c.uniform(-40, 40), bend=14, wave=150)
    road(c, across, 5, colour=LANE)
    pitch, half = 7.4, c.extent / 2
    steps = math.ceil(half / pitch) + 1
    for i in range(-steps, steps):
        for j in range(-steps, steps):
            x, y = (i + c.uniform(0, 0.7)) * pitch, (j + c.uniform(0, 0.7)) * pitch
            column, row = (int(min(max(p / c.gsd + c.size / 2, 0), c.size - 1)) for p in (x, y))
            if free(x, y) and abs(across[row, column]) > 6.5 and c.chance(0.93):
                size = c.uniform(5.5, 9), c.uniform(4.5, 7)
                put(c, plan, x, y, size, base + float(turns[row, column]) + c.uniform(-0.15, 0.15), c.uniform(3, 7))
    gardens(c, plan, 60, size=2.5)


def estate(c: Canvas) -> None:
    """Blocks of flats, some around a courtyard, with lawns and car parks."""
    ground(c, c.tint(GRASS, 0.04), "grass", contrast=0.14, feature=30, other=(0.46, 0.44, 0.36))
    angle, plan = c.uniform(0, 3.14), Plan()
    streets(c, angle, (76, 64), 8, colour=TAR)
    for i in range(-3, 3):
        for j in range(-3, 3):
            x, y = spot_at((i + 0.5) * 76, (j + 0.5) * 64, angle)
            if max(abs(x), abs(y)) > c.extent / 2 + 45:
                continue
            kind = c.count(0, 3)
            if kind == 0 or i == j == 0:  # at least one courtyard
                block(c, plan, x, y, c.uniform(40, 54), c.uniform(34, 44), angle)
            elif kind == 1:
                car_park(c, *spot_at(0, -17, angle, x, y), 60, 16, angle)
                hall(c, *spot_at(0, 11, angle, x, y), c.uniform(44, 58), 13, angle, height=c.uniform(10, 16))
                plan.add(rectangle(*spot_at(0, 11, angle, x, y), 58, 13, angle))
            elif kind == 2:
                for v in (-17, 15):
                    spot = spot_at(c.uniform(-5, 5), v, angle, x, y)
                    hall(c, *spot, c.uniform(38, 52), c.uniform(10, 14), angle, height=c.uniform(9, 14))
                    plan.add(rectangle(*spot, 52, 14, angle))
            else:
                football(c, x, y, 52, 32, angle)
    gardens(c, plan, 90, lambda x, y: all(abs(v) > 6 for v in _off_street(x, y, angle, (76, 64))), size=3.6)


def _off_street(x: float, y: float, angle: float, pitch: tuple[float, float]) -> tuple[float, float]:
    u, v = spot_at(x, y, -angle)
    return (u + pitch[0] / 2) % pitch[0] - pitch[0] / 2, (v + pitch[1] / 2) % pitch[1] - pitch[1] / 2


def block(c: Canvas, plan: Plan, x: float, y: float, length: float, width: float, angle: float) -> None:
    """A building around a courtyard; the courtyard is recorded as an object of its own."""
    colour = c.tint((*SLAB, *CLAY)[c.count(0, 5)], 0.05)
    outline = rectangle(x, y, length, width, angle)
    plan.add(outline)
    c.thing(outline, colour, height=c.uniform(8, 13), cover="building", name="building")
    c.thing(rectangle(x, y, length - 2, width - 2, angle), colour * 0.9)
    inner = length - c.uniform(20, 26), width - c.uniform(20, 24)
    court = rectangle(x, y, *inner, angle)
    c.thing(court, (0.16, 0.17, 0.14), cover="grass", name="courtyard")  # mostly in the shade of its walls
    away = spot_at(1.5, 0, c.shadow_angle)
    lawn = rectangle(x + away[0], y + away[1], inner[0] - 4, inner[1] - 4, angle)
    c.thing(lawn, c.tint(GRASS, 0.03))


def works(c: Canvas) -> None:
    """Halls and yards of a works, with the houses of a suburb at its edge."""
    ground(c, c.tint((0.48, 0.46, 0.39), 0.04), "bare", contrast=0.16, feature=30, other=(0.38, 0.39, 0.26))
    angle, plan = c.uniform(0, 3.14), Plan()
    _, across = line(c, angle)
    road(c, across - 4, 9, colour=TAR)
    for u in (-84, -18, 48, 112):
        spot = spot_at(u + c.uniform(-4, 4), -46 + c.uniform(-8, 4), angle)
        size = c.uniform(30, 56), c.uniform(24, 52)
        hall(c, *spot, *size, angle, height=c.uniform(6, 11))
        plan.add(rectangle(*spot, *size, angle))
    for _ in range(7):
        x, y = spot_at(c.uniform(-100, 100), c.uniform(-98, -10), angle)
        if plan.clear(rectangle(x, y, 19, 5, angle), 1.0):
            lorry(c, x, y, angle)
    for u in range(-140, 140, 12):
        for v in (26, 44, 66):
            if c.chance(0.75):
                size = c.uniform(7, 11), c.uniform(7, 12)
                put(c, plan, *spot_at(u, v + c.uniform(-2, 2), angle), size, angle, c.uniform(3, 5))
    traffic(c, angle, 2, every=40)
    clutter(c, plan, 14)
    gardens(c, plan, 70, lambda x, y: abs(_across(x, y, angle) - 4) > 8)


def _across(x: float, y: float, angle: float) -> float:
    return y * math.cos(angle) - x * math.sin(angle)


def country(c: Canvas) -> None:
    """Meadows, plantations and woods; a few houses along a road."""
    land(c)
    angle, shift, plan = c.uniform(0, 3.14), c.uniform(-60, 60), Plan()
    along, across = line(c, angle, shift)
    rows = np.sin(along * np.float32(2 * math.pi / 7)) * np.sin(across * np.float32(2 * math.pi / 6))
    planted = np.clip((c.noise(110, 2) - 0.1) * 8, 0, 1) * np.clip(rows * 4 + 0.6 * c.noise(8, 2), 0, 1)
    c.paint(c.tint(WOOD, 0.02), planted, "orchard")
    scrub(c, c.soft(c.noise(70, 3) * 40 - 18), soil=DRY, bush=WOOD, size=4, share=0.3)
    trees_along(c, 16 - np.abs(across), share=0.35, colour=WOOD)
    road(c, across, c.uniform(5, 9), colour=TAR if c.chance(0.5) else LANE, verge=1.5)
    for _ in range(c.count(4, 12)):
        spot = spot_at(c.uniform(-110, 110), shift + c.uniform(14, 45) * (1 if c.chance(0.5) else -1), angle)
        put(c, plan, *spot, (c.uniform(7, 14), c.uniform(6, 10)), angle + c.uniform(-0.3, 0.3), c.uniform(3, 5))
    traffic(c, angle, shift, every=60)
    clutter(c, plan, 6)
    gardens(c, plan, 60, lambda x, y: abs(_across(x, y, angle) - shift) > 8, size=4.5)


def shore(c: Canvas) -> None:
    """Sea, a beach, a road along it, and a town behind."""
    ground(c, c.tint(YARD, 0.04), "bare", contrast=0.18, feature=12, other=(0.38, 0.40, 0.26))
    angle, plan = c.uniform(0, 6.28), Plan()
    town(c, plan, angle, lot=(9, 15), depth=c.uniform(14, 18), built=(0.6, 0.9), row=c.count(60, 90), street=7,
         height=(3, 10), filled=0.9, free=lambda x, y: _across(x, y, angle) > 16, colour=TAR)  # fmt: skip
    _, across = line(c, angle, 0, bend=4, wave=260)
    ground(c, c.tint(SAND, 0.03), "sand", c.soft(-across - 4), contrast=0.07)
    water(c, c.soft(-across - 34 - 5 * c.noise(40, 2)), colour=SEA, waves=0.05)
    foam = np.clip(1 - np.abs(across + 36) / 3, 0, 1) * (c.noise(9, 2) > 0)
    c.paint((0.80, 0.83, 0.82), foam * 0.7)
    road(c, across + 0.5, 9, colour=TAR)
    traffic(c, angle, 2, every=30)
    gardens(c, plan, 60, lambda x, y: _across(x, y, angle) > 10)


def hill(c: Canvas) -> None:
    """Forest over a slope, a path; nobody lives here."""
    forest(c, colour=c.tint(WOOD, 0.02), crown=7)
    c.scale(1 + 0.16 * np.clip(relief(c.noise(7, 2), c.shadow_angle), -2, 2))
    if c.chance(0.6):
        _, across = line(c, c.uniform(0, 3.1), c.uniform(-60, 60), bend=20, wave=140)
        road(c, across, 2.5, colour=LANE)
    ground(c, c.tint(GRASS), "grass", c.soft(c.noise(80, 3) * 40 - 24), contrast=0.2, other=DRY)


def bay(c: Canvas) -> None:
    """Shallow water over mud."""
    water(c, colour=c.tint(MUD, 0.03), waves=0.012)
    c.scale(1 + 0.05 * c.noise(25, 4))
    if c.chance(0.6):
        ground(c, c.tint((0.46, 0.44, 0.36)), "wetland", c.soft(c.noise(70, 4) * 50 - 22), contrast=0.06)


def _rough(build: Callable[[Canvas], None], c: Canvas) -> None:
    """Builds a scene and roughens its ground: tufts, stones, tracks. Things are drawn later and stay smooth."""
    build(c)
    c.scale(1 + 0.07 * c.noise(2.5, 1) + 0.05 * c.noise(12, 2))


RIO_RECIPES: dict[str, Callable[[Canvas], None]] = {
    build.__name__: partial(_rough, build)
    for build in (suburb, dense, hillside, estate, works, country, shore, hill, bay)
}
