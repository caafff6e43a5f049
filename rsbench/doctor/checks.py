"""All checks in order; whatever one of them raises, the others go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rsbench.doctor.cache import check_features
from rsbench.doctor.datasets import check_dataset, check_given
from rsbench.doctor.devices import check_machine, check_torch
from rsbench.doctor.disk import check_folder
from rsbench.doctor.line import Line, Watch, failure, guarded
from rsbench.doctor.packages import check_packages, check_python
from rsbench.doctor.plugins import check_plugins
from rsbench.doctor.store import check_store
from rsbench.doctor.tools import check_tools
from rsbench.doctor.weights import check_weights
from rsbench.paths import cache_home, data_home
from rsbench.plugins import load


@dataclass(frozen=True)
class Places:
    """Where to look.

    Attributes:
        results: folder of the runs.
        work: folder of the checkpoints of runs that are not finished.
        data: see ``rsbench.doctor.datasets.check_dataset``; None for ``RSBENCH_DATA``.
        plugins: files of the user's.
    """

    results: Path
    work: Path
    data: Path | None = None
    plugins: Sequence[Path] = ()


def examine(places: Places, watch: Watch = lambda error: None) -> Iterator[Line]:
    """Yields the lines of all checks as they are found; it raises nothing.

    Args:
        places: where to look.
        watch: is given each error that a check raised.
    """
    yield from guarded("python", "Python", check_python, watch)
    yield from guarded("packages", "packages", check_packages, watch)
    yield from guarded("devices", "machine", check_machine, watch)
    yield from guarded("devices", "torch", check_torch, watch)
    yield from _registered(places, watch)
    yield from guarded("caches", "features", check_features, watch)
    yield from guarded("store", "runs", partial(check_store, places.results, places.work), watch)
    data = data_home() if places.data is None else places.data
    for name, folder, option, written in (
        ("results", places.results, "--results", True),
        ("cache", cache_home(), "RSBENCH_CACHE", True),
        ("data", data, "--data or RSBENCH_DATA", False),
    ):
        check = partial(check_folder, name, folder, option, written=written)
        yield from guarded("disk", name, check, watch)
    yield from guarded("tools", "tools", check_tools, watch)


def _registered(places: Places, watch: Watch) -> Iterator[Line]:
    """Checks plugins, and what they offer: datasets and weights."""
    try:
        found = load(places.plugins)
    except (Exception, SystemExit) as error:
        if isinstance(error, Exception):
            watch(error)
        yield failure("plugins", "plugins", error)
        why = "not looked at: the plugins could not be loaded"
        for area in ("datasets", "weights"):
            yield Line("failed", area, area, why, "Put the plugins right first.")
        return
    yield from guarded("plugins", "plugins", partial(check_plugins, found), watch)
    yield from guarded("datasets", "--data", partial(check_given, places.data), watch)
    for name, task in sorted(found.tasks.items.items()):
        yield from guarded("datasets", name, partial(check_dataset, task, places.data), watch)
    for name, method in sorted(found.methods.items.items()):
        for variant in method.variants:
            check = partial(check_weights, method, variant)
            yield from guarded("weights", f"{name}/{variant}", check, watch)
