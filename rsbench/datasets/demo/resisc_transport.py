"""Recipes for the RESISC45 classes of roads, rails, airfields and ports; each with its metres per pixel."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rsbench.datasets.demo.built import apron, beside, car_park, hall, quarter, rails, road, traffic
from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.land import FRESH, GRASS, SEA, SOIL, forest, ground, line, water
from rsbench.datasets.demo.shapes import circle, moved, rectangle, spot_at
from rsbench.datasets.demo.things import ASPHALT, WHITE, car, plane, ship, tree


def _town_or_green(c: Canvas, angle: float, *roads: tuple[float, float, float], clear: float = 0.0) -> None:
    keep = beside(*roads)
    if c.chance(0.5):
        ground(c, c.tint((0.45, 0.45, 0.38)), "bare", contrast=0.15, other=GRASS)
        quarter(c, lot=(26, 26), built=(0.4, 0.75), angle=angle, street=8, filled=0.8, green=0.6, cars=0.2,
                free=lambda x, y: keep(x, y) and math.hypot(x, y) > clear)  # fmt: skip
    else:
        ground(c, c.tint(GRASS), "grass", contrast=0.15, other=(0.45, 0.44, 0.28))
        forest(c, np.clip((c.noise(60, 3) - 0.2) * 6, 0, 1))


def airplane(c: Canvas) -> None:
    """A few large planes on the apron."""
    angle = c.uniform(0, 6.28)
    ground(c, c.tint(GRASS), "grass")
    _, across = line(c, angle, c.uniform(-30, 30))
    apron(c, c.soft(c.uniform(0.28, 0.6) * c.extent - np.abs(across)), angle=angle)
    length = c.uniform(22, 48)
    pitch = 1.15 * length
    heading = angle + (math.pi / 2 if c.chance(0.5) else -math.pi / 2)
    offset = c.uniform(-0.4, 0.4) * pitch
    reach = math.ceil(0.5 * c.extent / pitch)
    shown = False
    for k in range(-reach, reach + 1):
        if c.chance(0.7) or (k == reach and not shown):
            u = (0.0 if k == reach and not shown else k * pitch) + offset
            plane(
                c, *spot_at(u, c.uniform(-4, 4), angle), length * c.uniform(0.8, 1.0), heading + c.uniform(-0.15, 0.15)
            )
            shown = True
    for _ in range(c.count(0, 6)):
        car(c, *spot_at(c.uniform(-0.4, 0.4) * c.extent, -0.75 * length, angle), angle)


def _runway(c: Canvas, angle: float, shift: float, width: float) -> None:
    along, across = line(c, angle, shift)
    road(c, across, width, colour=(0.38, 0.38, 0.39), verge=0.25 * width)
    thin = max(0.5, 0.35 * c.gsd)
    dashes = np.mod(along, np.float32(60)) < 32
    c.paint((0.9, 0.9, 0.88), np.clip((thin - np.abs(across)) / c.gsd + 0.5, 0, 1) * dashes)
    for edge in (-0.46, 0.46):
        c.paint((0.9, 0.9, 0.88), np.clip((thin - np.abs(across - edge * width)) / c.gsd + 0.5, 0, 1) * 0.8)


def runway(c: Canvas) -> None:
    """One runway with its markings, perhaps its threshold and a taxiway."""
    ground(c, c.tint((0.42, 0.45, 0.27)), "grass", contrast=0.1, other=(0.50, 0.46, 0.32))
    angle, shift, width = c.uniform(0, 3.14), c.uniform(-60, 60), c.uniform(40, 60)
    if c.chance(0.6):
        _, taxi = line(c, angle, shift + 2.6 * width)
        road(c, taxi, 20, colour=(0.45, 0.45, 0.45))
        _, link = line(c, angle + c.uniform(0.7, 1.57), c.uniform(-80, 80))
        _, across = line(c, angle, shift)
        c.paint((0.45, 0.45, 0.45), c.soft(10 - np.abs(link)) * (across > 0) * (across < 2.6 * width), "road")
    _runway(c, angle, shift, width)
    start = c.uniform(-0.3, 0.3) * c.extent
    for bar in range(8):
        stripe = rectangle(start, shift + (bar - 3.5) * width / 9, 30, width / 18)
        c.thing(moved(stripe, angle, 0, 0), WHITE)


def airport(c: Canvas) -> None:
    """Runways, taxiways, terminal, planes at the gates."""
    ground(c, c.tint((0.42, 0.45, 0.28)), "grass", contrast=0.1, other=SOIL)
    angle = c.uniform(0, 3.14)
    _runway(c, angle, -0.32 * c.extent, 50)
    _, taxi = line(c, angle, -0.15 * c.extent)
    road(c, taxi, 24, colour=(0.50, 0.50, 0.50))
    for _ in range(c.count(2, 3)):
        _along, across = line(c, angle + c.uniform(1.0, 2.1), c.uniform(-0.4, 0.4) * c.extent)
        road(c, across, 22, colour=(0.50, 0.50, 0.50))
    _, across = line(c, angle, 0.1 * c.extent)
    apron(c, c.soft(0.13 * c.extent - np.abs(across)), angle=angle, slab=25)
    for k in range(-4, 5):
        u = k * 0.11 * c.extent
        if c.chance(0.8):
            hall(
                c, *spot_at(u, 0.16 * c.extent, angle), 0.11 * c.extent, 40, angle, height=15, colour=(0.75, 0.75, 0.76)
            )
        if c.chance(0.7):
            plane(c, *spot_at(u, 0.085 * c.extent, angle), c.uniform(40, 60), angle + math.pi / 2)
        if c.chance(0.6):
            hall(c, *spot_at(u, 0.3 * c.extent, angle), 60, c.uniform(30, 80), angle)


def freeway(c: Canvas) -> None:
    """Two carriageways with many lanes and a central strip."""
    angle = c.uniform(0, 3.14)
    shift, width = c.uniform(-20, 20), c.uniform(12, 17)
    _town_or_green(c, angle, (angle, shift, width + 23))
    for side in (-1, 1):
        middle = shift + side * (width / 2 + 2.5)
        along, across = line(c, angle, middle)
        road(c, across, width, along=along, lanes=4, colour=(0.45, 0.45, 0.45), verge=4)
        for lane in (-0.37, -0.12, 0.12, 0.37):
            traffic(c, angle, middle + lane * width, every=c.uniform(30, 90))


def intersection(c: Canvas) -> None:
    """Two streets that cross, with zebra crossings."""
    angle = c.uniform(0, 3.14)
    second = angle + c.uniform(1.3, 1.8)
    width = c.uniform(12, 20)
    _town_or_green(c, angle, (angle, 0, width / 2 + 16), (second, 0, width / 2 + 16))
    for turned in (angle, second):
        along, across = line(c, turned)
        road(c, across, width, along=along, lanes=4, verge=3)
        for side in (-0.22, 0.22):
            traffic(c, turned, side * width, every=c.uniform(15, 40))
        for end in (-1, 1):
            for bar in range(-4, 5):
                stripe = rectangle(end * (width / 2 + 4), bar * width / 10, 3, width / 20)
                c.thing(moved(stripe, turned, 0, 0), WHITE)
    c.thing(circle(0, 0, 0.4 * width), ASPHALT)


def overpass(c: Canvas) -> None:
    """A road that crosses above another, with ramps."""
    angle = c.uniform(0, 3.14)
    ground(c, c.tint(GRASS), "grass", contrast=0.15, other=SOIL)
    forest(c, np.clip((c.noise(50, 3) - 0.3) * 6, 0, 1))
    x, y = c.xy
    if c.chance(0.7):
        for sx, sy in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            if c.chance(0.7):
                px, py = spot_at(sx * 42, sy * 42, angle)
                ring = np.abs(np.sqrt((x - np.float32(px)) ** 2 + (y - np.float32(py)) ** 2) - np.float32(34))
                c.paint(c.tint((0.5, 0.5, 0.5), 0.02), c.soft(4 - ring), "road")
    along, across = line(c, angle)
    road(c, across, 22, along=along, lanes=6, colour=(0.45, 0.45, 0.45), verge=3)
    for lane in (-7, 7):
        traffic(c, angle, lane, every=30)
    upper = angle + c.uniform(1.2, 1.9)
    _, above = line(c, upper)
    c.scale(1 - 0.45 * c.soft(14 - np.abs(above - np.float32(5))) * c.soft(12 - np.abs(across)))
    c.thing(
        moved(rectangle(0, 0, 1.6 * c.extent, 22), upper, 0, 0),
        (0.62, 0.61, 0.58),
        height=5,
        cover="road",
        name="bridge",
    )
    for side in (-1, 1):
        c.thing(moved(rectangle(0, side * 10.6, 1.6 * c.extent, 0.8), upper, 0, 0), (0.85, 0.85, 0.82))
        for step in range(-12, 13):
            c.thing(moved(rectangle(step * 12, side * 4.5, 4, 0.4), upper, 0, 0), WHITE)
        traffic(c, upper, side * 6.5, every=35)
    c.thing(moved(rectangle(0, 0, 1.6 * c.extent, 0.8), upper, 0, 0), (0.8, 0.8, 0.7))


def roundabout(c: Canvas) -> None:
    """A ring of road around a green island."""
    angle = c.uniform(0, 3.14)
    arms = [angle, angle + c.uniform(1.3, 1.8)]
    _town_or_green(c, angle, *((arm, 0, 23) for arm in arms), clear=58)
    for arm in arms:
        along, across = line(c, arm)
        road(c, across, 13, along=along, lanes=2, verge=3)
    x, y = c.xy
    away = np.sqrt(x * x + y * y)
    outer = c.uniform(24, 38)
    inner = outer - c.uniform(9, 13)
    c.paint((0.58, 0.56, 0.50), c.soft(outer + 3 - away), "pavement")
    c.paint(c.tint(ASPHALT), c.soft(outer - away), "road")
    c.paint((0.78, 0.77, 0.73), c.soft(inner + 1 - away))
    ground(c, c.tint((0.32, 0.47, 0.22)), "grass", c.soft(inner - away))
    c.paint((0.60, 0.42, 0.36), c.soft(0.4 * inner - away) * float(c.chance(0.5)))
    for _ in range(c.count(0, 8)):
        turn, radius = c.uniform(0, 6.28), c.uniform(0.3, 0.8) * inner
        tree(c, radius * math.cos(turn), radius * math.sin(turn), c.uniform(1.5, 2.5))
    for _ in range(c.count(2, 7)):
        turn, radius = c.uniform(0, 6.28), (inner + outer) / 2
        car(c, radius * math.cos(turn), radius * math.sin(turn), turn + math.pi / 2)


def bridge(c: Canvas) -> None:
    """A bridge over a wide river."""
    angle = c.uniform(0, 3.14)
    ground(c, c.tint(GRASS), "grass", contrast=0.15, other=SOIL)
    forest(c, np.clip((c.noise(90, 3) - 0.1) * 6, 0, 1))
    _, across = line(c, angle, c.uniform(-30, 30), bend=c.uniform(0, 20))
    half = c.extent * c.uniform(0.18, 0.34)
    ground(c, c.tint(SOIL), "bare", c.soft(half + 8 - np.abs(across)))
    water(c, c.soft(half - np.abs(across)), colour=(FRESH, SEA, (0.28, 0.33, 0.26))[c.count(0, 2)])
    over = angle + c.uniform(1.25, 1.9)
    width = c.uniform(10, 24)
    _, deck = line(c, over)
    road(c, deck, width * 0.8, colour=(0.52, 0.51, 0.50))
    c.thing(
        moved(rectangle(0, 0, 2.15 * half, width), over, 0, 0),
        (0.66, 0.65, 0.62),
        height=14,
        cover="road",
        name="bridge",
    )
    c.thing(moved(rectangle(0, 0, 2.15 * half, 0.72 * width), over, 0, 0), (0.42, 0.42, 0.43))
    c.thing(moved(rectangle(0, 0, 2.15 * half, 1.0), over, 0, 0), (0.85, 0.83, 0.70))
    for k in range(-6, 7):
        if c.chance(0.6):
            car(c, *spot_at(k * 18, width * (0.2 if k % 2 else -0.2), over), over)


def railway(c: Canvas) -> None:
    """Two to six tracks through the country or the town."""
    angle = c.uniform(0, 3.14)
    shift, bend, tracks = c.uniform(-15, 15), c.uniform(0, 8), c.count(2, 6)
    _town_or_green(c, angle, (angle, shift, 1.3 * bend + 2.3 * tracks + 17))
    _, across = line(c, angle, shift, bend=bend, wave=3 * c.extent)
    rails(c, across, tracks)


def railway_station(c: Canvas) -> None:
    """Many tracks, platforms with roofs, the hall, trains."""
    angle = c.uniform(0, 3.14)
    ground(c, c.tint((0.50, 0.49, 0.45)), "pavement", contrast=0.15)
    tracks = c.count(9, 15)
    quarter(c, lot=(40, 36), built=(0.55, 0.85), angle=angle, street=10, flat=True, height=12, green=0.2, cars=0.4,
            free=beside((angle, 4, tracks * 2.3 + 42)))  # fmt: skip
    _, across = line(c, angle)
    rails(c, across, tracks)
    for k in range(tracks // 3):
        v = (k * 3 + 1 - (tracks - 1) / 2) * 4.6
        u = c.uniform(-15, 15)
        platform = moved(rectangle(u, v, c.extent * c.uniform(0.5, 0.8), 5.2), angle, 0, 0)
        c.thing(platform, c.tint((0.74, 0.73, 0.70), 0.08), height=4, cover="building", name="building")
        if c.chance(0.6):
            for wagon in range(c.count(3, 7)):
                body = rectangle(u - 60 + wagon * 21, v + 4.8, 20, 2.9)
                c.thing(moved(body, angle, 0, 0), c.tint((0.55, 0.56, 0.60), 0.15), height=3, name="large_vehicle")
    hall(c, *spot_at(0, tracks * 2.3 + 14, angle), c.uniform(60, 110), 20, angle, height=18)


def parking_lot(c: Canvas) -> None:
    """Rows of parked cars."""
    ground(c, c.tint((0.48, 0.47, 0.44)), "pavement", other=GRASS, contrast=0.1)
    angle = c.uniform(0, 3.14)
    car_park(
        c, 0, 0, c.extent * c.uniform(0.9, 1.5), c.extent * c.uniform(0.8, 1.5), angle, filled=c.uniform(0.4, 0.95)
    )
    for _ in range(c.count(0, 8)):
        tree(c, c.uniform(-0.5, 0.5) * c.extent, c.uniform(-0.5, 0.5) * c.extent, c.uniform(1.5, 3))


def harbor(c: Canvas) -> None:
    """Piers with rows of moored boats."""
    water(c, colour=(FRESH, SEA, (0.10, 0.22, 0.24))[c.count(0, 2)])
    angle = c.uniform(0, 6.28)
    _, across = line(c, angle, 0.36 * c.extent)
    apron(c, c.soft(across), angle=angle, colour=(0.60, 0.58, 0.54))
    pitch = c.uniform(34, 46)
    for k in range(-5, 6):
        u, end = k * pitch, -c.extent * c.uniform(0.25, 0.4)
        pier = moved(rectangle(u, (end + 0.37 * c.extent) / 2, 3.2, 0.37 * c.extent - end), angle, 0, 0)
        c.thing(pier, c.tint((0.72, 0.69, 0.63)), height=1, cover="pavement", name="harbor")
        v = end + 3
        while v < 0.34 * c.extent:
            for side in (-1, 1):
                if c.chance(0.75):
                    length = c.uniform(9, 0.36 * pitch)
                    spot = spot_at(u + side * (2.4 + length / 2), v, angle)
                    ship(c, *spot, length, angle + (0 if side > 0 else math.pi))
            v += c.uniform(5.0, 7.0)
    for _ in range(4):
        hall(c, *spot_at(c.uniform(-0.5, 0.5) * c.extent, 0.46 * c.extent, angle), 18, 9, angle, height=5)


def ships(c: Canvas) -> None:
    """One to three ships under way or at anchor."""
    water(c, colour=(SEA, FRESH, (0.08, 0.26, 0.32))[c.count(0, 2)], waves=0.05)
    angle = c.uniform(0, 6.28)
    count = c.count(1, 3)
    for k in range(count):
        v = (k - (count - 1) / 2) * c.extent / count
        length = c.extent * c.uniform(0.22, 0.6) / (1 + 0.3 * (count - 1))
        ship(c, *spot_at(c.uniform(-0.1, 0.1) * c.extent, v, angle), length, angle, wake=c.chance(0.5))


TRANSPORT: dict[str, tuple[Callable[[Canvas], None], float]] = {
    "airplane": (airplane, 0.55),
    "airport": (airport, 4.0),
    "bridge": (bridge, 1.0),
    "freeway": (freeway, 0.7),
    "harbor": (harbor, 0.5),
    "intersection": (intersection, 0.5),
    "overpass": (overpass, 0.7),
    "parking_lot": (parking_lot, 0.35),
    "railway": (railway, 0.5),
    "railway_station": (railway_station, 0.8),
    "roundabout": (roundabout, 0.5),
    "runway": (runway, 1.6),
    "ship": (ships, 1.0),
}
