"""Single things with an outline: trees, vehicles, planes, ships, tanks, sports grounds. Each is drawn and recorded."""

from __future__ import annotations

import math

import numpy as np

from rsbench.datasets.demo.canvas import Canvas, Colour
from rsbench.datasets.demo.land import WOOD
from rsbench.datasets.demo.shapes import Points, circle, ellipse, mirrored, moved, rectangle

CARS = (
    (0.85, 0.85, 0.86),
    (0.15, 0.15, 0.17),
    (0.55, 0.56, 0.58),
    (0.55, 0.12, 0.10),
    (0.14, 0.22, 0.42),
    (0.7, 0.68, 0.6),
)
WHITE = (0.90, 0.90, 0.88)
ASPHALT = (0.36, 0.36, 0.37)
CONCRETE = (0.64, 0.63, 0.60)

_PLANE = mirrored(
    [(0.50, 0.0), (0.44, 0.045), (0.14, 0.055), (-0.10, 0.46), (-0.19, 0.46), (-0.06, 0.055), (-0.36, 0.04),
     (-0.45, 0.17), (-0.50, 0.17), (-0.46, 0.02)]
)  # fmt: skip
_SHIP = mirrored([(0.50, 0.0), (0.38, 0.09), (0.22, 0.125), (-0.42, 0.125), (-0.50, 0.09)])


def place(outline: Points, x: float, y: float, length: float, angle: float) -> Points:
    """Enlarges, turns and moves an outline of unit length."""
    return moved(outline * length, angle, x, y)


def tree(c: Canvas, x: float, y: float, radius: float) -> None:
    """A crown with its shadow and its lit side."""
    if radius < 0.35 * c.gsd:
        return
    colour = c.tint(WOOD, 0.04)
    c.thing(circle(x, y, radius, 9), colour, height=1.2 * radius, cover="forest")
    if radius > 1.5 * c.gsd:
        lit = -0.3 * radius
        top = circle(x + lit * math.cos(c.shadow_angle), y + lit * math.sin(c.shadow_angle), 0.55 * radius, 8)
        c.thing(top, colour * 1.35)


def car(c: Canvas, x: float, y: float, angle: float) -> None:
    """A car of about 4.5 m by 2 m; left out where the pixels are coarser than 1.5 m."""
    if c.gsd > 1.5:
        return
    colour = c.tint(CARS[c.count(0, len(CARS) - 1)], 0.05)
    c.thing(rectangle(x, y, c.uniform(4.1, 5.0), 1.95, angle), colour, height=1.2, name="small_vehicle")
    if c.gsd < 0.6:
        c.thing(rectangle(x, y, 2.0, 1.6, angle), colour * 0.55)


def lorry(c: Canvas, x: float, y: float, angle: float) -> None:
    """A lorry of about 14 m by 2.6 m, with its cab; left out where the pixels are coarser than 2 m."""
    if c.gsd > 2:
        return
    length = c.uniform(11, 17)
    c.thing(rectangle(x, y, length, 2.6, angle), c.tint(WHITE, 0.08), height=3.5, name="large_vehicle")
    cab = (x + (length / 2 - 1.2) * math.cos(angle), y + (length / 2 - 1.2) * math.sin(angle))
    c.thing(rectangle(*cab, 2.2, 2.5, angle), c.tint((0.45, 0.25, 0.2), 0.15))


def plane(c: Canvas, x: float, y: float, length: float, angle: float) -> None:
    """An airliner or a small plane: swept wings, tail, engines."""
    colour = c.tint(WHITE, 0.04)
    c.thing(place(_PLANE, x, y, length, angle), colour, height=0.12 * length, name="plane", lifted=True)
    for side in (-0.16, 0.16):
        engine = moved(ellipse(0.05, side, 0.10, 0.045, corners=8) * length, angle, x, y)
        c.thing(engine, colour * 0.62)
    c.thing(moved(rectangle(-0.44, 0, 0.12, 0.025) * length, angle, x, y), c.tint((0.3, 0.3, 0.5), 0.3))


