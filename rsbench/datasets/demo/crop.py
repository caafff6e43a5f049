"""Cuts a scene to the size of an image."""

from __future__ import annotations

from dataclasses import replace

from rsbench.datasets.demo.canvas import Scene, SceneObject
from rsbench.datasets.demo.shapes import area, clip

_SMALLEST = 12.0  # square pixels; what is cut to less is no thing that one could name


def crop(scene: Scene, width: int, height: int, *, seen: float = 0.15) -> Scene:
    """Returns the upper left of a scene.

    Args:
        scene: at least as large.
        width: of the result, in pixels.
        height: likewise.
        seen: things of which less than this share is left are no longer recorded.
    """
    things = []
    for thing in scene.objects:
        polygon = clip(thing.polygon, width, height)
        left = area(polygon) if len(polygon) >= 3 else 0.0
        visible = thing.visible * left / area(thing.polygon)
        if left >= _SMALLEST and visible >= seen:
            things.append(SceneObject(thing.class_name, polygon, visible))
    return replace(scene, image=scene.image[:height, :width], cover=scene.cover[:height, :width], objects=tuple(things))
