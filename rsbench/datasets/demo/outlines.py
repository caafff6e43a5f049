"""Buildings of a scene as GeoJSON: outlines with their courtyards, cut to the image, on the ground."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from rasterio.transform import Affine

from rsbench.datasets.demo.canvas import Scene
from rsbench.datasets.demo.shapes import Points, area

_SMALLEST = 1.0  # square pixels: what is cut to less is left out


def buildings(scene: Scene, cut: Callable[[Points], Points]) -> list[list[Points]]:
    """Returns the buildings that one sees: outline and courtyards of each, in pixels.

    Args:
        scene: with objects ``building`` and ``courtyard``; a building with courtyards is convex.
        cut: takes away what lies outside the image.
    """
    courts = [thing.polygon for thing in scene.objects if thing.class_name == "courtyard"]
    found = []
    for thing in scene.objects:
        if thing.class_name == "building":
            own = [court for court in courts if _holds(thing.polygon, court.mean(0))]
            rings = [cut(polygon) for polygon in (thing.polygon, *own)]
            rings = [ring for ring in rings if len(ring) >= 3 and area(ring) >= _SMALLEST]
            if rings and len(cut(thing.polygon)) >= 3:
                found.append(rings)
    return found


def on_ground(rings: Sequence[Points], transform: Affine) -> list[list[list[float]]]:
    """Returns rings as the coordinates of a GeoJSON polygon: closed, longitude first, a height of zero."""
    closed = [np.concatenate([points, points[:1]]) for points in rings]
    return [
        [[transform.c + transform.a * x, transform.f + transform.e * y, 0.0] for x, y in points.tolist()]
        for points in closed
    ]


def collection(geometries: Sequence[Any], properties: Callable[[int], Mapping[str, Any]]) -> str:
    """Returns a collection as GDAL writes it, with the crs named.

    Args:
        geometries: of the features; None for one without.
        properties: of the feature with an index.
    """
    features = [
        {"type": "Feature", "properties": dict(properties(k)), "geometry": geometry}
        for k, geometry in enumerate(geometries)
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}, indent=None)


def _holds(polygon: Points, point: Points) -> bool:
    """Whether a convex polygon holds a point."""
    edges, away = np.roll(polygon, -1, axis=0) - polygon, point - polygon
    turns = edges[:, 0] * away[:, 1] - edges[:, 1] * away[:, 0]
    return bool((turns >= 0).all() or (turns <= 0).all())
