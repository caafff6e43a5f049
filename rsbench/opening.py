"""Opens the dataset of a task where the user has it, or the demo scenes that stand for it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from rsbench import __version__
from rsbench.datasets.splits import resolve_split
from rsbench.errors import UserError
from rsbench.paths import cache_home, data_home
from rsbench.task import Task

DEMO = "demo"
DEMO_SEED = 0


def place(task: Task, data: str | None) -> Path:
    """Returns the folder of the dataset: ``data``, the usual one for None, that of the scenes for ``demo``."""
    if data == DEMO:
        return cache_home() / DEMO / __version__ / f"{task.name}-{DEMO_SEED}"
    return Path(data) if data else data_home() / task.name


def open_data(task: Task, data: str | None, split: str, download: bool) -> tuple[Any, Any, str]:
    """Opens a dataset; demo scenes are drawn if they are not there, which standard error is told.

    Args:
        task: from the registry.
        data: folder of the dataset, ``demo``, or None for the usual place.
        split: name of the partition; empty is the task's first.
        download: fetch the dataset if it is not there.

    Returns:
        The dataset, its SplitList, and ``real`` or ``demo``.

    Raises:
        UserError: it is not there, not whole, or cannot be fetched.
    """
    root = place(task, data)
    if data == DEMO:
        if split or download:
            raise UserError(
                "Demo scenes are drawn here and have a split of their own.",
                "Leave out --split (--partition of rsbench score) and --download.",
            )
        if not root.exists():
            print(f"Drawing demo scenes in the layout of {task.title} ...", file=sys.stderr, flush=True)
        own = task.demo(root, DEMO_SEED)
        return task.open(root, own), own, DEMO
    chosen = task.split(split)
    if download:
        if task.download is None:
            raise UserError(f"{task.title} cannot be fetched by a program.", f"Get it from {task.url}.")
        task.download(root)  # returns at once if it is there; goes on where it broke off
    if not data and not root.exists():
        fetch = "; rsbench run and sweep fetch it with --download" if task.download else ""
        hint = f"Pass --data DIR, or --data demo to try with procedural scenes{fetch}."
        raise UserError(f"{task.title} is not at {root}.", hint)
    resolved = resolve_split(chosen, root)
    return task.open(root, resolved), resolved, "real"
