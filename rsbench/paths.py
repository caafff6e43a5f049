"""Where rsbench keeps what it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_home() -> Path:
    """Returns the folder of features, weights, demo scenes: ``RSBENCH_CACHE``, else one in the user's cache."""
    if given := os.environ.get("RSBENCH_CACHE"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rsbench"


def data_home() -> Path:
    """Returns the folder of datasets: ``RSBENCH_DATA``, else ``rsbench/data`` in the user's cache folder."""
    if given := os.environ.get("RSBENCH_DATA"):
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rsbench" / "data"
