"""Recipes for the RESISC45 classes of buildings, quarters, works and sports grounds; each with its metres per pixel."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rsbench.datasets.demo.built import car_park, hall, quarter, road, streets
from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.land import GRASS, SOIL, blob, forest, ground, line, water
from rsbench.datasets.demo.shapes import circle, ellipse, moved, rectangle, spot_at
from rsbench.datasets.demo.things import CONCRETE, car, court, diamond, football, running_track, tank, tree


def _park(c: Canvas, *, trees: tuple[int, int] = (10, 40), clear: float = 30.0) -> None:
    """Grass with paths, and trees outside a circle around the centre."""
    ground(c, c.tint(GRASS), "grass", contrast=0.12, other=(0.44, 0.44, 0.28))
    for _ in range(c.count(1, 3)):
        _, across = line(c, c.uniform(0, 3.14), c.uniform(-0.4, 0.4) * c.extent, bend=c.uniform(0, 12))
        road(c, across, 3.5, colour=(0.62, 0.58, 0.50))
    for _ in range(c.count(*trees)):
        x, y = c.uniform(-0.5, 0.5) * c.extent, c.uniform(-0.5, 0.5) * c.extent
        if math.hypot(x, y) > clear:
            tree(c, x, y, c.uniform(2, 4.5))


def baseball_diamond(c: Canvas) -> None:
    """One to three diamonds in a park."""
    _park(c, clear=0.45 * c.extent)
    turn = c.uniform(0, 6.28)
    count = c.count(1, 3)
    for k in range(count):
        angle = turn + k * 2 * math.pi / count
        away = 0.06 * c.extent if count > 1 else -0.2 * c.extent
        reach = c.uniform(0.36, 0.44) * c.extent
        diamond(c, away * math.cos(angle), away * math.sin(angle), reach, angle)


def _courts(c: Canvas, kind: str, rows: int, columns: int) -> None:
    angle = c.uniform(0, 3.14)
    if c.chance(0.5):
        _park(c, clear=0.45 * c.extent)
    else:
        ground(c, c.tint((0.50, 0.49, 0.46)), "pavement", contrast=0.1, other=GRASS)
        car_park(c, *spot_at(0, -0.42 * c.extent, angle), 0.9 * c.extent, 17, angle)
    pitch = (35.5, 17.5) if kind == "tennis_court" else (39, 22)
    for i in range(columns):
        for j in range(rows):
            spot = spot_at((i - (columns - 1) / 2) * pitch[0], (j - (rows - 1) / 2) * pitch[1], angle)
            court(c, *spot, angle, kind=kind)


def basketball_court(c: Canvas) -> None:
    """Basketball courts."""
    _courts(c, "basketball_court", c.count(1, 2), 1)


def tennis_court(c: Canvas) -> None:
    """Tennis courts side by side."""
    _courts(c, "tennis_court", c.count(2, 4), c.count(1, 2))


def ground_track_field(c: Canvas) -> None:
    """A running track."""
    _park(c, clear=0.4 * c.extent)
    running_track(c, c.uniform(-20, 20), c.uniform(-20, 20), c.uniform(0, 3.14), width=c.uniform(80, 95))


def stadium(c: Canvas) -> None:
    """Stands around a field."""
    angle = c.uniform(0, 3.14)
    ground(c, c.tint((0.55, 0.54, 0.50)), "pavement", contrast=0.1, other=GRASS)
    for side in (-1, 1):
        car_park(c, *spot_at(0, side * 0.43 * c.extent, angle), c.extent * 1.2, 0.16 * c.extent, angle, filled=0.5)
    colour = c.tint(((0.78, 0.78, 0.77), (0.60, 0.62, 0.66), (0.70, 0.60, 0.55))[c.count(0, 2)], 0.05)
    c.thing(ellipse(0, 0, 215, 170, angle, 40), colour, height=22, cover="building", name="building")
    for k in range(36):
        turn = k * math.pi / 18
        spoke = rectangle(
            93 * math.cos(turn), 71 * math.sin(turn), 22, 1.2, math.atan2(71 * math.sin(turn), 93 * math.cos(turn))
        )
        c.thing(moved(spoke, angle, 0, 0), colour * 0.8)
    for k, shade in enumerate((0.62, 0.7, 0.56)):
        c.thing(ellipse(0, 0, 178 - 13 * k, 133 - 13 * k, angle, 40), c.tint((0.55, 0.45, 0.45), 0.1) * (0.5 + shade))
    if c.chance(0.5):
        c.thing(ellipse(0, 0, 142, 97, angle, 40), c.tint((0.6, 0.32, 0.25)), cover="pavement")
    else:
        c.thing(ellipse(0, 0, 142, 97, angle, 40), c.tint(GRASS), cover="grass")
    football(c, 0, 0, 105, 68, angle)


def church(c: Canvas) -> None:
    """A building in the shape of a cross, with a tower."""
    angle = c.uniform(0, 6.28)
    ground(c, c.tint((0.50, 0.50, 0.42)), "bare", contrast=0.12, other=GRASS)
    quarter(c, lot=(22, 20), built=(0.45, 0.7), angle=angle, street=7, row=5, green=0.5,
            free=lambda x, y: math.hypot(x, y) > 58)  # fmt: skip
    ground(c, c.tint((0.46, 0.48, 0.34)), "grass", c.soft(40 - np.sqrt(c.xy[0] ** 2 + c.xy[1] ** 2)), contrast=0.1)
    car_park(c, *spot_at(0, 32, angle), 40, 14, angle)
    roof = c.tint(((0.42, 0.38, 0.38), (0.52, 0.32, 0.26), (0.38, 0.44, 0.42))[c.count(0, 2)], 0.04)
    nave, arm = c.uniform(40, 54), c.uniform(24, 34)
    cross = [(nave / 2, 6.5), (nave * 0.2 + 6, 6.5), (nave * 0.2 + 6, arm / 2), (nave * 0.2 - 6, arm / 2),
             (nave * 0.2 - 6, 6.5), (-nave / 2, 6.5)]  # fmt: skip
    outline = np.array(cross + [(x, -y) for x, y in reversed(cross)])
    for part in (rectangle(0, 0, nave, 13), rectangle(nave * 0.2, 0, 12, arm)):
        c.thing(moved(part, angle, 0, 0), roof, height=14)
    c.thing(moved(outline, angle, 0, 0), roof, cover="building", name="building")
    c.thing(moved(rectangle(0, 3.2, nave, 6.4), angle, 0, 0), roof * 1.2)
    c.thing(moved(rectangle(nave * 0.2, 0, 0.9, arm), angle, 0, 0), roof * 1.35)
    c.thing(moved(rectangle(0, 0, nave, 0.9), angle, 0, 0), roof * 1.35)
    c.thing(moved(rectangle(-nave / 2 + 3, 0, 9, 9), angle, 0, 0), roof * 0.85, height=26)
    c.thing(moved(rectangle(-nave / 2 + 3, 0, 5, 5), angle, 0, 0), roof * 1.3)


def palace(c: Canvas) -> None:
    """A long building with wings around a court, and a formal garden on an axis."""
    angle = c.uniform(0, 6.28)
    ground(c, c.tint(GRASS), "grass", contrast=0.1)
    forest(c, np.clip((c.noise(60, 3) - 0.1) * 6, 0, 1) * (np.abs(line(c, angle)[1]) > 65))
    c.paint((0.72, 0.67, 0.56), c.soft(7 - np.abs(line(c, angle)[1])), "road")
    for i in range(3):
        for side in (-1, 1):
            bed = moved(rectangle(30 + i * 26, side * 24, 22, 26), angle, 0, 0)
            c.thing(bed, (0.70, 0.65, 0.54), cover="bare")
            c.thing(
                moved(rectangle(30 + i * 26, side * 24, 18, 22), angle, 0, 0), c.tint((0.30, 0.44, 0.20)), cover="grass"
            )
            c.thing(moved(circle(30 + i * 26, side * 24, 5), angle, 0, 0), c.tint((0.55, 0.32, 0.35), 0.1))
            for k in (-9, 9):
                tree(c, *spot_at(30 + i * 26 + k, side * 42, angle), 2.6)
    c.thing(moved(circle(60, 0, 9), angle, 0, 0), (0.30, 0.46, 0.50), cover="water")
    roof = c.tint(((0.46, 0.46, 0.48), (0.62, 0.42, 0.32), (0.72, 0.60, 0.36))[c.count(0, 2)], 0.04)
    c.thing(moved(rectangle(-30, 0, 62, 96), angle, 0, 0), (0.74, 0.70, 0.62), cover="pavement")
    for px, py, w, h in ((-2, 0, 16, 110), (-32, 48, 50, 14), (-32, -48, 50, 14), (-62, 0, 14, 110)):
        c.thing(moved(rectangle(px, py, w, h), angle, 0, 0), roof, height=14, cover="building", name="building")
        ridge = rectangle(px, py, w if w > h else 2, h if h >= w else 2)
        c.thing(moved(ridge, angle, 0, 0), roof * 1.3)
    c.thing(moved(rectangle(-2, 0, 24, 28), angle, 0, 0), roof * 0.9, height=18)
    c.thing(moved(circle(-2, 0, 9), angle, 0, 0), roof * 1.25, height=6)


def dense_residential(c: Canvas) -> None:
    """Houses wall to wall."""
    ground(c, c.tint((0.50, 0.48, 0.43)), "bare", contrast=0.12)
    quarter(c, lot=(c.uniform(13, 16), c.uniform(17, 21)), built=(0.7, 0.92), angle=c.uniform(0, 3.14), street=6, row=8,
            green=0.25, cars=0.5)  # fmt: skip


def medium_residential(c: Canvas) -> None:
    """Houses with gardens."""
    ground(c, c.tint((0.40, 0.44, 0.28)), "grass", contrast=0.15, other=(0.50, 0.47, 0.36))
    quarter(c, lot=(c.uniform(22, 27), c.uniform(28, 34)), built=(0.45, 0.65), angle=c.uniform(0, 3.14), street=8,
            green=0.85, pools=0.2, cars=0.5)  # fmt: skip


def mobile_home_park(c: Canvas) -> None:
    """Long narrow homes, side by side and aslant to the lanes."""
    ground(c, c.tint((0.48, 0.48, 0.38)), "grass", contrast=0.12, other=(0.56, 0.53, 0.46))
    angle, slant = c.uniform(0, 3.14), c.uniform(-0.5, 0.5)
    streets(c, angle, (0, 46), 6)
    reach = math.ceil(0.75 * c.extent / 11.5)
    for j in range(-4, 5):
        for half in (-11.7, 11.7):
            for i in range(-reach, reach):
                x, y = spot_at(i * 11.5 + c.uniform(-0.6, 0.6), j * 46 + 23 + half, angle)
                if c.chance(0.92) and max(abs(x), abs(y)) < 0.55 * c.extent:
                    roof = c.tint(((0.86, 0.86, 0.84), (0.70, 0.70, 0.70), (0.62, 0.56, 0.48))[c.count(0, 2)], 0.06)
                    home = rectangle(x, y, c.uniform(14, 18), 4.6, angle + math.pi / 2 + slant)
                    c.thing(home, roof, height=3.5, cover="building", name="building")
                    if c.chance(0.4):
                        car(c, *spot_at(4.6, 0, angle + slant, x, y), angle + math.pi / 2 + slant)
                    elif c.chance(0.4):
                        tree(c, *spot_at(5, 2, angle + slant, x, y), c.uniform(1.3, 2.2))


def commercial_area(c: Canvas) -> None:
    """Blocks of large buildings of different height."""
    ground(c, c.tint((0.52, 0.51, 0.49)), "pavement", contrast=0.1)
    quarter(c, lot=(c.uniform(36, 46), c.uniform(36, 46)), built=(0.6, 0.9), angle=c.uniform(0, 3.14), street=13, row=2,
            flat=True, height=22, green=0.5, cars=0.7)  # fmt: skip


def industrial_area(c: Canvas) -> None:
    """Long halls, yards, a few tanks."""
    ground(c, c.tint((0.55, 0.53, 0.49)), "pavement", contrast=0.12, other=(0.44, 0.44, 0.34))
    angle = c.uniform(0, 3.14)
    quarter(c, lot=(c.uniform(80, 110), c.uniform(45, 65)), built=(0.6, 0.9), angle=angle, street=14, row=2, filled=0.8,
            flat=True, height=9, green=0.2, cars=0.5)  # fmt: skip


def storage_tank(c: Canvas) -> None:
    """Tanks in rows, each in its basin."""
    ground(c, c.tint((0.56, 0.52, 0.44)), "bare", contrast=0.12, other=(0.42, 0.44, 0.30))
    angle = c.uniform(0, 3.14)
    pitch = c.uniform(34, 70)
    streets(c, angle, (pitch * 2, pitch * 2), 6, colour=(0.48, 0.47, 0.46))
    shift = (c.uniform(-0.3, 0.3) * pitch, c.uniform(-0.3, 0.3) * pitch)
    reach = math.ceil(0.7 * c.extent / pitch)
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            if (i == 0 and j == 0) or c.chance(0.7):
                spot = spot_at((i + 0.5) * pitch - shift[0], (j + 0.5) * pitch - shift[1], angle)
                tank(c, *spot, pitch * c.uniform(0.26, 0.4))


def thermal_power_station(c: Canvas) -> None:
    """Cooling towers with plumes, boiler house and chimney, a heap of coal."""
    ground(c, c.tint((0.50, 0.49, 0.45)), "pavement", contrast=0.12, other=SOIL)
    angle = c.uniform(0, 6.28)
    if c.chance(0.5):
        _, across = line(c, angle, -0.4 * c.extent)
        water(c, c.soft(-across))
    heap = blob(c, 38, x=spot_at(70, 70, angle)[0], y=spot_at(70, 70, angle)[1])
    c.paint((0.13, 0.13, 0.14), c.soft(heap), "bare")
    streets(c, angle, (95, 80), 7, colour=(0.44, 0.44, 0.44))
    for k in range(c.count(2, 4)):
        hall(c, *spot_at(-70 + 48 * k, 18, angle), 40, c.uniform(26, 46), angle, height=24)
    c.thing(circle(*spot_at(20, 52, angle), 5), (0.75, 0.72, 0.70), height=70, cover="building", name="building")
    _x, _y = c.xy
    for k in range(c.count(1, 3)):
        px, py = spot_at(-72 + 62 * k, -42, angle)
        c.thing(circle(px, py, 25, 32), c.tint(CONCRETE), height=45, cover="building", name="building")
        c.thing(circle(px, py, 18, 32), (0.42, 0.42, 0.43))
        c.thing(circle(px, py, 12, 24), (0.86, 0.87, 0.88))
        c.thing(ellipse(px + 9, py - 7, 26, 16, c.shadow_angle), (0.90, 0.91, 0.92))
    for k in range(c.count(0, 4)):
        tank(c, *spot_at(80, -60 + 24 * k, angle), 9)


BUILT: dict[str, tuple[Callable[[Canvas], None], float]] = {
    "baseball_diamond": (baseball_diamond, 0.7),
    "basketball_court": (basketball_court, 0.32),
    "church": (church, 0.45),
    "commercial_area": (commercial_area, 0.8),
    "dense_residential": (dense_residential, 0.6),
    "ground_track_field": (ground_track_field, 0.9),
    "industrial_area": (industrial_area, 1.3),
    "medium_residential": (medium_residential, 0.6),
    "mobile_home_park": (mobile_home_park, 0.55),
    "palace": (palace, 0.75),
    "stadium": (stadium, 1.0),
    "storage_tank": (storage_tank, 0.8),
    "tennis_court": (tennis_court, 0.45),
    "thermal_power_station": (thermal_power_station, 1.0),
}
