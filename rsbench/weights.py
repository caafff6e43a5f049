"""Weights: an architecture, where its numbers come from, how a file of them is read, and what input they expect.

Like ``rsbench.method``, this module does not import torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from rsbench.errors import UserError, near_miss
from rsbench.settings import parse_setting
from rsbench.sources import ByHand, Source, Url

if TYPE_CHECKING:
    from rsbench.checkpoints.layout import Layout

Interpolation = Literal["bilinear", "bicubic", "nearest"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
# Keys as timm has them, and as rsbench writes them: whole, inside an encoder, inside an encoder under training.
OWN_PREFIXES = ("", "encoder.", "encoder.model.", "model.")
ARCHITECTURE = "backbone."  # what stands before an argument of the architecture on the command line


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How an 8-bit RGB image becomes the input of a backbone: resize, scale, normalise.

    The image is resized to ``size`` x ``size`` pixels, stretched if there is a ``stretch``, brought to ``unit``, then
    normalised as ``(image - mean) / std`` per channel.

    Args:
        size: side of the square input in pixels.
        mean: one number per channel, in ``unit``.
        std: one positive number per channel, in ``unit``.
        unit: ``0-1``: divided by 255; ``0-255``: digital numbers as they are; ``min-max``: each channel of each image
            from its own smallest to its own largest value, to 0 and 1 (a constant channel becomes 0).
        bands: the order of the channels.
        interpolation: of the resize.
        stretch: for R, G, B each (low, high) in digital numbers, which become 0 and 255, clipped, in whole numbers.
    """

    size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    unit: Literal["0-1", "0-255", "min-max"] = "0-1"
    bands: Literal["RGB", "BGR"] = "RGB"
    interpolation: Interpolation = "bilinear"
    stretch: tuple[tuple[float, float], ...] | None = None

    def __post_init__(self) -> None:
        if self.size < 8:
            raise UserError(f"Preprocess: size {self.size} px is too small.", "Use at least 8 px.")
        if len(self.mean) != 3 or len(self.std) != 3:
            raise UserError("Preprocess: mean and std need three numbers each.", "Give one per channel.")
        if min(self.std) <= 0:
            raise UserError(f"Preprocess: std {self.std} is not positive.", "Give positive numbers.")
        limit = 255.0 if self.unit == "0-255" else 1.0
        if max(map(abs, self.mean)) > limit or (self.unit == "0-255" and max(self.std) <= 1.0):
            raise UserError(
                f"Preprocess: mean {self.mean} and std {self.std} do not fit the unit {self.unit}.",
                "Give mean and std in the unit you name.",
            )
        if self.interpolation not in get_args(Interpolation):
            raise UserError(
                f"Preprocess: unknown interpolation {self.interpolation!r}.",
                near_miss(self.interpolation, get_args(Interpolation)),
            )
        if self.stretch is not None and (len(self.stretch) != 3 or any(low >= high for low, high in self.stretch)):
            raise UserError(
                f"Preprocess: stretch {self.stretch} is not three pairs (low, high).", "Give one pair per channel."
            )

    def facts(self) -> dict[str, Any]:
        """All fields as plain values; ``stretch`` only where there is one."""
        return {name: value for name, value in asdict(self).items() if name != "stretch" or value is not None}


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One set of weights of a method: the architecture, where the numbers come from, what input they expect.

    Args:
        architecture: a name known to ``rsbench.backbones`` (``resnet50``, ``swin_b``, ``vit_b``, ``vit_l``,
            ``nano``, ...) or a callable that returns a ``rsbench.backbones.Backbone``.
        preprocess: what the backbone was trained on, or what its authors evaluate it with.
        source: where the weights come from.
        kwargs: further arguments of the architecture, such as ``image_size`` and ``window``. A user can change those
            that are named here (``--set backbone.window=7``).
        alternatives: other preprocessings by name, for ``--set preprocess=NAME``.
        backbone: the backbone as a table prints it; the architecture's own title when empty.
        layouts: key layouts that the file may have: names of ``rsbench.checkpoints.layouts`` or Layouts of a plugin.
        prefixes: what may stand before every key that belongs to the backbone; the one that fills most is taken.
        drop: beginnings of keys that the file may hold and the backbone does not use.
        resize: rules by which tables of another shape are fitted: ``window``.
        sha256: of the file, where known; at least its first eight digits.
        md5: of the file, where only that was published.
        licence: of the weights; empty when unknown.
        terms: one sentence that a user must accept once before the weights are used; empty if there are no such terms.
            Third-party weights without a licence have terms anyway.
        size_bytes: of the file; None when unknown.
        pretraining_data: what the weights have seen, as ``dataset`` or ``dataset/split``; a task whose name
            matches is flagged as contaminated.
        note: one sentence that belongs beside every number made with these weights.
        cites: keys of those entries of the method's citation that are about these weights; all of them when empty.
    """

    architecture: str | Callable[..., Any]
    preprocess: Preprocess
    source: Source
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    alternatives: Mapping[str, Preprocess] = field(default_factory=dict)
    backbone: str = ""
    layouts: tuple[str | Layout, ...] = ("timm",)
    prefixes: tuple[str, ...] = OWN_PREFIXES
    drop: tuple[str, ...] = ()
    resize: tuple[str, ...] = ()
    sha256: str | None = None
    md5: str | None = None
    licence: str = ""
    terms: str = ""
    size_bytes: int | None = None
    pretraining_data: tuple[str, ...] = ()
    note: str = ""
    cites: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "kwargs", MappingProxyType(dict(self.kwargs)))
        object.__setattr__(self, "alternatives", MappingProxyType(dict(self.alternatives)))
        for name, least, digits in (("sha256", 8, 64), ("md5", 32, 32)):
            value = getattr(self, name)
            if value is not None and not re.fullmatch(rf"[0-9a-f]{{{least},{digits}}}", value):
                raise UserError(f"Weights: {name} {value!r} is not {digits} hex digits.", f"Copy it from {name}sum.")
        if not self.layouts or not self.prefixes:
            raise UserError("Weights: layouts and prefixes need at least one each.", 'Leave them out, or give ("",).')
        if not self.terms and not self.licence and isinstance(self.source, Url | ByHand):
            object.__setattr__(self, "terms", "No licence of these weights is known.")
        if not isinstance(self.architecture, str) and not hasattr(self.architecture, "__qualname__"):
            raise UserError(
                f"Weights: the architecture {self.architecture!r} has no name to be recorded.",
                "Give a function or a class, and its arguments as kwargs.",
            )
        try:
            json.dumps(dict(self.kwargs))
        except TypeError as error:
            raise UserError(
                f"Weights: kwargs cannot be recorded: {error}.", "Give plain values: numbers, strings, tuples."
            ) from None

    @property
    def architecture_name(self) -> str:
        """The architecture as a string, also where it is a callable."""
        if isinstance(self.architecture, str):
            return self.architecture
        return f"{self.architecture.__module__}:{self.architecture.__qualname__}"

    def with_changes(self, changes: Mapping[str, str]) -> Weights:
        """Returns these weights with arguments of the architecture or the preprocessing replaced.

        Args:
            changes: ``backbone.NAME`` to a value, read as the type of the present one; ``preprocess`` to the name of
                one of the alternatives.

        Raises:
            UserError: there is no such argument or alternative.
        """
        kwargs, preprocess = dict(self.kwargs), self.preprocess
        for key, text in changes.items():
            name = key.removeprefix(ARCHITECTURE)
            if key == "preprocess":
                if text not in self.alternatives:
                    raise UserError(f"There is no preprocessing {text!r} here.", near_miss(text, self.alternatives))
                preprocess = self.alternatives[text]
            elif name not in kwargs:
                raise UserError(f"The backbone has no setting {name!r} to change.", near_miss(name, kwargs))
            else:
                kwargs[name] = parse_setting(key, text, kwargs[name])
        return replace(self, kwargs=kwargs, preprocess=preprocess)
