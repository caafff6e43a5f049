"""The canvas on which scenes are built: ground as fields of colour, things as polygons, both with their truth.

Coordinates are metres from the centre of the scene, x to the right and y down, so that one recipe serves every ground
sampling distance. Ground is painted as arrays at the resolution of the image; things are drawn as polygons on an
enlarged image, each with its shadow, and shrunk with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw

from rsbench.datasets.demo.noise import fractal
from rsbench.datasets.demo.shapes import Points, area, clip, hull

COVER = (
    "bare", "crop", "orchard", "grass", "shrub", "forest", "water", "wetland",
    "sand", "rock", "snow", "cloud", "road", "pavement", "building",
)  # fmt: skip

Colour = Sequence[float] | np.ndarray


@dataclass(frozen=True, eq=False)
class SceneObject:
    """A thing in a scene.

    Args:
        class_name: such as ``building``, ``ship`` or ``small_vehicle``.
        polygon: outline inside the image, float64 array of shape (K, 2), pixel coordinates (x, y); (0, 0) is the outer
            corner of the first pixel.
        visible: share of its area that lies inside the image, in (0, 1].
    """

    class_name: str
    polygon: np.ndarray
    visible: float


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and everything that is true of it.

    Args:
        image: uint8 array of shape (H, W, 3), RGB.
        objects: things, in the order in which they were drawn.
        cover: uint8 array of shape (H, W), indices into ``COVER``.
        metres_per_pixel: ground sampling distance.
    """

    image: np.ndarray
    objects: tuple[SceneObject, ...]
    cover: np.ndarray
    metres_per_pixel: float


@dataclass(frozen=True, eq=False)
class _Mark:
    polygon: Points  # pixels of the final image
    colour: tuple[int, int, int]
    shadow: Points | None
    cover: int | None
    number: int  # 1 + index of the object that it is, 0 if it is none


