"""A key layout: what the tensors of a checkpoint are called, and where each of them goes in the backbone."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Move:
    """How one tensor of the backbone is made.

    Args:
        sources: keys of the checkpoint, without the prefix.
        make: turns the tensors of the sources into one; None takes the only one as it is.
        why: what ``make`` does, in a few words for the account.
    """

    sources: tuple[str, ...]
    make: Callable[..., Tensor] | None = None
    why: str = ""


@dataclass(frozen=True)
class Layout:
    """The names of one family of checkpoints.

    Args:
        name: as the account prints it.
        about: who writes it, in one sentence.
        moves: takes the keys of a file without their prefix and returns Moves by the key of the backbone.
        mark: a regular expression that at least one key (without the prefix) of such a file matches; without such a
            key, a file has another layout, however many of its keys would fit.
        drop: a regular expression; keys that match it (without the prefix) are left out by name: buffers that the
            backbone makes itself, heads, parts that upstream never trained.
        kwargs: arguments of the architecture that follow from the layout, such as the order of the norms.
    """

    name: str
    about: str
    moves: Callable[[Collection[str]], Mapping[str, Move]]
    mark: str = ""
    drop: str = ""
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kwargs", MappingProxyType(dict(self.kwargs)))

    def claims(self, keys: Collection[str]) -> bool:
        """True if ``keys`` (without prefix) may be of this layout."""
        return not self.mark or any(re.match(self.mark, key) for key in keys)

    def drops(self, key: str) -> bool:
        """True if ``key`` (without prefix) is left out by name."""
        return bool(self.drop) and re.match(self.drop, key) is not None


def renaming(rename: Callable[[str], str]) -> Callable[[Collection[str]], Mapping[str, Move]]:
    """Returns the ``moves`` of a layout in which each tensor has another name and nothing else differs.

    >>> renaming(lambda key: key.replace("stem", "conv1"))(["stem.weight"])
    {'conv1.weight': Move(sources=('stem.weight',), make=None, why='')}
    """

    def moves(keys: Collection[str]) -> Mapping[str, Move]:
        return {rename(key): Move((key,)) for key in keys}

    return moves


def substituting(rules: Mapping[str, str]) -> Callable[[str], str]:
    """Returns a renaming that applies every rule (regular expression to replacement) in order.

    >>> substituting({r"^stages\\.": "layers."})("stages.0.norm")
    'layers.0.norm'
    """
    compiled = [(re.compile(pattern), replacement) for pattern, replacement in rules.items()]

    def rename(key: str) -> str:
        for pattern, replacement in compiled:
            key = pattern.sub(replacement, key)
        return key

    return rename
