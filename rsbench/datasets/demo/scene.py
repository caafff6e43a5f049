"""Renders overhead scenes by name: the picture, every object in it and the cover of every pixel, from a seed.

>>> scene = render("eurosat/River", size=64, seed=0)
>>> scene.image.shape, scene.cover.shape
((64, 64, 3), (64, 64))
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rsbench.datasets.demo.canvas import Canvas, Scene
from rsbench.datasets.demo.eurosat_scenes import EUROSAT_RECIPES
from rsbench.datasets.demo.object_scenes import OBJECT_RECIPES
from rsbench.datasets.demo.resisc_built import BUILT
from rsbench.datasets.demo.resisc_nature import NATURE
from rsbench.datasets.demo.resisc_transport import TRANSPORT
from rsbench.datasets.demo.rio_scenes import RIO_RECIPES
from rsbench.datasets.demo.vegas_scenes import VEGAS_RECIPES
from rsbench.errors import UserError, near_miss

VERSION = 1  # of the pictures: raised when the same seed gives other ones


@dataclass(frozen=True)
class Recipe:
    """How scenes of one kind are made.

    Args:
        build: lays ground and things on a canvas.
        gsd: smallest and largest ground sampling distance in metres per pixel.
        haze: smallest and largest share of the light that the air adds.
        gain: smallest and largest exposure.
    """

    build: Callable[[Canvas], None]
    gsd: tuple[float, float]
    haze: tuple[float, float] = (0.0, 0.18)
    gain: tuple[float, float] = (0.85, 1.15)


RECIPES: dict[str, Recipe] = (
    {
        f"eurosat/{name}": Recipe(build, (10.0, 10.0), (0.18, 0.38), (0.75, 1.05))
        for name, build in EUROSAT_RECIPES.items()
    }
    | {
        f"resisc45/{name}": Recipe(build, (0.85 * gsd, 1.15 * gsd))
        for name, (build, gsd) in sorted((NATURE | TRANSPORT | BUILT).items())
    }
    | {f"rio/{name}": Recipe(build, (0.5, 0.5), (0.0, 0.06), (0.85, 1.1)) for name, build in RIO_RECIPES.items()}
    | {f"vegas/{name}": Recipe(build, (0.3, 0.3), (0.0, 0.06), (0.9, 1.1)) for name, build in VEGAS_RECIPES.items()}
    | {
        f"objects/{name}": Recipe(build, (0.9 * gsd, 1.1 * gsd), (0.0, 0.12))
        for name, (build, gsd) in OBJECT_RECIPES.items()
    }
)


def render(recipe: str, size: int, seed: int | str) -> Scene:
    """Makes one scene.

    The random numbers come from the digest of recipe and seed, so that one scene does not depend on how many others
    are made; the size of the picture changes the scene.

    Args:
        recipe: a key of ``RECIPES``, such as ``eurosat/Forest`` or ``resisc45/harbor``.
        size: side of the image in pixels.
        seed: of this scene.

    Raises:
        UserError: there is no such recipe.
    """
    if recipe not in RECIPES:
        raise UserError(f"There is no demo scene {recipe!r}.", near_miss(recipe, RECIPES))
    chosen = RECIPES[recipe]
    entropy = int.from_bytes(hashlib.sha256(f"{recipe}/{seed}".encode()).digest()[:16], "big")
    rng = np.random.Generator(np.random.PCG64(entropy))
    gsd = chosen.gsd[0] + (chosen.gsd[1] - chosen.gsd[0]) * float(rng.random())
    canvas = Canvas(size, gsd, rng, detail=4 if size <= 96 else 2)
    chosen.build(canvas)
    return canvas.finish(haze=canvas.uniform(*chosen.haze), gain=canvas.uniform(*chosen.gain))
