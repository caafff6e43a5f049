"""The plan of a sweep, which `--dry-run` prints: cells, what exists, what the rest will cost, what is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.paths import cache_home
from rsbench.records import Store
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.plans.costs import Costs, Guess, Total, available_memory, feature_bytes, total
from rsbench.sweeps.plans.needs import Need, needs
from rsbench.sweeps.suites.suite import Suite

if TYPE_CHECKING:
    from rsbench.sweeps.standing import Standing


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
        features: bytes of features to be cached, and sets of them of which nobody knows the size.
        needs: what is missing.
        slots: processes that run at the same time.
        results, cache: folders of the runs, and of features and weights.
        free: bytes of disk by folder, where that is known.
        one_disk: these folders are on the same one.
        memory: bytes that processes could get now; None if unknown.
    """

    suite: Suite
    standings: Mapping[str, Standing]
    todo: frozenset[str]
    new: frozenset[str]
    guesses: Mapping[str, Guess | None]
    total: Total
    features: tuple[int, int]
    needs: Sequence[Need]
    slots: int
    results: Path
    cache: Path
    free: Mapping[str, int] = field(default_factory=dict)
    one_disk: bool = False
    memory: int | None = None

    @property
    def stopped(self) -> set[str]:
        """Keys of the cells that are to be run, and cannot be: something is missing."""
        return {key for need in self.needs if need.stops for key in need.cells}

    def facts(self) -> dict[str, Any]:
        """The plan as plain JSON."""
        stopped = self.stopped
        return {
            "suite": self.suite.name,
            "title": self.suite.title,
            "file": None if self.suite.file is None else str(self.suite.file),
            "slots": self.slots,
            "cells": [self._cell(cell, stopped) for cell in self.suite.cells],
            "total": {
                **vars(self.total),
                "features": self.features[0],
                "no_features": self.features[1],
                "download": sum(need.size or 0 for need in self.needs),
            },
            "results": str(self.results),
            "cache": str(self.cache),
            "free": dict(self.free),
            "one_disk": self.one_disk,
            "available_memory": self.memory,
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
    slots: int,
    retry_failed: bool = False,
    download: bool = False,
    accept_licence: bool = False,
) -> Plan:
    """Makes the plan of a sweep; all records of the store are read for it.

    Args:
        suite: what is wanted.
        standings: how each of its cells stands, by its key.
        store: of the runs.
        slots: processes that will run at the same time.
        retry_failed: cells that failed before are made again.
        download: datasets are fetched.
        accept_licence: the user accepts the terms of weights.
    """
    settled = ("done",) if retry_failed else ("done", "failed")
    todo = [cell for cell in suite.cells if standings[cell.key].state not in settled]
    missing = needs(todo, suite.chosen, download, accept_licence)
    stopped = {key for need in missing if need.stops for key in need.cells}
    runs = [cell for cell in todo if cell.key not in stopped]
    costs = Costs(store, store)
    guesses = {cell.key: costs.guess(cell, suite.chosen[cell.spec]) for cell in todo}
    results, cached = _there(store.root), _there(cache_home())
    places = {str(store.root): _free(results), str(cache_home()): _free(cached)}
    return Plan(
        suite=suite,
        standings=standings,
        todo=frozenset(cell.key for cell in todo),
        new=frozenset(cell.key for cell in todo if not costs.seen(cell)),
        guesses=guesses,
        total=total(runs, [guesses[cell.key] for cell in runs], slots),
        features=_features(runs, suite),
        needs=missing,
        slots=slots,
        results=store.root,
        cache=cache_home(),
        free={folder: free for folder, free in places.items() if free is not None},
        one_disk=results.stat().st_dev == cached.stat().st_dev,
        memory=available_memory(),
    )


def _features(cells: Iterable[Cell], suite: Suite) -> tuple[int, int]:
    from rsbench.probing.cache import FeatureCache

    manifests = [entry.manifest for entry in FeatureCache() if entry.manifest is not None]
    return feature_bytes(cells, suite.chosen, manifests)


def _there(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there already."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
