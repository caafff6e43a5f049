"""The features of a dataset: from the cache, or made by one process while others that need them wait for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from rsbench.backbones import Backbone
from rsbench.checkpoints.load import Loaded
from rsbench.leases import Taken
from rsbench.preprocessing import Preprocessor
from rsbench.probing.cache import FeatureCache
from rsbench.probing.extract import Extraction, check_features, embed_all, extract, usual_batch
from rsbench.request import Request
from rsbench.team import Team, shares

POLL = 0.2
"""Seconds between two looks for features that another process makes."""


@dataclass(frozen=True)
class Features:
    """Features of all images of a dataset.

    Attributes:
        rows: row of each item, by its id.
        array: float32 (N, D).
        seconds: that it took to get them.
        cost: of the pass that made them.
        cached: they were there.
    """

    rows: Mapping[str, int]
    array: np.ndarray
    seconds: float
    cost: Mapping[str, Any]
    cached: bool

    def of(self, items: Sequence[str]) -> np.ndarray:
        """Returns the features (M, D) of M items."""
        return self.array[[self.rows[item] for item in items]]


def features(request: Request, team: Team, loaded: Loaded, identity: Mapping[str, Any]) -> Features | None:
    """Returns the features of all images of the dataset to the first process of a team, and None to the others.

    Whoever needs the same ones at the same time, on one machine or on several that share the folder of the cache,
    waits: one makes them and holds a lease meanwhile. If it dies, another takes over.

    Args:
        request: what is asked.
        team: shares the work, if it must be done.
        loaded: the backbone.
        identity: all that features depend on.

    Raises:
        UserError: the cache cannot be written.
        RunError: features that cannot be right.
    """
    paths = {
        key: path for items in request.dataset.parts.values() for key, path in zip(items.ids, items.paths, strict=True)
    }
    ids = sorted(paths)
    rows = {key: row for row, key in enumerate(ids)}
    start = time.perf_counter()
    cache = FeatureCache()
    with ExitStack() as stack:
        search = _Search(request, cache, identity, stack)
        if request.use_cache and search.found_by(team):
            if search.found is None:  # this is not the first process
                return None
            array, manifest = search.found
            return Features(rows, array, time.perf_counter() - start, manifest["cost"], cached=True)
        made = _made(request, team, loaded, [paths[key] for key in ids])
        cost = {
            **cost_of(loaded.backbone, request.input_size),
            "images_per_second": round(made.images_per_second, 1),
            "threads": torch.get_num_threads(),
        }
        if request.use_cache:
            about = {"method": request.method_id, "task": request.task.name, "data": request.data, "cost": cost}
            team.first(lambda: cache.put(identity, made.features, about) and None)
    return Features(rows, made.features, made.seconds, cost, cached=False) if team.rank == 0 else None


class _Search:
    """Looks for features until they are there or nobody makes them; then this process holds the lease."""

    def __init__(self, request: Request, cache: FeatureCache, identity: Mapping[str, Any], stack: ExitStack) -> None:
        self.request, self.cache, self.identity, self.stack = request, cache, identity, stack
        self.found: tuple[np.ndarray, Mapping[str, Any]] | None = None
        self.seen: Any = None

    def found_by(self, team: Team) -> bool:
        """Whether they are there; a look is short, so that nobody in a team waits for the first one for long."""
        told = False
        while True:
            state, owner = team.first(self._look)
            if state != "waiting":
                return state == "there"
            if not told:
                self.request.report(0, 0, f"{owner} computes these features; waiting for them")
                told = True
            time.sleep(POLL)

    def _look(self) -> tuple[Literal["there", "ours", "waiting"], str]:
        if self._read():
            return "there", ""
        try:
            self.stack.enter_context(self.cache.lease(self.identity))
        except Taken as taken:
            return "waiting", str(taken).capitalize()
        return ("there" if self._read() else "ours"), ""  # it may have been written before the lease was ours

    def _read(self) -> bool:
        """Reads the entry if there is one that was not read before; a damaged one is no entry."""
        stamp = self.cache.stamp(self.identity)
        if stamp is not None and stamp != self.seen:
            self.seen = stamp
            self.found = self.cache.get(self.identity)
        return self.found is not None


def _made(request: Request, team: Team, loaded: Loaded, paths: Sequence[Path]) -> Extraction:
    """Embeds all images: every process those batches of one process that are its share, so that nothing differs."""
    preprocessor = Preprocessor(request.method.weights(request.variant).preprocess, request.input_size)
    size = request.batch_size or usual_batch(preprocessor.size)
    common: dict[str, Any] = {"precision": request.precision, "device": request.device, "batch_size": size}
    total = len(paths)
    load, backbone = request.dataset.load, loaded.backbone
    if team.world == 1:
        return extract(
            backbone, load, paths, preprocessor, report=lambda done: request.report(done, total), **common
        )  # fmt: skip
    start = time.perf_counter()
    own = shares(total, size, team.rank, team.world)
    with team.together():
        part = embed_all(
            backbone,
            load,
            [paths[row] for row in own],
            preprocessor,
            report=lambda done: request.report(min(done * team.world, total), total),
            **{**common, "device": team.device(request.device)},
        )
    joined = team.join(total, own, part.features)
    with team.together():
        check_features(joined)
    seconds = time.perf_counter() - start
    return Extraction(joined, seconds, total / seconds)


def cost_of(backbone: Backbone, size: int) -> dict[str, Any]:
    """Parameters, and floating-point operations per image (a multiply-add counts as two)."""
    device = next(backbone.parameters()).device
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        backbone.embed(torch.zeros(1, 3, size, size, device=device))
    return {"parameters": backbone.parameter_count, "gflops": round(counter.get_total_flops() / 1e9, 4)}