@dataclass(eq=False)
class Canvas:
    """A scene that is being built.

    Args:
        size: side of the image in pixels.
        gsd: ground sampling distance in metres per pixel.
        rng: source of all that is random in the scene.
        detail: how much larger than the image the things are drawn before they are shrunk.
    """

    size: int
    gsd: float
    rng: np.random.Generator
    detail: int = 2
    rgb: np.ndarray = field(init=False)
    cover: np.ndarray = field(init=False)
    objects: list[SceneObject] = field(init=False, default_factory=list)
    _marks: list[_Mark] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.rgb = np.full((self.size, self.size, 3), 0.5, np.float32)
        self.cover = np.zeros((self.size, self.size), np.uint8)
        self.shadow_angle = self.uniform(-2.6, -0.5)  # upwards in the picture, as north of the tropics
        self.shadow_length = self.uniform(0.5, 1.3)  # metres of shadow per metre of height

    @property
    def extent(self) -> float:
        """Side of the scene in metres."""
        return self.size * self.gsd

    @cached_property
    def xy(self) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates of the pixel centres in metres, two float32 arrays of shapes (1, W) and (H, 1)."""
        line = ((np.arange(self.size, dtype=np.float32) + 0.5) * np.float32(self.gsd)) - np.float32(self.extent / 2)
        return line[None, :], line[:, None]

    def uniform(self, low: float, high: float) -> float:
        """Draws a number."""
        return float(low + (high - low) * self.rng.random())

    def chance(self, probability: float) -> bool:
        """Tosses a coin."""
        return bool(self.rng.random() < probability)

    def count(self, low: int, high: int) -> int:
        """Draws a whole number from ``low`` to ``high``, both included."""
        return int(low + self.rng.random() * (high - low + 1))

    def tint(self, colour: Colour, amount: float = 0.05) -> np.ndarray:
        """Returns ``colour`` made a little lighter or darker, and a little more or less of each channel."""
        change = self.uniform(-amount, amount) + (self.rng.random(3) - 0.5) * amount
        return np.clip(np.asarray(colour, np.float64) + change, 0.01, 0.99).astype(np.float32)

    def noise(self, feature: float, octaves: int = 3) -> np.ndarray:
        """Draws a smooth field with features of ``feature`` metres; see ``rsbench.datasets.demo.noise.fractal``."""
        return fractal(self.rng, self.size, self.extent / feature, octaves)

    def soft(self, distance: np.ndarray) -> np.ndarray:
        """Turns a signed distance in metres (positive inside) into coverage in [0, 1] with an edge of one pixel."""
        return np.clip(distance / np.float32(self.gsd) + np.float32(0.5), 0, 1)

    def paint(self, colour: Colour, alpha: np.ndarray | None = None, cover: str = "") -> None:
        """Lays a colour on the ground.

        Args:
            colour: of shape (3,), (H, W, 1) or (H, W, 3), in [0, 1].
            alpha: coverage, shape (H, W); everywhere if None.
            cover: what the ground becomes where the coverage is above one half.
        """
        layer = np.asarray(colour, np.float32)
        if alpha is None:
            self.rgb[:] = layer
        else:
            self.rgb += (layer - self.rgb) * alpha[..., None].astype(np.float32)
        if cover:
            self.cover[slice(None) if alpha is None else alpha > 0.5] = COVER.index(cover)

    def scale(self, factor: np.ndarray) -> None:
        """Multiplies the ground by a field of shape (H, W): light, texture, shade."""
        self.rgb *= factor[..., None].astype(np.float32)

    def thing(
        self,
        outline: Points,
        colour: Colour,
        *,
        height: float = 0.0,
        cover: str = "",
        name: str = "",
        lifted: bool = False,
    ) -> None:
        """Draws a polygon on top of all that is there.

        Args:
            outline: (K, 2) in metres.
            colour: of shape (3,), in [0, 1].
            height: in metres; the shadow falls away from the sun, under the thing and over what was drawn before.
            cover: what the ground becomes under it.
            name: class of the object that it is; nothing is recorded if it is empty.
            lifted: the shadow is that of a thing above the ground, not of a wall that rises from it.
        """
        polygon = (np.asarray(outline, np.float64) + self.extent / 2) / self.gsd
        low, high = polygon.min(0), polygon.max(0)
        if high.min() < 0 or low.max() > self.size:
            return
        shadow = None
        if height > 0:
            reach = height * self.shadow_length / self.gsd
            offset = reach * np.array([math.cos(self.shadow_angle), math.sin(self.shadow_angle)])
            shadow = polygon + offset if lifted else hull(np.concatenate([polygon, polygon + offset]))
        red, green, blue = (int(255 * min(max(float(value), 0.0), 1.0)) for value in np.asarray(colour))
        number = 0
        if name:
            inside = clip(polygon, self.size, self.size)
            whole = area(polygon)
            if len(inside) >= 3 and (kept := area(inside)) > 0:
                self.objects.append(SceneObject(name, inside, min(1.0, kept / whole)))
                number = len(self.objects)
        self._marks.append(_Mark(polygon, (red, green, blue), shadow, COVER.index(cover) if cover else None, number))

    def _draw(self) -> tuple[Image.Image, np.ndarray]:
        """Returns the ground with the things on it, and the cover of both, at the resolution of the image."""
        soft = self.chance(0.5)  # an optic that blurs by about a pixel, or a sharp one
        base = Image.fromarray(_bytes(self.rgb))
        if not self._marks and not soft:
            return base, self.cover
        enlarged = base.resize([self.size * self.detail] * 2, Image.Resampling.BILINEAR)
        draw = ImageDraw.Draw(enlarged, "RGBA")
        truth = Image.fromarray(self.cover)
        label = ImageDraw.Draw(truth)
        for mark in self._marks:
            if mark.shadow is not None:
                draw.polygon(_pixels(mark.shadow, self.detail), fill=(8, 12, 24, 120))
            draw.polygon(_pixels(mark.polygon, self.detail), fill=(*mark.colour, 255))
            if mark.cover is not None:
                label.polygon(_pixels(mark.polygon, 1), fill=mark.cover)
        image = enlarged.resize(base.size, Image.Resampling.BILINEAR) if soft else enlarged.reduce(self.detail)
        return image, np.asarray(truth).copy()

    def _seen(self) -> tuple[SceneObject, ...]:
        """Leaves out objects of which more than half lies under things with a height that were drawn later."""
        front = Image.new("I", (self.size, self.size))
        draw = ImageDraw.Draw(front)
        drawn = np.zeros(len(self.objects) + 1)
        for mark in self._marks:
            if mark.number or mark.shadow is not None:
                draw.polygon(_pixels(mark.polygon, 1), fill=mark.number)
            if mark.number:
                drawn[mark.number] = area(self.objects[mark.number - 1].polygon)
        left = np.bincount(np.asarray(front).ravel(), minlength=len(drawn))
        nested = {"ground_track_field", "tennis_court", "basketball_court", "baseball_diamond", "soccer_ball_field"}
        return tuple(
            thing
            for thing, whole, rest in zip(self.objects, drawn[1:], left[1:], strict=True)
            if thing.class_name in nested or whole < 4 or rest > 0.5 * whole
        )

    def finish(self, *, haze: float = 0.0, haze_colour: Colour = (0.62, 0.68, 0.75), gain: float = 1.0) -> Scene:
        """Draws the things, lights the scene and passes it through an optic and a sensor.

        Args:
            haze: share of the light that the air adds, in [0, 1).
            haze_colour: of that light.
            gain: exposure.
        """
        image, truth = self._draw()
        pixels = np.asarray(image, dtype=np.float32)
        light = fractal(self.rng, self.size, 1.5, 1) * np.float32(0.08) + np.float32(1)
        pixels *= (light * np.float32(gain * (1 - haze) / 255))[..., None]
        grain = self.rng.standard_normal(pixels.shape, dtype=np.float32)
        grain *= np.float32(self.uniform(0.004, 0.014))
        grain += np.asarray(haze_colour, np.float32) * np.float32(haze)
        pixels += grain
        return Scene(_bytes(pixels), self._seen(), truth, self.gsd)


def _bytes(pixels: np.ndarray) -> np.ndarray:
    return (np.clip(pixels, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _pixels(polygon: Points, detail: int) -> list[tuple[float, float]]:
    """Pillow puts integers on pixel centres, we put them on pixel corners."""
    return [tuple(point) for point in (polygon * detail - 0.5).tolist()]
