"""What the ground is made of: fields, woods, water, sand, snow, and the lines along which they meet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rsbench.datasets.demo.canvas import Canvas, Colour
from rsbench.datasets.demo.noise import relief

CROPS = (
    (0.53, 0.45, 0.33), (0.60, 0.53, 0.40), (0.44, 0.36, 0.27), (0.38, 0.44, 0.22), (0.29, 0.40, 0.19),
    (0.50, 0.51, 0.30), (0.66, 0.60, 0.43),
)  # fmt: skip
GREENS = ((0.30, 0.43, 0.20), (0.35, 0.47, 0.24), (0.26, 0.38, 0.18), (0.40, 0.48, 0.27))
WOOD = (0.13, 0.24, 0.11)
GRASS = (0.32, 0.43, 0.20)
SOIL = (0.52, 0.43, 0.31)
SAND = (0.80, 0.71, 0.54)
SEA = (0.07, 0.20, 0.30)
FRESH = (0.13, 0.24, 0.24)
ROCK = (0.45, 0.41, 0.36)


def ground(
    c: Canvas,
    colour: Colour,
    cover: str,
    alpha: np.ndarray | None = None,
    *,
    contrast: float = 0.15,
    feature: float = 0.0,
    other: Colour | None = None,
) -> None:
    """Covers the scene, or ``alpha`` of it, with a mottled colour that runs over into ``other`` in patches."""
    texture = c.noise(feature or c.extent / 5, 4)
    layer = np.asarray(colour, np.float32) * (1 + np.float32(contrast) * texture[..., None])
    if other is not None:
        patch = np.clip(c.noise(feature or c.extent / 4, 3) * 2 + 0.5, 0, 1)[..., None]
        layer += (np.asarray(other, np.float32) - np.asarray(colour, np.float32)) * patch
    c.paint(layer, alpha, cover)


def forest(c: Canvas, alpha: np.ndarray | None = None, *, colour: Colour = WOOD, crown: float = 8.0) -> None:
    """Covers with trees: crowns that are lit on one side, in stands of different age."""
    crowns = c.noise(max(crown, 1.6 * c.gsd), 2)
    light = 1 + 0.13 * np.clip(relief(crowns, c.shadow_angle), -2, 2.5) + 0.22 * np.abs(crowns)
    light += 0.25 * c.noise(c.extent / 3, 3)
    c.paint(c.tint(colour, 0.03) * light[..., None], alpha, "forest")


def scrub(c: Canvas, alpha: np.ndarray | None = None, *, soil: Colour, bush: Colour, size: float, share: float) -> None:
    """Covers with bushes of about ``size`` metres on open soil; ``share`` of the ground is bush."""
    ground(c, soil, "bare", alpha, contrast=0.12)
    field = c.noise(max(size, 1.7 * c.gsd), 2) + 0.35 * c.noise(c.extent / 4, 2)
    bushes = np.clip((field - np.float32(np.quantile(field[::4, ::4], 1 - share))) * 6 + 0.5, 0, 1)
    c.paint(c.tint(bush, 0.02), bushes if alpha is None else bushes * alpha, "shrub")


def water(c: Canvas, alpha: np.ndarray | None = None, *, colour: Colour = FRESH, waves: float = 0.03) -> None:
    """Covers with water: nearly one colour, with currents and, where the pixels are fine enough, waves."""
    light = 1 + 0.12 * c.noise(c.extent / 2, 3) + waves * np.clip(relief(c.noise(max(6, 1.6 * c.gsd), 2), 1.0), -2, 3)
    c.paint(c.tint(colour, 0.03) * light[..., None], alpha, "water")


def line(
    c: Canvas, angle: float, shift: float = 0.0, bend: float = 0.0, wave: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns coordinates along and across a line through the scene, float32 arrays (H, W) in metres.

    Args:
        c: the canvas.
        angle: direction in radians.
        shift: distance of the line from the centre of the scene.
        bend: how far it swings to either side, with a period of ``wave`` metres and a second, shorter one.
    """
    x, y = c.xy
    along = x * np.float32(math.cos(angle)) + y * np.float32(math.sin(angle))
    across = y * np.float32(math.cos(angle)) - x * np.float32(math.sin(angle)) - np.float32(shift)
    if bend:
        first, second = c.uniform(0, 6.28), c.uniform(0, 6.28)
        turns = along * np.float32(2 * math.pi / (wave or c.extent))
        across = across - np.float32(bend) * (np.sin(turns + first) + np.float32(0.3) * np.sin(2.3 * turns + second))
    return along, across


def blob(c: Canvas, radius: float, *, x: float = 0.0, y: float = 0.0, rough: float = 0.35) -> np.ndarray:
    """Returns a signed distance in metres, positive inside a round shape with a rough outline."""
    gx, gy = c.xy
    outline = np.float32(radius) * (1 + np.float32(rough) * c.noise(radius, 4))
    return outline - np.sqrt((gx - np.float32(x)) ** 2 + (gy - np.float32(y)) ** 2)


def trees_along(c: Canvas, distance: np.ndarray, *, share: float = 0.5, colour: Colour = WOOD) -> None:
    """Plants a ragged row of trees where ``distance`` (metres, positive inside) allows it."""
    gaps = c.noise(max(12, 2 * c.gsd), 2) > (1 - 2 * share) * 0.5
    forest(c, c.soft(distance) * gaps, colour=colour)


