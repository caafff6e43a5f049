"""Outlines: arrays of shape (K, 2), float64, in metres or pixels, and what is done with them."""

from __future__ import annotations

import math

import numpy as np

Points = np.ndarray


def rectangle(x: float, y: float, width: float, height: float, angle: float = 0.0) -> Points:
    """Returns a rectangle with its centre at (x, y), turned by ``angle`` radians."""
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * [width, height]
    return turn(corners, angle) + np.array([x, y])


def ellipse(x: float, y: float, width: float, height: float, angle: float = 0.0, corners: int = 20) -> Points:
    """Returns a polygon near the ellipse with axes ``width`` and ``height``."""
    steps = np.arange(corners) * (2 * math.pi / corners)
    return turn(np.stack([np.cos(steps) * width / 2, np.sin(steps) * height / 2], axis=1), angle) + np.array([x, y])


def circle(x: float, y: float, radius: float, corners: int = 20) -> Points:
    """Returns a polygon near a circle."""
    return ellipse(x, y, 2 * radius, 2 * radius, 0.0, corners)


def turn(points: Points, angle: float) -> Points:
    """Turns points about the origin by ``angle`` radians (clockwise on the screen, as y points down)."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])


def moved(points: Points, angle: float, x: float, y: float) -> Points:
    """Turns points about the origin by ``angle`` and shifts them by (x, y)."""
    shifted: Points = turn(points, angle) + np.array([x, y])
    return shifted


def spot_at(u: float, v: float, angle: float, x: float = 0.0, y: float = 0.0) -> tuple[float, float]:
    """Returns where (u, v) of a frame that is turned by ``angle`` and centred on (x, y) lies."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return x + u * cosine - v * sine, y + u * sine + v * cosine


def mirrored(half: list[tuple[float, float]]) -> Points:
    """Returns the closed outline of a thing that is symmetric about the x axis, from its half with y >= 0.

    >>> len(mirrored([(1.0, 0.0), (0.0, 0.5), (-1.0, 0.2)]))
    5
    """
    back = [(x, -y) for x, y in reversed(half) if y > 0]
    return np.array(half + back, dtype=np.float64)


def area(points: Points) -> float:
    """Returns the area inside a simple polygon (shoelace formula).

    >>> area(rectangle(3, 4, 2, 5, 0.3))
    10.0
    """
    x, y = points[:, 0] - points[0, 0], points[:, 1] - points[0, 1]
    return round(abs(float(np.dot(x[:-1], y[1:]) - np.dot(y[:-1], x[1:]))) / 2, 9)  # the first corner is the origin


def clip(points: Points, width: float, height: float) -> Points:
    """Returns the part of a polygon inside [0, width] x [0, height] (Sutherland and Hodgman 1974); (0, 2) if none.

    >>> area(clip(rectangle(0, 0, 2, 2), 10, 10))
    1.0
    """
    for axis, bound, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
        if not len(points):
            break
        inside = sign * (points[:, axis] - bound) >= 0
        if inside.all():
            continue
        kept = []
        for index in range(len(points)):
            before, here = points[index - 1], points[index]
            if inside[index] != inside[index - 1]:
                share = (bound - before[axis]) / (here[axis] - before[axis])
                kept.append(before + share * (here - before))
            if inside[index]:
                kept.append(here)
        points = np.array(kept).reshape(-1, 2)
    return points


def hull(points: Points) -> Points:
    """Returns the convex hull (Andrew's monotone chain), without repeated corners."""
    ordered = sorted(map(tuple, points.tolist()))
    chains = []
    for sequence in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for x, y in sequence:
            while len(chain) > 1:
                (ax, ay), (bx, by) = chain[-2:]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                chain.pop()
            chain.append((x, y))
        chains += chain[:-1]
    return np.array(chains)
