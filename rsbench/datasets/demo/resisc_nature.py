"""Recipes for the RESISC45 classes of land, water, ice and sky; each with its metres per pixel."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from rsbench.datasets.demo.built import road
from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.land import (
    CROPS,
    FRESH,
    GRASS,
    GREENS,
    SAND,
    SEA,
    SOIL,
    blob,
    clouds,
    dunes,
    fields,
    forest,
    ground,
    line,
    mountains,
    scrub,
    trees_along,
    water,
)
from rsbench.datasets.demo.noise import relief
from rsbench.datasets.demo.shapes import circle, rectangle
from rsbench.datasets.demo.things import place, tree


def beach(c: Canvas) -> None:
    """Sea, surf, sand, land, in this order along a gentle curve."""
    water(c, colour=(SEA, (0.08, 0.36, 0.42), (0.10, 0.28, 0.40))[c.count(0, 2)], waves=0.04)
    _, across = line(c, c.uniform(0, 6.28), c.uniform(-40, 40), bend=c.uniform(5, 30), wave=c.extent * 1.5)
    shore = across + 3 * c.noise(30, 3)
    c.paint((0.30, 0.52, 0.52), np.clip((shore + 30) / 30, 0, 1) * 0.6)
    for distance in (2, 10, 19):
        surf = np.clip(1 - np.abs(shore + distance + 2 * c.noise(15, 3)) / 1.8, 0, 1)
        c.paint((0.92, 0.95, 0.95), surf * (0.95 - 0.03 * distance))
    ground(c, c.tint(SAND), "sand", c.soft(shore), contrast=0.05)
    c.paint(c.tint((0.60, 0.52, 0.40)), np.clip(1 - np.abs(shore - 3) / 4, 0, 1) * 0.7)
    edge = shore - c.uniform(35, 70) - 6 * c.noise(25, 3)
    scrub(c, c.soft(edge), soil=(0.45, 0.45, 0.28), bush=(0.2, 0.3, 0.14), size=6, share=0.5)


def chaparral(c: Canvas) -> None:
    """Dark bushes on pale, dry ground."""
    scrub(c, soil=c.tint((0.62, 0.56, 0.42)), bush=(0.24, 0.27, 0.17), size=c.uniform(4, 8), share=c.uniform(0.2, 0.45))


def circular_farmland(c: Canvas) -> None:
    """Discs of crop under rotating sprinklers, in dry land or between square fields."""
    ground(c, c.tint((0.66, 0.56, 0.42)), "bare", contrast=0.1, other=(0.58, 0.50, 0.36))
    radius = c.extent * c.uniform(0.11, 0.24)
    x0, y0, pitch = c.uniform(-radius, radius), c.uniform(-radius, radius), 2.1 * radius
    reach = math.ceil(c.extent / pitch)
    greens = (*GREENS, *CROPS[:4], (0.18, 0.36, 0.14), (0.22, 0.40, 0.16))
    x, y = c.xy
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            if c.chance(0.9):
                gx, gy = x - np.float32(x0 + i * pitch), y - np.float32(y0 + j * pitch)
                away = np.sqrt(gx * gx + gy * gy)
                if away.min() > radius:
                    continue
                colour = c.tint(greens[c.count(0, len(greens) - 1)], 0.05)
                alpha = c.soft(radius - away)
                if c.chance(0.3):
                    alpha = alpha * (np.mod(np.arctan2(gy, gx) + c.uniform(0, 6), 6.283) < c.uniform(2, 5))
                rings = 1 + 0.05 * np.sin(away * np.float32(6.283 / max(radius / 9, 3 * c.gsd)))
                c.paint(colour * rings[..., None], alpha, "crop")


def cloud(c: Canvas) -> None:
    """Clouds and their shadows over sea or land."""
    if c.chance(0.6):
        water(c, colour=SEA)
    else:
        ground(c, c.tint((0.35, 0.36, 0.22)), "shrub", contrast=0.2, other=SOIL)
    clouds(c, c.uniform(0.25, 0.75))


def desert(c: Canvas) -> None:
    """Sand in dunes."""
    colours = ((0.80, 0.64, 0.44), (0.76, 0.55, 0.36), (0.82, 0.72, 0.55))
    dunes(c, colours[c.count(0, 2)], "sand", feature=c.extent / c.uniform(4, 14))


def woodland(c: Canvas) -> None:
    """Closed forest."""
    forest(c, colour=((0.14, 0.26, 0.11), (0.18, 0.30, 0.13), (0.22, 0.28, 0.12))[c.count(0, 2)], crown=c.uniform(5, 9))


def island(c: Canvas) -> None:
    """Land with a pale rim, all around it the sea."""
    water(c, colour=(SEA, (0.05, 0.16, 0.28), (0.07, 0.30, 0.40))[c.count(0, 2)], waves=0.03)
    x, y = c.uniform(-0.1, 0.1) * c.extent, c.uniform(-0.1, 0.1) * c.extent
    edge = blob(c, c.extent * c.uniform(0.18, 0.33), x=x, y=y, rough=0.45)
    c.paint((0.22, 0.52, 0.52), np.clip(1 + edge / (0.08 * c.extent), 0, 1) * 0.7)
    c.paint(c.tint(SAND), c.soft(edge), "sand")
    forest(c, c.soft(edge - 0.02 * c.extent), crown=12)


def lake(c: Canvas) -> None:
    """Water with a rough shore, land all around it."""
    if c.chance(0.5):
        forest(c, crown=12)
    else:
        ground(c, c.tint(GRASS), "grass", other=SOIL, contrast=0.2)
        trees_along(c, c.noise(c.extent / 5, 3) * 30, share=0.5)
    edge = blob(c, c.extent * c.uniform(0.2, 0.34), x=c.uniform(-0.1, 0.1) * c.extent, rough=0.5)
    c.paint(c.tint((0.50, 0.47, 0.35)), c.soft(edge + 0.012 * c.extent) * 0.8, "bare")
    water(c, c.soft(edge), colour=(FRESH, SEA, (0.16, 0.30, 0.28))[c.count(0, 2)])


def meadow(c: Canvas) -> None:
    """Grass, nearly without a feature."""
    ground(c, c.tint(GREENS[c.count(0, 3)], 0.08), "grass", contrast=0.10, other=(0.42, 0.46, 0.24))
    for _ in range(c.count(0, 3)):
        tree(c, c.uniform(-0.5, 0.5) * c.extent, c.uniform(-0.5, 0.5) * c.extent, c.uniform(2, 5))


def mountain(c: Canvas) -> None:
    """Ridges and valleys without snow."""
    mountains(c, snow=0.0)


def snowberg(c: Canvas) -> None:
    """Ridges and valleys under snow."""
    mountains(c, snow=c.uniform(0.45, 0.8))


def rectangular_farmland(c: Canvas) -> None:
    """Parcels with furrows."""
    fields(c, cell=c.extent * c.uniform(0.15, 0.4), palette=CROPS + GREENS, rows=c.uniform(5, 12), margin=4, hedge=0.1)


def river(c: Canvas) -> None:
    """A winding river."""
    kind = c.count(0, 2)
    if kind == 0:
        forest(c, crown=10)
    elif kind == 1:
        fields(c, cell=120, palette=CROPS + GREENS, margin=5, hedge=0.3)
    else:
        ground(c, c.tint(GRASS), "grass", other=SOIL, contrast=0.2)
    _, across = line(c, c.uniform(0, 3.14), c.uniform(-60, 60), bend=c.extent * c.uniform(0.05, 0.2), wave=c.extent)
    half = c.extent * c.uniform(0.04, 0.11) * (1 + 0.25 * c.noise(c.extent / 3, 2))
    distance = half - np.abs(across)
    trees_along(c, distance + 20, share=0.5)
    ground(c, c.tint(SOIL), "bare", c.soft(distance + c.uniform(0, 10)))
    water(c, c.soft(distance), colour=(FRESH, (0.30, 0.34, 0.25), SEA)[c.count(0, 2)])


def sea_ice(c: Canvas) -> None:
    """Floes: plates of ice with dark leads between them."""
    water(c, colour=(0.05, 0.12, 0.20))
    count = c.count(40, 130)
    sites = ((c.rng.random((count, 2)) - 0.5) * 1.2 * c.extent).astype(np.float32)
    x, y = c.xy
    warp_x, warp_y = (np.float32(c.extent * 0.03) * c.noise(c.extent / 6, 4) for _ in range(2))
    first = np.full((c.size, c.size), np.inf, np.float32)
    second = first.copy()
    for sx, sy in sites:
        away = (x + warp_x - sx) ** 2 + (y + warp_y - sy) ** 2
        second = np.minimum(second, np.maximum(first, away))
        first = np.minimum(first, away)
    lead = np.sqrt(second) - np.sqrt(first) - c.extent * c.uniform(0.005, 0.03)
    ice = np.float32(0.86) + np.float32(0.06) * c.noise(c.extent / 8, 4)
    c.paint(ice[..., None] * np.array([0.97, 1.0, 1.04], np.float32), c.soft(lead), "snow")


def terrace(c: Canvas) -> None:
    """Steps along the contour lines of a slope, each with its edge in the light or in the shade."""
    _, across = line(c, c.uniform(0, 6.28))
    height = across / np.float32(c.extent) * 2 + c.noise(c.extent / 2, 3) * 0.8
    steps = height * c.uniform(8, 16)
    level = np.floor(steps)
    colours = np.stack([c.tint(GREENS[k % 4] if c.chance(0.6) else CROPS[k % 7], 0.05) for k in range(97)])
    layer = colours[(level.astype(np.int64)) % 97] * (1 + 0.08 * c.noise(20, 3)[..., None])
    c.paint(layer, None, "crop")
    rim = np.clip(1 - (steps - level) * 5, 0, 1)
    c.scale(1 - 0.5 * rim + 0.06 * np.clip(relief(height, c.shadow_angle), -2, 2))


def wetland(c: Canvas) -> None:
    """Pools and winding channels between reeds."""
    ground(c, c.tint((0.36, 0.39, 0.22)), "wetland", contrast=0.2, other=(0.46, 0.40, 0.26))
    pools = c.noise(c.extent / c.uniform(5, 9), 4)
    water(c, np.clip((pools - c.uniform(0.1, 0.4)) * 8, 0, 1), colour=(0.15, 0.21, 0.20))
    for _ in range(c.count(2, 4)):
        _, across = line(
            c, c.uniform(0, 3.14), c.uniform(-0.4, 0.4) * c.extent, bend=0.1 * c.extent, wave=0.5 * c.extent
        )
        channel = 0.012 * c.extent - np.abs(across + 0.02 * c.extent * c.noise(c.extent / 8, 2))
        water(c, c.soft(channel), colour=(0.16, 0.22, 0.22))


def golf_course(c: Canvas) -> None:
    """Fairways and greens in smooth shapes, bunkers, ponds, trees between."""
    ground(c, c.tint((0.28, 0.38, 0.18)), "grass", contrast=0.12)
    forest(c, np.clip((c.noise(70, 4) - 0.15) * 6, 0, 1), crown=7)
    for _ in range(c.count(3, 5)):
        start = c.uniform(-0.4, 0.4) * c.extent
        along, across = line(c, c.uniform(0, 3.14), start, bend=c.uniform(10, 40), wave=c.extent)
        end = c.extent * c.uniform(0.25, 0.45)
        lane = np.minimum(c.uniform(14, 24) * (1 + 0.3 * c.noise(60, 2)) - np.abs(across), end - np.abs(along))
        mown = 1 + 0.05 * np.sign(np.sin(along * np.float32(6.283 / 14)))
        c.paint(c.tint((0.40, 0.55, 0.26), 0.04) * mown[..., None], c.soft(lane), "grass")
    for _ in range(c.count(4, 9)):
        x, y = c.uniform(-0.45, 0.45) * c.extent, c.uniform(-0.45, 0.45) * c.extent
        c.paint(c.tint((0.50, 0.66, 0.34)), c.soft(blob(c, 14, x=x, y=y, rough=0.2)), "grass")
        side = c.uniform(0, 6.28)
        bunker = blob(c, c.uniform(5, 9), x=x + 20 * math.cos(side), y=y + 20 * math.sin(side), rough=0.4)
        c.paint(c.tint((0.88, 0.82, 0.66)), c.soft(bunker), "sand")
    if c.chance(0.6):
        pond = blob(c, c.uniform(20, 40), x=c.uniform(-0.3, 0.3) * c.extent, y=c.uniform(-0.3, 0.3) * c.extent)
        water(c, c.soft(pond))


def sparse_residential(c: Canvas) -> None:
    """One or two houses in a large garden with many trees, and the drive that leads there."""
    from rsbench.datasets.demo.built import house

    ground(c, c.tint(GRASS), "grass", other=(0.46, 0.42, 0.28), contrast=0.15)
    angle = c.uniform(0, 3.14)
    _, across = line(c, angle, c.uniform(-20, 20), bend=c.uniform(0, 15))
    road(c, across, 4.5, colour=(0.55, 0.52, 0.46))
    spots: list[tuple[float, float, float]] = []
    for _ in range(c.count(1, 3)):
        x, y = c.uniform(-0.3, 0.3) * c.extent, c.uniform(-0.3, 0.3) * c.extent
        if all(math.hypot(x - px, y - py) > 40 for px, py, _ in spots):
            length, width, turn = c.uniform(16, 26), c.uniform(10, 14), c.uniform(0, 3.14)
            c.thing(place(rectangle(0, 0, 1, 1), x, y, 24, turn), c.tint((0.60, 0.56, 0.48)), cover="pavement")
            house(c, x, y, length, width, turn, height=7)
            spots.append((x, y, 20.0))
            if c.chance(0.4):
                pool = circle(x + 26 * math.cos(turn), y + 26 * math.sin(turn), 4, 12)
                c.thing(pool, (0.25, 0.62, 0.72), cover="water", name="swimming_pool")
                spots.append((x + 26 * math.cos(turn), y + 26 * math.sin(turn), 8.0))
    for _ in range(c.count(40, 140)):
        x, y, radius = c.uniform(-0.5, 0.5) * c.extent, c.uniform(-0.5, 0.5) * c.extent, c.uniform(2, 5)
        if all(math.hypot(x - px, y - py) > away for px, py, away in spots):
            tree(c, x, y, radius)


NATURE: dict[str, tuple[Callable[[Canvas], None], float]] = {
    "beach": (beach, 0.8),
    "chaparral": (chaparral, 0.9),
    "circular_farmland": (circular_farmland, 6.0),
    "cloud": (cloud, 30.0),
    "desert": (desert, 4.0),
    "forest": (woodland, 1.0),
    "golf_course": (golf_course, 1.5),
    "island": (island, 5.0),
    "lake": (lake, 4.0),
    "meadow": (meadow, 0.8),
    "mountain": (mountain, 12.0),
    "rectangular_farmland": (rectangular_farmland, 1.5),
    "river": (river, 3.0),
    "sea_ice": (sea_ice, 20.0),
    "snowberg": (snowberg, 12.0),
    "sparse_residential": (sparse_residential, 0.6),
    "terrace": (terrace, 1.2),
    "wetland": (wetland, 3.0),
}
