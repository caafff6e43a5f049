"""What cells will cost, as far as earlier records tell. What nobody has measured is unknown, and never zero.

A guess is what one earlier run took, as it was measured: nothing is scaled to other sizes, epochs or machines. It says
how near that run is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from rsbench.opening import DEMO
from rsbench.records import Record, Store, canonical_json
from rsbench.spec import Chosen, RunSpec
from rsbench.sweeps.cell import Cell

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
            else of the same task and protocol.
        other_settings: its settings, input size or precision differ.
        device: on which it was measured.
        seconds: of the evaluation, without the start of a process.
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
        memory: of the cells that run at the same time, at worst, bytes; None if nothing is known.
        no_memory: cells whose memory is not known.
        disk: of the folders of runs, and of checkpoints meanwhile, bytes.
        no_disk: cells of which this is not known.
    """

    seconds: float
    no_seconds: int
    memory: int | None
    no_memory: int
    disk: int
    no_disk: int


@dataclass
class Costs:
    """What the runs of a store cost.

    Args:
        records: of the runs; those that are not done are left out.
        store: where their folders are.
    """

    records: Iterable[Record]
    store: Store
    _alike: dict[tuple[str, str, str], list[_Measured]] = field(default_factory=dict, init=False)
    _ranked: dict[RunSpec, list[tuple[Any, _Measured]]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        records = list(self.records)
        for record in records:
            if record.status == "done":
                key = record.task, record.protocol, record.data
                self._alike.setdefault(key, []).append(_Measured(record))
        self._seen = {(one.method, one.task, one.protocol, one.seed) for one in records}
        self._size = cache(lambda run: folder_size(self.store.folders.path(run)))

    def seen(self, cell: Cell) -> bool:
        """Whether there is a record, of whatever outcome, that could be that of a cell."""
        return (cell.spec.method, cell.spec.task, cell.spec.protocol, cell.seed) in self._seen

    def guess(self, cell: Cell, chosen: Chosen) -> Guess | None:
        """Returns what a cell will cost by the nearest earlier record; None if there is none of its task and protocol.

        Of equally near ones that of the same seed is taken, else the newest. Scenes never stand for real images.

        Args:
            cell: of the sweep.
            chosen: the objects that its ``spec`` stands for.
        """
        ranked = self._ranked.get(cell.spec)
        if ranked is None:
            wanted = _Wanted.of(chosen)
            data = DEMO if cell.spec.data == DEMO else "real"
            found = self._alike.get((cell.spec.task, cell.spec.protocol, data), [])
            ranked = sorted(((wanted.distance(one), one) for one in found), key=lambda pair: pair[0])
            self._ranked[cell.spec] = ranked
        if not ranked:
            return None
        nearest = [one for distance, one in ranked if distance == ranked[0][0]]
        newest = max(nearest, key=lambda one: (one.record.seed == cell.seed, one.record.started))
        how, other_settings = ranked[0][0].how, ranked[0][0].other_settings
        record, cost = newest.record, newest.record.cost
        weights, trained = cost.get("parameters"), cost.get("parameters_trained")
        memory = cost.get("peak_memory_mib")
        return Guess(
            run=record.id,
            how=how,
            other_settings=other_settings,
            device=str(record.identity.get("device", "an unknown device")),
            seconds=record.timings.get("total"),
            memory=None if memory is None else int(memory * MIB),
            disk=self._size(record.id),
            scratch=None if weights is None else 4 * weights + 8 * (trained or 0),  # float32, two moments of AdamW
        )


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


class _Measured:
    """A record, with what it is compared by."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.architecture = record.weights.get("architecture")
        self.settings = canonical_json([record.settings, record.input_size, record.precision])


@dataclass(frozen=True)
class _Wanted:
    """What records are compared with."""

    method: str
    architecture: str
    settings: str

    @classmethod
    def of(cls, chosen: Chosen) -> _Wanted:
        weights, settings = chosen.method.weights(chosen.variant), dict(chosen.protocol.settings)
        size = settings.get("image_size") or weights.preprocess.size
        return cls(chosen.method_id, weights.architecture_name, canonical_json([settings, size, chosen.spec.precision]))

    def distance(self, one: _Measured) -> _Distance:
        return _Distance(
            one.architecture != self.architecture, one.settings != self.settings, one.record.method != self.method
        )


def total(cells: Sequence[Cell], guesses: Sequence[Guess | None], slots: int) -> Total:
    """Adds up what cells cost.

    Args:
        cells: that are to be run.
        guesses: of each.
        slots: processes that run at the same time; each process of a cell needs the memory of one.
    """
    pairs = list(zip(cells, guesses, strict=True))
    seconds = [(cell, guess.seconds) for cell, guess in pairs if guess and guess.seconds is not None]
    peaks = [guess.memory for cell, guess in pairs if guess and guess.memory for _ in range(cell.resources.world)]
    disk = [guess.disk for guess in guesses if guess and guess.disk is not None]
    scratch = sorted((guess.scratch for guess in guesses if guess and guess.scratch), reverse=True)
    longest = max((time for _, time in seconds), default=0.0)
    work = sum(time * min(cell.resources.world, slots) for cell, time in seconds)
    return Total(
        seconds=max(work / slots, longest),
        no_seconds=len(cells) - len(seconds),
        memory=sum(sorted(peaks, reverse=True)[:slots]) if peaks else None,
        no_memory=sum(not (guess and guess.memory) for guess in guesses),
        disk=sum(disk) + sum(scratch[:slots]),
        no_disk=len(cells) - len(disk),
    )


def feature_bytes(
    cells: Iterable[Cell], chosen: Mapping[RunSpec, Chosen], manifests: Sequence[Mapping[str, Any]]
) -> tuple[int, int]:
    """Returns the bytes of the features that are not in the cache yet, and how many sets of them nobody knows.

    Features are float32 (N, D) and made once for all protocols and, where weights are not drawn anew, for all seeds. N
    and D are those of earlier features: N of the same task and data, D of the same architecture.

    Args:
        cells: that are to be run.
        chosen: the objects that their specs stand for.
        manifests: of the features in the cache.
    """
    widths = {found["identity"].get("architecture"): found["shape"][1] for found in manifests}
    counts = {(found.get("task"), found.get("data")): found["shape"][0] for found in manifests}
    there = {_features_of(found) for found in manifests}
    known, unknown, seen = 0, 0, set()
    for cell in cells:
        spec, one = cell.spec, chosen[cell.spec]
        if one.task.kind != "classification" or one.protocol.solver == "finetune" or not spec.use_cache:
            continue
        weights = one.method.weights(one.variant)
        data = DEMO if spec.data == DEMO else "real"
        size = one.protocol.settings.get("image_size") or weights.preprocess.size
        key = (spec.method, spec.task, data, size, spec.precision)
        drawn = weights.source.kind == "random" and spec.checkpoint is None
        full = (
            *key,
            spec.checkpoint,
            repr(sorted(weights.kwargs.items())),
            repr(weights.preprocess),
            cell.seed * drawn,
        )
        if full in seen or (key in there and not drawn and not spec.changes and spec.checkpoint is None):
            continue
        seen.add(full)
        images, width = counts.get((spec.task, data)), widths.get(weights.architecture_name)
        if images is None or width is None:
            unknown += 1
        else:
            known += images * width * 4
    return known, unknown


def _features_of(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    identity = manifest["identity"]
    names = ("input_size", "precision")
    return (manifest.get("method"), manifest.get("task"), manifest.get("data"), *(identity.get(name) for name in names))


def folder_size(folder: Path) -> int | None:
    """Returns the bytes of the files in a folder; None if it cannot be read."""
    try:
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
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