def ship(c: Canvas, x: float, y: float, length: float, angle: float, *, wake: bool = False) -> None:
    """A ship or a boat, with deck and bridge; a wake if it sails."""
    if wake:
        for share in (3.0, 2.2, 1.5):
            tail = mirrored([(0.2, 0.03), (-share, 0.05 + 0.11 * share)])
            c.thing(place(tail, x, y, length, angle), (0.30 + 0.08 * (3 - share), 0.42 + 0.06 * (3 - share), 0.48))
    hull = c.tint(((0.55, 0.2, 0.15), (0.75, 0.76, 0.77), (0.25, 0.27, 0.32), (0.85, 0.85, 0.83))[c.count(0, 3)], 0.06)
    c.thing(place(_SHIP, x, y, length, angle), hull, height=0.07 * length, cover="building", name="ship")
    c.thing(place(_SHIP * 0.78, x, y, length, angle), hull * 0.75 + 0.12)
    if length > 15 * c.gsd:
        for step in range(4):
            hold = moved(rectangle(0.24 - 0.15 * step, 0, 0.10, 0.15) * length, angle, x, y)
            c.thing(hold, c.tint((0.5, 0.4, 0.35), 0.2))
    c.thing(moved(rectangle(-0.38, 0, 0.10, 0.19) * length, angle, x, y), WHITE, height=0.03 * length)


def tank(c: Canvas, x: float, y: float, radius: float) -> None:
    """A storage tank: a bright lid, a rim and the long shadow of a cylinder."""
    colour = c.tint(((0.88, 0.88, 0.86), (0.75, 0.76, 0.74), (0.62, 0.60, 0.55))[c.count(0, 2)], 0.04)
    height = radius * c.uniform(0.5, 1.0)
    c.thing(circle(x, y, radius, 28), colour * 0.8, height=height, cover="building", name="storage_tank")
    c.thing(circle(x, y, 0.9 * radius, 28), colour)
    if c.chance(0.5):
        c.thing(rectangle(x + 0.45 * radius, y, 0.9 * radius, 0.12 * radius), colour * 0.7)


def court(c: Canvas, x: float, y: float, angle: float, *, kind: str) -> None:
    """A tennis or basketball court with its lines."""
    length, width = (23.8, 11.0) if kind == "tennis_court" else (28.0, 15.0)
    outer = ((0.20, 0.42, 0.30), (0.55, 0.30, 0.22), (0.30, 0.38, 0.45))[c.count(0, 2)]
    inner = ((0.20, 0.33, 0.52), (0.24, 0.46, 0.34), (0.62, 0.42, 0.30))[c.count(0, 2)]
    c.thing(rectangle(x, y, length + 9, width + 6, angle), c.tint(outer, 0.05), cover="pavement")
    c.thing(rectangle(x, y, length, width, angle), WHITE, name=kind)

    def inside(px: float, py: float, w: float, h: float, colour: Colour) -> None:
        c.thing(moved(rectangle(px, py, w, h), angle, x, y), colour)

    floor = c.tint(inner, 0.05)
    edge = max(0.25, 0.45 * c.gsd)
    inside(0, 0, length - 2 * edge, width - 2 * edge, floor)
    if kind == "tennis_court":
        for px, py, w, h in ((0, 4.1, length, edge), (0, -4.1, length, edge), (0, 0, 12.8, edge), (6.4, 0, edge, 8.2),
                             (-6.4, 0, edge, 8.2), (0, 0, 0.8 * edge, width + 1)):  # fmt: skip
            inside(px, py, w, h, WHITE)
    else:
        inside(0, 0, edge, width, WHITE)
        c.thing(moved(circle(0, 0, 2.4), angle, x, y), WHITE)
        c.thing(moved(circle(0, 0, 2.4 - edge), angle, x, y), floor)
        arc = [math.radians(90 + 12 * step) for step in range(16)]
        for side in (-1, 1):
            for shrink, colour in ((0.0, np.array(WHITE)), (edge, floor * 0.95)):
                half = [(14 - edge + (7.6 - shrink) * math.cos(t), (6.7 - shrink) * math.sin(t)) for t in arc]
                c.thing(moved(_points(half) * [side, 1], angle, x, y), colour)
            inside(side * 11.2, 0, 5.8 - edge, 4.9, c.tint(outer, 0.02))


