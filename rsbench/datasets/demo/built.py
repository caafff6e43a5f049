"""What people build on the ground: roads, houses and quarters, halls, car parks, rails."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rsbench.datasets.demo.canvas import Canvas, Colour
from rsbench.datasets.demo.land import line
from rsbench.datasets.demo.shapes import moved, rectangle, spot_at
from rsbench.datasets.demo.things import ASPHALT, CONCRETE, car, lorry, tree

ROOFS = (
    (0.55, 0.30, 0.22),
    (0.62, 0.38, 0.28),
    (0.45, 0.42, 0.40),
    (0.36, 0.35, 0.36),
    (0.66, 0.62, 0.56),
    (0.50, 0.36, 0.30),
)
FLAT_ROOFS = (
    (0.80, 0.80, 0.79),
    (0.62, 0.62, 0.62),
    (0.50, 0.55, 0.62),
    (0.70, 0.66, 0.60),
    (0.44, 0.44, 0.46),
    (0.58, 0.42, 0.36),
)


def road(
    c: Canvas, across: np.ndarray, width: float, *, colour: Colour = ASPHALT, along: np.ndarray | None = None,
    lanes: int = 0, verge: float = 0.0,
) -> None:  # fmt: skip
    """Builds a road where ``across`` (metres from its middle) is within ``width / 2``.

    Args:
        c: the canvas.
        across: from ``rsbench.datasets.demo.land.line``.
        width: in metres.
        colour: of its surface.
        along: coordinate for the dashes of the lane markings.
        lanes: number of lanes to mark; only drawn where a pixel is at most 1.2 m.
        verge: width of the strip of gravel on both sides.
    """
    off = np.abs(across)
    if verge:
        c.paint(c.tint((0.55, 0.50, 0.38)), c.soft(width / 2 + verge - off), "bare")
    c.paint(c.tint(colour, 0.04), c.soft(width / 2 - off), "road")
    if lanes > 1 and c.gsd <= 1.2 and along is not None:
        dashes = np.sin(along * np.float32(2 * math.pi / 12)) > -0.1
        stripe = np.float32(max(0.15, 0.3 * c.gsd))
        for number in range(lanes + 1):
            place = np.float32((number / lanes - 0.5) * (width - 1))
            paint = np.clip((stripe - np.abs(across - place)) / np.float32(c.gsd) + 0.5, 0, 1)
            c.paint((0.88, 0.88, 0.84), paint * (dashes if 0 < number < lanes else 1) * 0.85)


def beside(*roads: tuple[float, float, float]) -> Callable[[float, float], bool]:
    """Returns a test whether a point keeps its distance from straight roads, each (angle, shift, distance)."""

    def test(x: float, y: float) -> bool:
        return all(
            abs(y * math.cos(angle) - x * math.sin(angle) - shift) > distance for angle, shift, distance in roads
        )

    return test


def traffic(
    c: Canvas, angle: float, shift: float, *, every: float = 25.0, lorries: float = 0.15, bend: float = 0.0
) -> None:
    """Puts vehicles in one lane of a straight road."""
    along = -0.75 * c.extent
    while along < 0.75 * c.extent:
        along += every * c.uniform(0.4, 1.8)
        x, y = spot_at(along, shift, angle)
        (lorry if c.chance(lorries) else car)(c, x, y, angle)


def house(c: Canvas, x: float, y: float, length: float, width: float, angle: float, *, height: float = 6.0) -> None:
    """A house with a gable roof: one half of the roof lies in the light, the other less so."""
    colour = c.tint(ROOFS[c.count(0, len(ROOFS) - 1)], 0.05)
    fine = c.gsd < 3
    outline = rectangle(x, y, length, width, angle)
    c.thing(outline, colour, height=height if fine else 0.0, cover="building", name="building")
    if fine:
        lit = 1.25 if math.sin(angle - c.shadow_angle) > 0 else 0.75
        c.thing(moved(rectangle(0, width / 4, length, width / 2), angle, x, y), colour * lit)


def hall(
    c: Canvas, x: float, y: float, length: float, width: float, angle: float, *, height: float = 10.0,
    colour: Colour | None = None,
) -> None:  # fmt: skip
    """A large building with a flat roof: ribs or skylights, and boxes of machinery."""
    roof = c.tint(FLAT_ROOFS[c.count(0, len(FLAT_ROOFS) - 1)] if colour is None else colour, 0.05)
    c.thing(rectangle(x, y, length, width, angle), roof, height=height, cover="building", name="building")
    edge = max(0.6, 0.5 * c.gsd)
    c.thing(rectangle(x, y, length - 2 * edge, width - 2 * edge, angle), roof * 0.92)
    if c.gsd > 5:
        return
    if c.chance(0.5):
        ribs = max(2, int(length / 9))
        for rib in range(ribs):
            strip = rectangle((rib + 0.5 - ribs / 2) * length / ribs, 0, 0.3 * length / ribs, width * 0.86)
            c.thing(moved(strip, angle, x, y), roof * 1.12)
    for _ in range(c.count(0, 4)):
        spot = (c.uniform(-0.38, 0.38) * length, c.uniform(-0.38, 0.38) * width)
        box = rectangle(*spot, c.uniform(1.5, 4), c.uniform(1.5, 4))
        c.thing(moved(box, angle, x, y), c.tint((0.55, 0.56, 0.58), 0.15), height=1.5)


def streets(c: Canvas, angle: float, pitch: tuple[float, float], width: float, *, colour: Colour = ASPHALT) -> None:
    """Lays a grid of streets; a street runs through the centre of the scene in each direction."""
    along, across = line(c, angle)
    for position, step in ((along, pitch[0]), (across, pitch[1])):
        if step:
            nearest = np.abs(np.mod(position + np.float32(step / 2), np.float32(step)) - np.float32(step / 2))
            c.paint(c.tint(colour, 0.02), c.soft(width / 2 - nearest), "road")


def quarter(
    c: Canvas, *, lot: tuple[float, float], built: tuple[float, float], angle: float, street: float = 7.0,
    depth: int = 2, row: int = 6, filled: float = 0.95, green: float = 0.5, height: float = 6.0, pools: float = 0.0,
    flat: bool = False, cars: float = 0.3,
    free: Callable[[float, float], bool] = lambda x, y: True,
) -> None:  # fmt: skip
    """Builds a quarter: streets with rows of lots along them, on each lot a house with trees.

    Args:
        c: the canvas.
        lot: width along the street and depth, in metres.
        built: smallest and largest share of the sides of a lot that the house takes.
        angle: of the streets.
        street: width of the streets.
        depth: rows of lots between two parallel streets.
        row: lots between two cross streets.
        filled: share of the lots with a house.
        green: trees per lot.
        height: of the houses.
        pools: share of the lots with a swimming pool.
        flat: halls instead of houses.
        cars: parked cars per lot.
        free: tells whether the lot around (x, y) may be built on.
    """
    pitch = (row * lot[0] + street, depth * lot[1] + street)
    streets(c, angle, pitch, street)
    reach = 0.75 * c.extent
    steps = [math.ceil(reach / size) for size in pitch]
    for i in range(-steps[0], steps[0]):
        for j in range(-steps[1], steps[1]):
            for k in range(row * depth):
                u = i * pitch[0] + street / 2 + (k % row + 0.5) * lot[0]
                v = j * pitch[1] + street / 2 + (k // row + 0.5) * lot[1]
                x, y = spot_at(u, v, angle)
                if max(abs(x), abs(y)) < c.extent / 2 + max(lot) and free(x, y):
                    _lot(c, x, y, lot, built, angle, filled, green, height, pools, flat, cars)


def _lot(
    c: Canvas, x: float, y: float, lot: tuple[float, float], built: tuple[float, float], angle: float, filled: float,
    green: float, height: float, pools: float, flat: bool, cars: float,
) -> None:  # fmt: skip
    length, width = lot[0] * c.uniform(*built), lot[1] * c.uniform(*built)
    if c.chance(filled):
        if flat:
            hall(c, x, y, length, width, angle, height=height * c.uniform(0.6, 1.6))
        elif length > width:
            house(c, x, y, length, width, angle, height=height * c.uniform(0.8, 1.2))
        else:
            house(c, x, y, width, length, angle + math.pi / 2, height=height * c.uniform(0.8, 1.2))
    corner = spot_at(0.5 * lot[0] - 1.6, 0.5 * lot[1] - 1.6, angle, x, y)
    side = spot_at(-0.5 * lot[0] + 1.6, c.uniform(-0.4, 0.4) * lot[1], angle, x, y)
    if c.gsd < 3:
        if c.chance(green):
            tree(c, *corner, c.uniform(1.5, 3.0))
        if c.chance(green):
            tree(c, *side, c.uniform(1.2, 2.4))
        elif c.chance(cars):
            car(c, *side, angle + math.pi / 2)
        if c.chance(pools):
            spot = spot_at(0.0, -0.5 * lot[1] + 2.6, angle, x, y)
            c.thing(rectangle(*spot, 6, 3.2, angle), (0.25, 0.62, 0.72), cover="water", name="swimming_pool")


def car_park(c: Canvas, x: float, y: float, length: float, width: float, angle: float, *, filled: float = 0.7) -> None:
    """A car park: asphalt, rows of marked bays, cars in them."""
    c.thing(rectangle(x, y, length, width, angle), c.tint((0.40, 0.40, 0.41), 0.05), cover="pavement")
    v = -width / 2 + 3
    paired = 0
    while v < width / 2 - 2.5:
        u = -length / 2 + 2.5
        while u < length / 2 - 2:
            px, py = spot_at(u, v, angle, x, y)
            if c.gsd < 0.7:
                bay = spot_at(u - 1.35, v, angle, x, y)
                c.thing(rectangle(*bay, 0.25, 5.0, angle), (0.72, 0.72, 0.70))
            if c.chance(filled):
                car(c, px, py, angle + math.pi / 2)
            u += 2.7
        paired = 1 - paired
        v += 5.4 if paired else 11.5


def rails(c: Canvas, across: np.ndarray, tracks: int, *, pitch: float = 4.6) -> None:
    """Lays parallel railway tracks on a bed of ballast."""
    width = tracks * pitch + 3
    c.paint(c.tint((0.45, 0.40, 0.36), 0.04), c.soft(width / 2 - np.abs(across)), "pavement")
    for track in range(tracks):
        middle = (track - (tracks - 1) / 2) * pitch
        c.paint(c.tint((0.30, 0.25, 0.22), 0.02), c.soft(1.3 - np.abs(across - np.float32(middle))) * 0.7)
        for rail in (-0.75, 0.75):
            place = np.abs(across - np.float32(middle + rail))
            c.paint((0.72, 0.70, 0.68), np.clip((0.25 - place) / np.float32(c.gsd) + 0.4, 0, 1))


def apron(c: Canvas, alpha: np.ndarray, *, slab: float = 12.0, angle: float = 0.0, colour: Colour = CONCRETE) -> None:
    """Paves with concrete slabs."""
    along, across = line(c, angle)
    joint = np.minimum(np.mod(along, np.float32(slab)), np.mod(across, np.float32(slab)))
    light = 1 - 0.12 * (joint < c.gsd) + 0.05 * c.noise(c.extent / 6, 4)
    c.paint(c.tint(colour, 0.04) * light[..., None], alpha, "pavement")
