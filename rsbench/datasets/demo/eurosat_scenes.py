"""Recipes for the ten classes of EuroSAT: 640 m of ground at 10 m per pixel, seen through a hazy sky."""

from __future__ import annotations

import math

import numpy as np

from rsbench.datasets.demo.built import hall, quarter, road, streets
from rsbench.datasets.demo.canvas import Canvas
from rsbench.datasets.demo.land import (
    CROPS,
    FRESH,
    GRASS,
    GREENS,
    SEA,
    SOIL,
    blob,
    fields,
    forest,
    ground,
    line,
    scrub,
    trees_along,
    water,
)
from rsbench.datasets.demo.shapes import spot_at


def annual_crop(c: Canvas) -> None:
    """Large parcels of bare soil and young or ripe crop."""
    fields(c, cell=c.uniform(180, 480), rows=26, row_contrast=0.05, margin=9, hedge=0.1)


def permanent_crop(c: Canvas) -> None:
    """Smaller parcels with rows of trees or vines."""
    palette = ((0.42, 0.40, 0.27), (0.50, 0.44, 0.32), (0.33, 0.38, 0.22), (0.46, 0.42, 0.33))
    fields(
        c,
        cell=c.uniform(110, 260),
        palette=palette,
        cover="orchard",
        rows=c.uniform(24, 36),
        row_contrast=0.2,
        spots=c.chance(0.5),
        margin=10,
        hedge=0.15,
        contrast=0.16,
    )


def pasture(c: Canvas) -> None:
    """Green meadows with hedges and single trees."""
    fields(c, cell=c.uniform(200, 450), palette=GREENS, cover="grass", hedge=c.uniform(0.2, 0.6), contrast=0.09)
    for _ in range(c.count(0, 2)):
        edge = blob(c, c.uniform(20, 60), x=c.uniform(-250, 250), y=c.uniform(-250, 250))
        forest(c, c.soft(edge))


def herbaceous_vegetation(c: Canvas) -> None:
    """Rough grass and scrub without parcels, cut by dry valleys."""
    soil = ((0.48, 0.45, 0.30), (0.42, 0.43, 0.26), (0.52, 0.46, 0.34))[c.count(0, 2)]
    scrub(c, soil=c.tint(soil), bush=(0.27, 0.33, 0.18), size=c.uniform(25, 60), share=c.uniform(0.2, 0.5))
    for _ in range(c.count(0, 2)):
        _, across = line(c, c.uniform(0, 3.1), c.uniform(-200, 200), bend=c.uniform(20, 60), wave=400)
        trees_along(c, c.uniform(10, 25) - np.abs(across), share=0.4, colour=(0.22, 0.30, 0.15))


def woods(c: Canvas) -> None:
    """Nothing but trees, seldom a clearing."""
    forest(c, colour=((0.14, 0.25, 0.13), (0.12, 0.22, 0.14), (0.18, 0.28, 0.13))[c.count(0, 2)], crown=14)
    if c.chance(0.3):
        edge = blob(c, c.uniform(50, 120), x=c.uniform(-350, 350), y=c.uniform(-350, 350))
        ground(c, c.tint(GRASS), "grass", c.soft(edge))


def _countryside(c: Canvas) -> None:
    kind = c.count(0, 3)
    if kind == 0:
        pasture(c)
    elif kind == 1:
        woods(c)
    else:
        fields(c, cell=c.uniform(130, 350), palette=CROPS + GREENS, margin=8, hedge=0.3)


