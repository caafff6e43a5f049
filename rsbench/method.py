"""What a method is: a backbone loader with everything that one must know to compare it.

All objects here are frozen and checked when they are made, and none of them imports torch: listing the
methods of an installation costs milliseconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from rsbench.errors import UserError, near_miss

Paradigm = Literal["random", "supervised", "contrastive", "masked", "hybrid"]
Interpolation = Literal["bilinear", "bicubic", "nearest"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*")


def check_name(name: str, what: str) -> None:
    """Raises UserError unless ``name`` is lower case and safe on a command line and in a path."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{what} name {name!r} is not allowed.", "Use lower-case letters, digits and . _ + - (no slash)."
        )


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How an 8-bit RGB image becomes the input of a backbone: resize, scale, normalise.

    The image is resized to ``size`` x ``size`` pixels, divided by 255 if ``unit`` is ``"0-1"`` and left in
    digital numbers if it is ``"0-255"``, then normalised as ``(image - mean) / std`` per channel.

    Args:
        size: side of the square input in pixels.
        mean: one number per channel, in ``unit``.
        std: one positive number per channel, in ``unit``.
        unit: the scale in which mean and std are given.
        bands: the order of the channels.
        interpolation: of the resize.
    """

    size: int
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    unit: Literal["0-1", "0-255"] = "0-1"
    bands: Literal["RGB", "BGR"] = "RGB"
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        if self.size < 8:
            raise UserError(f"Preprocess: size {self.size} px is too small.", "Use at least 8 px.")
        if len(self.mean) != 3 or len(self.std) != 3:
            raise UserError("Preprocess: mean and std need three numbers each.", "Give one per channel.")
        if min(self.std) <= 0:
            raise UserError(f"Preprocess: std {self.std} is not positive.", "Give positive numbers.")
        limit = 1.0 if self.unit == "0-1" else 255.0
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


@dataclass(frozen=True)
class Random:
    """No file: the weights are drawn afresh, from the seed of the run."""

    kind = "random"


@dataclass(frozen=True)
class Shipped:
    """A file that comes inside an installed package.

    Args:
        file: file name inside ``package``.
        package: dotted name of the package that holds it.
    """

    file: str
    package: str = "rsbench.methods.weights"

    kind = "shipped"


@dataclass(frozen=True)
class Url:
    """A file that is downloaded once, from the first address that answers.

    Args:
        urls: addresses of the same bytes, in the order in which they are tried.
        file: name under which it is kept.
    """

    urls: tuple[str, ...]
    file: str

    kind = "url"

    def __post_init__(self) -> None:
        if not self.urls:
            raise UserError(f"Url: no address for {self.file!r}.", "Give at least one.")


@dataclass(frozen=True)
class User:
    """Weights that only the user can get or make; without ``--checkpoint`` the run stops.

    Args:
        how: one sentence that says how to get or make the file.
    """

    how: str

    kind = "user"


Source = Random | Shipped | Url | User


@dataclass(frozen=True, kw_only=True)
class Weights:
    """One set of weights of a method: the architecture, where the numbers come from, what input they expect.

    Args:
        architecture: a name known to ``rsbench.backbones`` (``resnet50``, ``swin_b``, ``vit_b``, ``vit_l``,
            ``nano``) or a callable that returns a ``rsbench.backbones.Backbone``.
        preprocess: what the backbone was trained on.
        source: where the weights come from.
        kwargs: further arguments of the architecture, such as ``image_size`` and ``window``.
        backbone: the backbone as a table prints it; the architecture's own title when empty.
        layout: key layout of the file (``rsbench``: the names of the timm model, with or without ``encoder.``).
        drop: key prefixes that the file may hold and the backbone does not use.
        sha256: of the file, where known.
        licence: of the weights; empty when unknown.
        size_bytes: of the file; None when unknown.
        pretraining_data: what the weights have seen, as ``dataset`` or ``dataset/split``; a task whose name
            matches is flagged as contaminated.
        note: one sentence that belongs beside every number made with these weights.
    """

    architecture: str | Callable[..., Any]
    preprocess: Preprocess
    source: Source
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    backbone: str = ""
    layout: str = "rsbench"
    drop: tuple[str, ...] = ()
    sha256: str | None = None
    licence: str = ""
    size_bytes: int | None = None
    pretraining_data: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "kwargs", MappingProxyType(dict(self.kwargs)))
        if self.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise UserError(f"Weights: sha256 {self.sha256!r} is not 64 hex digits.", "Copy it from sha256sum.")
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


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of pretraining, with one or more sets of weights.

    >>> method = Method(
    ...     name="mymim", title="MyMIM", paradigm="masked",
    ...     variants={"nano": Weights(architecture="nano", preprocess=Preprocess(size=128), source=Random())},
    ... )
    >>> method.weights().architecture
    'nano'
    >>> method.weights("nan")
    Traceback (most recent call last):
    rsbench.errors.UserError: Method 'mymim' has no variant 'nan'.
      Did you mean 'nano'?

    Args:
        name: lower case, as on the command line.
        title: as the paper prints it.
        paradigm: how it was trained.
        variants: weights by the name of the variant; the first is the default unless ``default`` names one.
        default: the variant that ``--method NAME`` means.
        citation: BibTeX.
        paper: address of the paper.
        code: address of the authors' code.
        licence: of the authors' code.
        reimplemented: True if the weights are not the authors' own; every row says so.
    """

    name: str
    title: str
    paradigm: Paradigm
    variants: Mapping[str, Weights]
    default: str = ""
    citation: str = ""
    paper: str = ""
    code: str = ""
    licence: str = ""
    reimplemented: bool = False

    def __post_init__(self) -> None:
        check_name(self.name, "Method")
        if self.paradigm not in get_args(Paradigm):
            raise UserError(
                f"Method {self.name!r}: unknown paradigm {self.paradigm!r}.",
                near_miss(self.paradigm, get_args(Paradigm)),
            )
        if not self.variants:
            raise UserError(f"Method {self.name!r} has no variants.", "Give at least one set of weights.")
        for variant in self.variants:
            check_name(variant, f"Method {self.name!r}: variant")
        object.__setattr__(self, "variants", MappingProxyType(dict(self.variants)))
        if self.default and self.default not in self.variants:
            raise UserError(
                f"Method {self.name!r}: the default {self.default!r} is no variant.",
                near_miss(self.default, self.variants),
            )

    @property
    def default_variant(self) -> str:
        """The variant that the bare name of the method means."""
        return self.default or next(iter(self.variants))

    def weights(self, variant: str = "") -> Weights:
        """Returns the weights of ``variant`` (of the default one if empty).

        Raises:
            UserError: there is no such variant.
        """
        variant = variant or self.default_variant
        if variant not in self.variants:
            raise UserError(f"Method {self.name!r} has no variant {variant!r}.", near_miss(variant, self.variants))
        return self.variants[variant]

    def row_title(self, variant: str = "") -> str:
        """The name that stands in a row of our own: ``CtxMIM, re-implemented, nano``."""
        parts = [self.title]
        if self.reimplemented:
            parts.append("re-implemented")
        parts.append(self.weights(variant).backbone or variant or self.default_variant)
        return ", ".join(parts)
