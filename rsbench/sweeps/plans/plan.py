"""The plan of a sweep, which `--dry-run` prints: cells, what exists, what the rest will cost, what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rsbench import __version__
from rsbench.paths import cache_home
from rsbench.records import Store
from rsbench.spec import Chosen, RunSpec
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.plans.costs import Costs, Guess, Total, available_memory, total
from rsbench.sweeps.plans.feature_sets import FeatureSet, feature_sets
from rsbench.sweeps.plans.needs import Need, needs
from rsbench.sweeps.suites.suite import Suite

if TYPE_CHECKING:
    from rsbench.sweeps.standing import Standing

SCHEMA_VERSION = 1
"""Of ``Plan.facts``: it grows when a field changes its name, type or meaning."""

Where = Literal["here", "cluster"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a sweep would do.

    Attributes:
        suite: that is wanted.
        standings: how each cell stands, by its key.
        todo: keys of the cells that are run.
        new: those of them of which the store has no record that could be theirs, whatever their weights are.
        guesses: what these will cost, by their keys; None where nothing is known.
        total: of them, where the cells that cannot run here are left out.
        features: sets of features that have to be made, with the seconds that each takes; None where it is not known.
        left_out: folders of runs that cannot be read.
        needs: what is missing.
        where: the cells run on this machine, or on a cluster.
        slots: processes that run at the same time; on a cluster jobs, None where its queue decides.
        results, cache: folders of the runs, and of features and weights.
        free: bytes of disk by folder, where that is known.
        one_disk: these folders are on the same one.
        memory: bytes that processes could get now on this machine; None if unknown, and for a cluster.
    """

    suite: Suite
    standings: Mapping[str, Standing]
    todo: frozenset[str]
    new: frozenset[str]
    guesses: Mapping[str, Guess | None]
    total: Total
    features: Sequence[tuple[FeatureSet, float | None]]
    left_out: int
    needs: Sequence[Need]
    where: Where
    slots: int | None
    results: Path
    cache: Path
    free: Mapping[str, int] = field(default_factory=dict)
    one_disk: bool = False
    memory: int | None = None

    @property
    def stopped(self) -> set[str]:
        """Keys of the cells that are to be run, and cannot be: something is missing."""
        return {key for need in self.needs if need.stops for key in need.cells}

    @property
    def feature_bytes(self) -> tuple[int, int]:
        """Bytes of features to be cached, and the number of sets of them of unknown size."""
        sizes = [one.size for one, _ in self.features]
        return sum(size for size in sizes if size is not None), sizes.count(None)

    def facts(self) -> dict[str, Any]:
        """The plan as plain JSON; docs/sweeps.md describes it."""
        stopped = self.stopped
        features, no_features = self.feature_bytes
        return {
            "schema_version": SCHEMA_VERSION,
            "rsbench": __version__,
            "suite": self.suite.name,
            "title": self.suite.title,
            "file": None if self.suite.file is None else str(self.suite.file),
            "where": self.where,
            "slots": self.slots,
            "cells": [self._cell(cell, stopped) for cell in self.suite.cells],
            "total": {
                **vars(self.total),
                "features": features,
                "no_features": no_features,
                "download": sum(need.size or 0 for need in self.needs),
            },
            "results": str(self.results),
            "cache": str(self.cache),
            "free": dict(self.free),
            "one_disk": self.one_disk,
            "available_memory": self.memory,
            "left_out": self.left_out,
            "needs": [need.facts() for need in self.needs],
        }

    def _cell(self, cell: Cell, stopped: set[str]) -> dict[str, Any]:
        standing, guess = self.standings[cell.key], self.guesses.get(cell.key)
        facts = {
            "key": cell.key,
            **cell.facts(),
            "state": standing.state,
            "run": standing.run,
            "why": standing.why,
            "to_do": cell.key in self.todo,
            "stopped": cell.key in stopped,
        }
        return facts | ({"cost": None if guess is None else vars(guess)} if cell.key in self.todo else {})


def make_plan(
    suite: Suite,
    standings: Mapping[str, Standing],
    store: Store,
    *,
    slots: int | None,
    where: Where = "here",
    retry_failed: bool = False,
    download: bool = False,
    accept_licence: bool = False,
) -> Plan:
    """Makes the plan of a sweep; the records of its tasks are read for it.

    Args:
        suite: what is wanted.
        standings: how each of its cells stands, by its key.
        store: of the runs.
        slots: processes that will run at the same time; jobs on a cluster, None where its queue decides.
        where: they will run.
        retry_failed: cells that failed before are made again.
        download: datasets are fetched.
        accept_licence: the user accepts the terms of weights.
    """
    settled = ("done", "contradicted") if retry_failed else ("done", "contradicted", "failed")
    todo = [cell for cell in suite.cells if standings[cell.key].state not in settled]
    missing = needs(todo, suite.chosen, download, accept_licence)
    stopped = {key for need in missing if need.stops for key in need.cells}
    runs = [cell for cell in todo if cell.key not in stopped]
    costs = Costs(store, {cell.spec.task for cell in suite.cells})
    features = features_to_make(runs, suite.chosen)
    made = {key for one in features for key in one.cells}
    guesses = {cell.key: costs.guess(cell, suite.chosen[cell.spec], cell.key in made) for cell in todo}
    timed = [(one, costs.feature_seconds(one)) for one in features]
    results, cached = _there(store.root), _there(cache_home())
    places = {str(store.root): _free(results), str(cache_home()): _free(cached)}
    return Plan(
        suite=suite,
        standings=standings,
        todo=frozenset(cell.key for cell in todo),
        new=frozenset(cell.key for cell in todo if not costs.seen(cell, suite.chosen[cell.spec])),
        guesses=guesses,
        total=total(
            runs, [guesses[cell.key] for cell in runs], slots or 1, [time for _, time in timed], jobs=where == "cluster"
        ),
        features=timed,
        left_out=costs.left_out,
        needs=missing,
        where=where,
        slots=slots,
        results=store.root,
        cache=cache_home(),
        free={folder: free for folder, free in places.items() if free is not None},
        one_disk=results.stat().st_dev == cached.stat().st_dev,
        memory=available_memory() if where == "here" else None,
    )


def features_to_make(cells: Iterable[Cell], chosen: Mapping[RunSpec, Chosen]) -> list[FeatureSet]:
    """Returns the features that cells want and that are not in the cache of this machine."""
    from rsbench.probing.cache import FeatureCache

    manifests = [entry.manifest for entry in FeatureCache() if entry.manifest is not None]
    return feature_sets(cells, chosen, manifests)


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there already."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
