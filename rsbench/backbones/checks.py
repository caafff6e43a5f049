"""Checks of the arguments of architectures and of the sides of images: a wrong one is one line, not a traceback."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from torch import Tensor

from rsbench.errors import UserError, near_miss

STAGES = 4


def check_choice(name: str, value: object, known: Iterable[str]) -> None:
    """Raises a UserError unless ``value`` of the argument ``name`` is one of ``known``."""
    known = tuple(known)
    if value not in known:
        raise UserError(f"There is no {name} {value!r}.", near_miss(str(value), known))


def check_positive(name: str, value: object) -> None:
    """Raises a UserError unless ``value`` of the argument ``name`` is a finite number above 0."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:  # type: ignore[arg-type, operator]
        raise UserError(f"{name} is {value!r}.", "It must be a number above 0.")


def check_multiple(name: str, value: object, divisor: int) -> None:
    """Raises a UserError unless ``value`` of the argument ``name`` is a positive whole multiple of ``divisor``."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value <= 0 or value % divisor:  # type: ignore[operator]
        raise UserError(f"{name} is {value!r}.", f"It must be a positive multiple of {divisor}.")


def check_sides(images: Tensor, multiple: int, purpose: str) -> None:
    """Raises a UserError unless both sides of ``images`` (B, 3, H, W) are multiples of ``multiple`` px.

    Args:
        images: a batch.
        multiple: in pixels.
        purpose: what the images are for, for the message: ``the embedding`` or ``the pyramid``.
    """
    height, width = images.shape[-2:]
    if height < multiple or width < multiple or height % multiple or width % multiple:
        raise UserError(
            f"Images of {height} x {width} px do not fit {purpose} of this backbone.",
            f"Resize or pad them to multiples of {multiple} px.",
        )


def four_stages(
    width: int, depths: Sequence[int], heads: Sequence[int]
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """Returns ``depths`` and ``heads`` of a Swin Transformer as tuples.

    Args:
        width: channels of the first of four stages; they double at each next one.
        depths: blocks per stage.
        heads: attention heads per stage.

    Raises:
        UserError: not four of each, or channels that the heads do not divide.
    """
    if len(depths) != STAGES or len(heads) != STAGES:
        raise UserError(
            f"depths {list(depths)} and heads {list(heads)} do not name {STAGES} stages.", "Give four each."
        )
    for stage, (depth, number) in enumerate(zip(depths, heads, strict=True)):
        check_multiple(f"depths[{stage}]", depth, 1)
        check_multiple(f"heads[{stage}]", number, 1)
        check_multiple(f"The width of stage {stage + 1}", width * 2**stage, number)
    return (depths[0], depths[1], depths[2], depths[3]), (heads[0], heads[1], heads[2], heads[3])
