"""What numbers must be before anything is made of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def finite(values: ArrayLike, dimensions: int) -> NDArray[np.float64]:
    """Returns ``values`` as float64.

    Args:
        values: (N,) or (S, N) finite numbers.
        dimensions: 1 or 2.

    Raises:
        ValueError: another shape, nothing, or a number that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions or array.size == 0:
        raise ValueError(f"Values of shape {array.shape} are not {'(N,)' if dimensions == 1 else '(S, N)'} with N > 0.")
    if not np.isfinite(array).all():
        raise ValueError("A value is not finite.")
    return array