def diamond(c: Canvas, x: float, y: float, reach: float, angle: float) -> None:
    """A baseball field: an outfield of mown grass, the fan of bare soil, the grass within, the bases."""
    fan = [(0.0, 0.0)] + [(math.cos(t), math.sin(t)) for t in [math.radians(-45 + 6 * step) for step in range(16)]]
    outfield = c.tint((0.30, 0.45, 0.20), 0.05)
    soil = c.tint((0.66, 0.48, 0.33), 0.05)
    c.thing(place(_points(fan), x, y, reach, angle), outfield, cover="grass", name="baseball_diamond")
    for step in range(3):
        ring = [(r * math.cos(t), r * math.sin(t)) for r, ts in ((0.95 - 0.14 * step, 1), (0.88 - 0.14 * step, -1))
                for t in [math.radians(ts * (-45 + 6 * k)) for k in range(16)]]  # fmt: skip
        c.thing(place(_points(ring), x, y, reach, angle), outfield * 1.10)
    c.thing(place(_points(fan), x, y, 0.46 * reach, angle), soil, cover="bare")
    c.thing(moved(rectangle(0.17 * reach, 0, 0.19 * reach, 0.19 * reach, math.pi / 4), angle, x, y), outfield)
    c.thing(moved(circle(0.17 * reach, 0, 0.028 * reach, 10), angle, x, y), soil)
    c.thing(circle(x, y, 0.06 * reach, 12), soil, cover="bare")


def running_track(c: Canvas, x: float, y: float, angle: float, *, width: float = 92.0) -> None:
    """A running track of 400 m around a football field."""
    straight = width * 0.92

    def oval(radius: float) -> Points:
        steps = [math.radians(-90 + 15 * step) for step in range(13)]
        right = [(straight / 2 + radius * math.cos(t), radius * math.sin(t)) for t in steps]
        return moved(_points(right + [(-px, -py) for px, py in right]), angle, x, y)

    red = c.tint(((0.62, 0.30, 0.23), (0.55, 0.33, 0.28), (0.35, 0.42, 0.5))[c.count(0, 2)], 0.05)
    c.thing(oval(width / 2), red, cover="pavement", name="ground_track_field")
    for lane in (0.93, 0.86):
        c.thing(oval(width / 2 * lane), (0.85, 0.75, 0.70))
        c.thing(oval(width / 2 * lane - max(0.5, 0.4 * c.gsd)), red)
    c.thing(oval(width / 2 * 0.79), c.tint((0.30, 0.44, 0.20), 0.05), cover="grass")
    football(c, x, y, straight * 1.1, width * 0.62, angle)


def football(c: Canvas, x: float, y: float, length: float, width: float, angle: float) -> None:
    """A football field with mowing stripes and lines."""
    green = c.tint((0.28, 0.46, 0.20), 0.05)
    c.thing(rectangle(x, y, length, width, angle), WHITE, cover="grass", name="soccer_ball_field")
    edge = max(0.4, 0.4 * c.gsd)
    inner = length - 2 * edge
    for stripe in range(8):
        strip = rectangle((stripe - 3.5) * inner / 8, 0, inner / 8, width - 2 * edge)
        c.thing(moved(strip, angle, x, y), green * (1.0 if stripe % 2 else 1.12))
    c.thing(moved(rectangle(0, 0, edge, width), angle, x, y), WHITE)


def _points(pairs: list[tuple[float, float]]) -> Points:
    return np.array(pairs, dtype=np.float64)
