"""Layouts in which the projections of query, key and value are three tensors and not one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor

from rsbench.checkpoints.layout import Move


def joining(
    pattern: str, parts: Sequence[str], target: str, rename: Callable[[str], str] = str
) -> Callable[[Collection[str]], Mapping[str, Move]]:
    """Returns the ``moves`` of a layout that joins three tensors along their first axis, and renames all others.

    Args:
        pattern: a regular expression of the keys to be joined; its group ``part`` holds one of ``parts``.
        parts: names of query, key and value, in this order.
        target: the key of the joined tensor, with the other groups of the pattern (``\\g<block>``), before ``rename``.
        rename: of the other keys.
    """

    def moves(keys: Collection[str]) -> Mapping[str, Move]:
        result = {}
        for key in keys:
            found = re.fullmatch(pattern, key)
            if found is None:
                result[rename(key)] = Move((key,))
            elif found["part"] == parts[0]:
                before, after = key[: found.start("part")], key[found.end("part") :]
                sources = tuple(before + part + after for part in parts)
                result[rename(found.expand(target))] = Move(sources, _joined, "q, k, v joined")
        return result

    return moves


def _joined(*tensors: Tensor) -> Tensor:
    return torch.cat(tensors)
