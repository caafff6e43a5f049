"""What counts as a number in the files of a dataset. This module is light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

FAR = 1e7
"""Pixels: no image is so large, and areas up to its square are far from what a float cannot hold."""

_LIMIT = 2**63


def is_finite(value: Any) -> bool:
    """Whether it is a number that a float holds; a whole number may be too large for that.

    >>> is_finite(2), is_finite(True), is_finite(float("nan")), is_finite(10**400), is_finite("2")
    (True, False, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def is_whole(value: Any) -> bool:
    """Whether it is a whole number of 64 bits or fewer, of Python's or numpy's; 1.0 is none.

    Ids are such numbers and nothing else, in ground truth and in detections: languages differ in whether 1.0 finds 1.

    >>> is_whole(1), is_whole(np.int32(1)), is_whole(1.0), is_whole(True), is_whole(2**63), is_whole([1])
    (True, True, False, False, False, False)
    """
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and -_LIMIT <= int(value) < _LIMIT