def highway(c: Canvas) -> None:
    """A motorway through the country, with a slip road or a bridge at times."""
    _countryside(c)
    angle, shift = c.uniform(0, math.pi), c.uniform(-120, 120)
    _along, across = line(c, angle, shift, bend=c.uniform(0, 60), wave=c.uniform(900, 2000))
    grey = c.tint((0.60, 0.59, 0.58), 0.07)
    trees_along(c, 45 - np.abs(across), share=0.3)
    road(c, across, c.uniform(26, 40), colour=grey, verge=c.uniform(0, 14))
    c.paint(c.tint((0.38, 0.43, 0.30)), np.clip(0.8 - np.abs(across) / c.gsd, 0, 1) * 0.7)
    if c.chance(0.5):
        _, other = line(c, angle + c.uniform(0.5, 2.6), c.uniform(-150, 150), bend=c.uniform(0, 60))
        road(c, other, c.uniform(10, 22), colour=grey)
    if c.chance(0.3):
        for _ in range(c.count(2, 6)):
            u, v = c.uniform(-300, 300), shift + c.uniform(50, 160) * (1 if c.chance(0.5) else -1)
            hall(c, *spot_at(u, v, angle), c.uniform(25, 60), c.uniform(20, 40), angle)


def industrial(c: Canvas) -> None:
    """Halls with bright roofs between wide paved yards."""
    ground(c, c.tint((0.50, 0.49, 0.47)), "pavement", contrast=0.12, other=(0.42, 0.44, 0.33))
    angle = c.uniform(0, math.pi)
    streets(c, angle, (c.uniform(180, 320), c.uniform(130, 240)), 16, colour=(0.42, 0.42, 0.43))
    pitch = c.uniform(75, 150)
    reach = math.ceil(0.75 * c.extent / pitch)
    for i in range(-reach, reach):
        for j in range(-reach, reach):
            if c.chance(0.8):
                u, v = (i + 0.5) * pitch, (j + 0.5) * pitch * 0.8
                size = c.uniform(0.45, 0.85) * pitch, c.uniform(0.35, 0.65) * pitch
                hall(c, *spot_at(u, v, angle), *size, angle, height=12)


def residential(c: Canvas) -> None:
    """Streets of small houses with gardens."""
    ground(c, c.tint((0.40, 0.42, 0.31)), "grass", contrast=0.2, feature=60, other=(0.30, 0.36, 0.22))
    size = c.uniform(30, 42)
    angle = c.uniform(0, math.pi)
    quarter(
        c, lot=(size, size * 1.2), built=(0.4, 0.75), angle=angle, street=c.uniform(9, 14), filled=c.uniform(0.7, 1)
    )
    if c.chance(0.3):
        forest(c, c.soft(blob(c, c.uniform(40, 110), x=c.uniform(-250, 250), y=c.uniform(-250, 250))))


def river(c: Canvas) -> None:
    """A river that winds through the country, with trees on its banks."""
    _countryside(c)
    _, across = line(c, c.uniform(0, math.pi), c.uniform(-100, 100), bend=c.uniform(20, 130), wave=c.uniform(500, 1200))
    half = c.uniform(18, 75) * (1 + 0.25 * c.noise(250, 2))
    distance = half - np.abs(across)
    trees_along(c, distance + c.uniform(15, 40), share=c.uniform(0.2, 0.8))
    if c.chance(0.3):
        ground(c, SOIL, "sand", c.soft(distance + 12))
    water(c, c.soft(distance), colour=(FRESH, (0.22, 0.30, 0.26), (0.14, 0.24, 0.32))[c.count(0, 2)])


def sea_lake(c: Canvas) -> None:
    """Open water, at times with a shore."""
    colour = (SEA, FRESH, (0.10, 0.17, 0.26), (0.12, 0.30, 0.36))[c.count(0, 3)]
    water(c, colour=colour, waves=0.02)
    if c.chance(0.35):
        _, across = line(c, c.uniform(0, 6.28), c.uniform(180, 330), bend=40, wave=500)
        land = across + 25 * c.noise(120, 3)
        ground(c, c.tint((0.55, 0.50, 0.38)), "sand", c.soft(land + 15))
        forest(c, c.soft(land - 10))


EUROSAT_RECIPES = {
    "AnnualCrop": annual_crop,
    "Forest": woods,
    "HerbaceousVegetation": herbaceous_vegetation,
    "Highway": highway,
    "Industrial": industrial,
    "Pasture": pasture,
    "PermanentCrop": permanent_crop,
    "Residential": residential,
    "River": river,
    "SeaLake": sea_lake,
}
