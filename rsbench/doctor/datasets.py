"""Datasets: looked for where `rsbench run` looks, and opened by their own readers.

To open one compares the files that are there with those of a partition, by name; no image is decoded.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from rsbench.doctor.line import Line
from rsbench.errors import UserError
from rsbench.paths import data_home
from rsbench.task import Split, Task

_AREA = "datasets"


def check_given(given: Path | None) -> Iterator[Line]:
    """Says so if the folder that the user named is not there."""
    if given is not None and not given.is_dir():
        what = "is a file" if given.exists() else "does not exist"
        yield Line("failed", _AREA, "--data", f"{given} {what}", "Give a folder with --data, or set RSBENCH_DATA.")


def check_dataset(task: Task, given: Path | None) -> Iterator[Line]:
    """Looks for the dataset of a task, and opens it with each partition in turn until one fits.

    Args:
        task: from the registry.
        given: a folder with one folder for each task, or the folder of a dataset; None for that of all datasets.
    """
    home = data_home() if given is None else given
    root = home / task.name
    if _filled(root):
        yield _opened(task, root)
    elif given is not None and _filled(given):
        found = _opened(task, given)
        if found.status == "failed":  # it may be another dataset, or the folder of others
            found = Line("info", _AREA, task.name, f"absent: {found.value}", found.remedy)
        yield found
    else:
        get = (
            f"rsbench run --method METHOD --task {task.name} --download fetches it"
            if task.download
            else f"Get it from {task.url}"
        )
        prepared = f", then run rsbench data prepare --task {task.name}" if task.prepare else ""
        remedy = f"{get}{prepared}; --data demo of rsbench run needs none."
        yield Line("info", _AREA, task.name, f"absent: nothing at {root}", remedy)


def _filled(folder: Path) -> bool:
    """Whether there is something; a folder in which a download was only begun has hidden files."""
    return folder.exists() and (not folder.is_dir() or any(not p.name.startswith(".") for p in folder.iterdir()))


def _opened(task: Task, root: Path) -> Line:
    """Returns the line of what lies at ``root``."""
    first: UserError | None = None
    for split in task.splits:
        try:
            parts = _parts(task, split, root)
        except UserError as error:
            first = first or error
            continue
        value = f"{root}, partition {split.name}: {parts}"
        if first is None:
            return Line("ok", _AREA, task.name, value)
        remedy = f"Take --split {shlex.quote(split.name)}, or for {task.splits[0].name}: {first.hint}"
        return Line("warning", _AREA, task.name, f"{value}; not {task.splits[0].name}: {first.message}", remedy)
    assert first is not None  # a task has a split
    return Line("failed", _AREA, task.name, first.message, first.hint or f"Get it again from {task.url}.")


def _parts(task: Task, split: Split, root: Path) -> str:
    from rsbench.datasets.splits import resolve_split

    listed = resolve_split(split, root)
    opened = task.open(root, listed)
    return ", ".join(f"{part} {len(items):,}" for part, items in opened.parts.items())