def parcels(c: Canvas, cell: float, angle: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Divides the scene into rectangles by cutting ever again across the longer side.

    Returns:
        The number of the parcel at each pixel, int array (H, W); the distance to its edge in metres, float32 (H, W);
        and how many parcels there are.
    """
    along, across = line(c, angle)
    reach = c.extent * 0.75
    boxes, done = [(-reach, -reach, reach, reach)], []
    while boxes:
        left, top, right, bottom = boxes.pop()
        width, height = right - left, bottom - top
        if max(width, height) < cell * c.uniform(0.9, 1.7):
            done.append((left, top, right, bottom))
        elif width > height:
            cut = left + width * c.uniform(0.35, 0.65)
            boxes += [(left, top, cut, bottom), (cut, top, right, bottom)]
        else:
            cut = top + height * c.uniform(0.35, 0.65)
            boxes += [(left, top, right, cut), (left, cut, right, bottom)]
    number = np.zeros((c.size, c.size), np.int64)
    edge = np.zeros((c.size, c.size), np.float32)
    for index, (left, top, right, bottom) in enumerate(done):
        inside = np.minimum(
            np.minimum(along - np.float32(left), np.float32(right) - along),
            np.minimum(across - np.float32(top), np.float32(bottom) - across),
        )
        where = inside >= 0
        number[where] = index
        edge[where] = inside[where]
    return number, edge, len(done)


def fields(
    c: Canvas,
    *,
    cell: float,
    palette: Sequence[Colour] = CROPS,
    angle: float | None = None,
    cover: str = "crop",
    rows: float = 0.0,
    row_contrast: float = 0.08,
    spots: bool = False,
    margin: float = 0.0,
    hedge: float = 0.0,
    contrast: float = 0.10,
) -> None:
    """Covers the scene with cultivated parcels.

    Args:
        c: the canvas.
        cell: size of a parcel in metres.
        palette: colours of the parcels.
        angle: of their edges.
        cover: what they are.
        rows: distance between the rows of plants in metres; none if 0, and none finer than two pixels.
        row_contrast: of the rows.
        spots: rows of single trees instead of furrows.
        margin: width of the paths between the parcels in metres.
        hedge: share of the edges with a hedge.
        contrast: of the mottling inside a parcel.
    """
    angle = c.uniform(0, math.pi) if angle is None else angle
    number, edge, count = parcels(c, cell, angle)
    colours = np.stack([c.tint(palette[c.count(0, len(palette) - 1)], 0.05) for _ in range(count)])
    layer = colours[number] * (1 + np.float32(contrast) * c.noise(cell / 2, 4)[..., None])
    if rows >= 2 * c.gsd:
        turned = np.array([angle + (math.pi / 2 if c.chance(0.5) else 0) for _ in range(count)], np.float32)[number]
        strength = np.array([c.uniform(0.4, 1.3) * row_contrast for _ in range(count)], np.float32)[number]
        x, y = c.xy
        turns = np.float32(2 * math.pi / (rows * c.uniform(0.85, 1.2)))
        wave = np.sin((x * np.cos(turned) + y * np.sin(turned)) * turns)
        if spots:
            wave = wave * np.sin((y * np.cos(turned) - x * np.sin(turned)) * turns) * 1.5
        layer *= (1 + strength * wave)[..., None]
    c.paint(layer, None, cover)
    if margin:
        c.paint(c.tint((0.58, 0.53, 0.42)), c.soft(margin / 2 - edge), "bare")
    if hedge:
        trees_along(c, max(5.0, c.gsd * 0.6) - edge, share=hedge)


def dunes(c: Canvas, colour: Colour, cover: str, *, feature: float, strength: float = 0.16) -> None:
    """Covers the scene with ridges that the wind or the sea has drawn: stretched, lit from one side."""
    along, across = line(c, c.uniform(0, 3.14), bend=feature * 0.6, wave=feature * 5)
    phase = across * np.float32(2 * math.pi / feature) + 2.5 * c.noise(feature * 3, 3) + 0 * along
    height = np.abs(np.sin(phase)) + 0.4 * c.noise(feature, 3)
    light = 1 + strength * np.clip(relief(height, c.shadow_angle), -2, 2) + 0.1 * c.noise(c.extent / 2, 2)
    c.paint(c.tint(colour, 0.04) * light[..., None], None, cover)


def mountains(c: Canvas, *, snow: float) -> None:
    """Covers the scene with ridged relief, with wood in the valleys and ``snow`` (a share) on the heights."""
    height = 1 - np.abs(c.noise(c.extent / 2.2, 5)) * 1.3 + 0.3 * c.noise(c.extent / 1.5, 2)
    light = 1 + 0.30 * np.clip(relief(height, c.shadow_angle), -2.2, 2.5)
    level = height + 0.15 * c.noise(c.extent / 12, 3)
    low, high = np.quantile(level[::4, ::4], [0.35, max(0.0, 1 - snow)])
    c.paint(c.tint(ROCK), None, "rock")
    c.paint(c.tint((0.24, 0.30, 0.16)), np.clip((low - level) * 6 + 0.5, 0, 1) * (snow < 0.5), "shrub")
    if snow:
        c.paint((0.88, 0.91, 0.96), np.clip((level - high) * 8 + 0.5, 0, 1), "snow")
    c.scale(np.clip(light, 0.25, 1.8))


def clouds(c: Canvas, share: float) -> None:
    """Lays clouds over the ground; they hide ``share`` of it."""
    field = c.noise(c.extent / 2.5, 6)
    level = np.quantile(field[::4, ::4], 1 - share)
    alpha = np.clip((field - np.float32(level)) * 2.2 + 0.4, 0, 1)
    shift = max(2, c.size // 24)
    c.scale(1 - 0.35 * np.roll(alpha, (-shift, shift), axis=(0, 1)))
    c.paint(np.float32(0.93) + np.float32(0.05) * relief(field, c.shadow_angle)[..., None], alpha, "cloud")
