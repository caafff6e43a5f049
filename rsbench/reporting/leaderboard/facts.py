"""Facts of records as the page may use them.

Records of strangers may hold anything JSON has where facts are told: what has another type than its reader expects is
absent, so that every panel opens.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence


def printed(values: Sequence[float | None], digits: int) -> str:
    """Returns numbers as they are printed, in one text; a dash stands for what is absent.

    >>> printed([12.125, None, 12.12], 2)
    '12.12 - 12.12'
    """
    return " ".join("-" if value is None else f"{value:.{digits}f}" for value in values)


def number(value: object) -> float | None:
    """Returns a number; None of what is none, or is too large for one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:
        return None


def counts(value: object) -> dict[str, int]:
    """Returns the counts of items by part."""
    found = value if isinstance(value, Mapping) else {}
    return {part: many for part, many in found.items() if isinstance(many, int) and number(many) is not None}


def names(value: object) -> list[str]:
    """Returns the texts of a list."""
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Returns a fact for readers: a text as it is, anything else as JSON, nothing where there is none."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, sort_keys=True)
