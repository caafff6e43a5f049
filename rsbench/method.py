"""What a method is: a name, its weights, and everything that one must know to compare it.

All objects here are frozen and checked when they are made, and none of them imports torch: listing the
methods of an installation costs milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from rsbench.errors import UserError, near_miss
from rsbench.weights import Weights

Paradigm = Literal["random", "supervised", "contrastive", "masked", "hybrid"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]*")


def check_name(name: str, what: str) -> None:
    """Raises UserError unless ``name`` is lower case and safe on a command line and in a path."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"{what} name {name!r} is not allowed.", "Use lower-case letters, digits and . _ + - (no slash)."
        )


def check_title(title: str, what: str) -> None:
    """Raises UserError unless ``title`` is one line of characters that can be printed: it stands in every record."""
    if not title or not title.isprintable():
        raise UserError(
            f"{what} has the title {title!r}, which cannot be printed in one line.",
            "Leave out line ends and control characters.",
        )


@dataclass(frozen=True, kw_only=True)
class Method:
    """A method of pretraining, with one or more sets of weights.

    >>> from rsbench import Preprocess, Random
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
        questions: what the paper or the authors leave open about this row, one sentence each.
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
    questions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "Method")
        check_title(self.title, f"Method {self.name!r}")
        if self.paradigm not in get_args(Paradigm):
            raise UserError(
                f"Method {self.name!r}: unknown paradigm {self.paradigm!r}.",
                near_miss(self.paradigm, get_args(Paradigm)),
            )
        if not self.variants:
            raise UserError(f"Method {self.name!r} has no variants.", "Give at least one set of weights.")
        for variant, own in self.variants.items():
            check_name(variant, f"Method {self.name!r}: variant")
            if own.backbone:
                check_title(own.backbone, f"The backbone of {self.name}/{variant}")
        object.__setattr__(self, "variants", MappingProxyType(dict(self.variants)))
        keys = re.findall(r"@\s*\w+\s*\{\s*([^\s,]+)\s*,", self.citation)
        for variant, weights in self.variants.items():
            for key in weights.cites:
                if key not in keys:
                    raise UserError(
                        f"Method {self.name!r}: {variant} cites {key!r}, which its citation lacks.",
                        near_miss(key, keys),
                    )
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

    def replaced(self, variant: str, **changes: Any) -> Method:
        """Returns a copy in which fields of the weights of ``variant`` are changed."""
        changed = replace(self.weights(variant), **changes)
        return replace(self, variants={**self.variants, variant or self.default_variant: changed})

    def row_title(self, variant: str = "") -> str:
        """The name that stands in a row of our own: ``CtxMIM, re-implemented, nano``."""
        parts = [self.title]
        if self.reimplemented:
            parts.append("re-implemented")
        parts.append(self.weights(variant).backbone or variant or self.default_variant)
        return ", ".join(parts)
