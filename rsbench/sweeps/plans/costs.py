"""What cells will cost, as far as earlier records tell. What nobody has measured is unknown, and never zero.

A guess is what one earlier run took, as it was measured: nothing is scaled to other sizes, epochs or machines, and
another architecture tells nothing of time and memory. It says how near that run is. Features are made once for all who
want them, and count once; a run that found them in the cache does not tell what they take in memory.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from rsbench.opening import DEMO
from rsbench.records import Store, canonical_json
from rsbench.records.files import folder_size
from rsbench.spec import Chosen, RunSpec
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.plans.earlier import Earlier
from rsbench.sweeps.plans.feature_sets import FeatureSet

MIB = 1 << 20
How = Literal["same", "architecture", "protocol"]
HOW: Mapping[How, str] = {
    "same": "the same method and settings",
    "architecture": "the same architecture",
    "protocol": "another architecture",
}


@dataclass(frozen=True)
class Guess:
    """What a cell will cost; None where it is not known.

    Attributes:
        run: id of the earlier record.
        how: it is of the same method, task, protocol and settings; else of the same task, protocol and architecture;
            else of the same task and protocol, which tells the size of its folder alone.
        other_settings: its settings, input size or precision differ.
        device: on which it was measured.
        seconds: of the evaluation, without the start of a process, and without making features.
        memory: of the process at its peak, bytes.
        disk: of the folder of the run, bytes.
        scratch: of a checkpoint while it trains, bytes.
    """

    run: str
    how: How
    other_settings: bool
    device: str
    seconds: float | None
    memory: int | None
    disk: int | None
    scratch: int | None

    @property
    def source(self) -> str:
        """Where it comes from, for people."""
        return f"from {HOW[self.how]}{', other settings' * self.other_settings}, run {self.run} on {self.device}"


@dataclass(frozen=True, kw_only=True)
class Total:
    """What cells cost together; of those whose cost is known.

    Attributes:
        seconds: from the first to the last, on all slots.
        no_seconds: cells whose time is not known.
        no_feature_seconds: sets of features of which nobody knows how long it takes to make them.
        memory: of the cells that run at the same time, at worst, bytes; None if nothing is known.
        no_memory: cells whose memory is not known.
        disk: of the folders of runs, and of checkpoints meanwhile, bytes.
        no_disk: cells of which this is not known.
    """

    seconds: float
    no_seconds: int
    no_feature_seconds: int
    memory: int | None
    no_memory: int
    disk: int
    no_disk: int


class Costs:
    """What the runs of a store cost.

    Args:
        store: of the runs.
        tasks: whose records are read; None reads all.

    Attributes:
        left_out: folders that hold no record that can be read.
    """

    def __init__(self, store: Store, tasks: Collection[str] | None = None) -> None:
        records, self.left_out = Earlier.read(store, tasks)
        self._alike: dict[tuple[str, str, str], list[Earlier]] = {}
        self._passes: dict[tuple[Any, ...], Earlier] = {}
        for one in sorted(records, key=lambda one: one.started):
            if one.done:
                self._alike.setdefault((one.task, one.protocol, one.data), []).append(one)
            if one.feature_seconds is not None:
                self._passes[one.task, one.data, one.architecture, one.size, one.precision] = one
        self._seen = {one.asked for one in records}
        self._ranked: dict[RunSpec, list[tuple[Any, Earlier]]] = {}
        self._size = cache(lambda run: _size_of(store.folders.path(run)))

    def seen(self, cell: Cell, chosen: Chosen) -> bool:
        """Whether there is a record, of whatever outcome, that could be that of a cell."""
        wanted = _Wanted.of(chosen)
        split = "" if wanted.data == DEMO else chosen.task.split(cell.spec.split).name
        where = (cell.spec.task, chosen.protocol.name, wanted.data, split)
        return (chosen.method_id, *where, cell.seed, wanted.settings) in self._seen

    def guess(self, cell: Cell, chosen: Chosen, makes_features: bool = False) -> Guess | None:
        """Returns what a cell will cost by the nearest earlier record; None if there is none of its task and protocol.

        Of equally near ones that of the same seed is taken, else the newest. Scenes never stand for real images.

        Args:
            cell: of the sweep.
            chosen: the objects that its ``spec`` stands for.
            makes_features: they are not in the cache; the memory of a run that found its own there is no guess then.
        """
        ranked = self._ranked.get(cell.spec)
        if ranked is None:
            wanted = _Wanted.of(chosen)
            found = self._alike.get((cell.spec.task, chosen.protocol.name, wanted.data), [])
            ranked = sorted(((wanted.distance(one), one) for one in found), key=lambda pair: pair[0])
            self._ranked[cell.spec] = ranked
        if not ranked:
            return None
        nearest = [one for distance, one in ranked if distance == ranked[0][0]]
        newest = max(nearest, key=lambda one: (one.seed == cell.seed, one.started))
        how, other_settings = ranked[0][0].how, ranked[0][0].other_settings
        tells = how != "protocol"
        memory = newest.memory
        if makes_features and newest.found_features:
            makers = [one for one in nearest if one.made_features]
            memory = max(makers, key=lambda one: one.started).memory if makers else None
        weights = newest.parameters
        return Guess(
            run=newest.run,
            how=how,
            other_settings=other_settings,
            device=newest.device,
            seconds=newest.fit_seconds if tells else None,
            memory=None if memory is None or not tells else int(memory * MIB),
            disk=self._size(newest.run),
            # float32, and two moments of AdamW
            scratch=None if weights is None or not tells else 4 * weights + 8 * (newest.parameters_trained or 0),
        )

    def feature_seconds(self, wanted: FeatureSet) -> float | None:
        """Returns how long it takes to make a set of features, by the last pass of the same architecture; or None."""
        key = (wanted.task, wanted.data, wanted.architecture, wanted.input_size, wanted.precision)
        found = self._passes.get(key)
        return None if found is None else found.feature_seconds

    def lengths(
        self, cells: Iterable[Cell], chosen: Mapping[RunSpec, Chosen], sets: Iterable[FeatureSet]
    ) -> dict[str, float]:
        """Returns how long cells will take, by key, as far as it is known; the first of a set makes the features."""
        guesses = {cell.key: self.guess(cell, chosen[cell.spec]) for cell in cells}
        known = {key: guess.seconds for key, guess in guesses.items() if guess and guess.seconds is not None}
        for one in sets:
            if one.cells[0] in known:
                known[one.cells[0]] += self.feature_seconds(one) or 0.0
        return known


@dataclass(frozen=True, order=True)
class _Distance:
    """How far a record is from what is wanted; the smallest is nearest."""

    other_architecture: bool
    other_settings: bool
    other_method: bool

    @property
    def how(self) -> How:
        if self.other_architecture:
            return "protocol"
        return "architecture" if self.other_method or self.other_settings else "same"


@dataclass(frozen=True)
class _Wanted:
    """What records are compared with."""

    method: str
    architecture: str
    settings: str
    data: str

    @classmethod
    def of(cls, chosen: Chosen) -> _Wanted:
        weights, settings = chosen.method.weights(chosen.variant), dict(chosen.protocol.settings)
        size = settings.get("image_size") or weights.preprocess.size
        text = canonical_json([settings, size, chosen.spec.precision])
        data = DEMO if chosen.spec.data == DEMO else "real"
        return cls(chosen.method_id, weights.architecture_name, text, data)

    def distance(self, one: Earlier) -> _Distance:
        return _Distance(
            one.architecture != self.architecture, one.settings != self.settings, one.method != self.method
        )


def total(
    cells: Sequence[Cell],
    guesses: Sequence[Guess | None],
    slots: int,
    features: Sequence[float | None] = (),
    jobs: bool = False,
) -> Total:
    """Adds up what cells cost.

    Args:
        cells: that are to be run.
        guesses: of each.
        slots: processes that run at the same time; each process of a cell needs the memory of one.
        features: seconds of each set of features that has to be made; None where that is not known.
        jobs: a slot is a job of a cluster, which has room for all processes of a cell.
    """
    pairs = list(zip(cells, guesses, strict=True))
    seconds = [(cell, guess.seconds) for cell, guess in pairs if guess and guess.seconds is not None]
    peaks = [guess.memory for cell, guess in pairs if guess and guess.memory for _ in range(cell.resources.world)]
    disk = [guess.disk for guess in guesses if guess and guess.disk is not None]
    scratch = sorted((guess.scratch for guess in guesses if guess and guess.scratch), reverse=True)
    made = [time for time in features if time is not None]
    longest = max([time for _, time in seconds] + made, default=0.0)
    work = sum(time * (1 if jobs else min(cell.resources.world, slots)) for cell, time in seconds) + sum(made)
    return Total(
        seconds=max(work / slots, longest),
        no_seconds=len(cells) - len(seconds),
        no_feature_seconds=len(features) - len(made),
        memory=sum(sorted(peaks, reverse=True)[:slots]) if peaks else None,
        no_memory=sum(not (guess and guess.memory) for guess in guesses),
        disk=sum(disk) + sum(scratch[:slots]),
        no_disk=len(cells) - len(disk),
    )


def _size_of(folder: Path) -> int | None:
    """Returns the bytes of the files in a folder; None if it cannot be read."""
    try:
        return folder_size(folder)
    except OSError:
        return None


def available_memory() -> int | None:
    """Returns the bytes of memory that processes could get now; None if this system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, _, rest = line.partition(":")
            if name == "MemAvailable":
                return int(rest.split()[0]) << 10
    except (OSError, ValueError, IndexError):
        pass
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None
    return free if free > 0 else None
