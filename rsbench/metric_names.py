"""What names of metrics are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence

BOXES = "box"
"""Begins the name of a score of the boxes where masks are scored."""


def plain_classes(classes: Sequence[str]) -> list[str]:
    """Returns the names of classes with ``_`` for characters that no name of a metric has.

    >>> plain_classes(["tennis court", "ship"])
    ['tennis_court', 'ship']

    Raises:
        ValueError: two classes would have one name.
    """
    plain = [re.sub(r"[^A-Za-z0-9_.-]", "_", name) for name in classes]
    if len(set(plain)) < len(plain):
        raise ValueError(f"Two of the classes {', '.join(classes)} have the same name in a metric.")
    return plain
