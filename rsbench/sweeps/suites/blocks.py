"""Blocks of a suite: every method of a block on every task by every protocol, as cells that can be run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rsbench.errors import UserError
from rsbench.opening import DEMO, place
from rsbench.plugins import Registry
from rsbench.sources import User
from rsbench.spec import Chosen, RunSpec, choose
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.suites.block import Block, Field, Named
from rsbench.sweeps.suites.mistakes import Mistakes, Place
from rsbench.sweeps.suites.possible import impossible
from rsbench.task import Protocol, Task

MOST_CELLS = 100_000


@dataclass
class Cells:
    """Gathers the cells of the blocks of a suite, and what is wrong with them.

    Args:
        registry: of methods and tasks.
        mistakes: all that is wrong is added.
        shipped: weights that only the user has may be missing: the cells are kept, and the plan says so.
    """

    registry: Registry
    mistakes: Mistakes
    shipped: bool = False
    cells: list[Cell] = field(default_factory=list)
    chosen: dict[RunSpec, Chosen] = field(default_factory=dict)
    _wanted: dict[tuple[Any, ...], dict[int, Place]] = field(default_factory=dict)
    _count: int = 0

    def add(self, fields: Mapping[str, Field], place: Place) -> None:
        """Adds the cells of a block.

        Args:
            fields: by their names, those for all blocks too.
            place: of the block.
        """
        block = Block(fields, place, self.registry, self.mistakes)
        self._count += len(block.methods) * len(block.columns) * len(block.seeds)
        if self._count > MOST_CELLS:
            self.mistakes.add(place, f"With these there are more than {MOST_CELLS:,} cells.", "Make several suites.")
            return
        for named in block.methods:
            self._check_source(block, named)
            for task, protocol in block.columns:
                self._row(block, named, task, protocol)

    def _check_source(self, block: Block, named: Named) -> None:
        source = named.method.weights(named.variant).source
        if isinstance(source, User) and not block.has_checkpoint(named) and not self.shipped:
            self.mistakes.add(
                named.place, f"{named.id} has no public weights.", f"{source.how} Then give the file as checkpoint."
            )

    def _row(self, block: Block, named: Named, task: Task, protocol: Protocol) -> None:
        spec, fine = block.spec(named, task, protocol)
        try:
            chosen = choose(spec, self.registry)
        except UserError as error:  # each value was looked at alone: it is their being together
            self.mistakes.add(block.place_of("set"), f"{named.id} on {task.name}: {error.message}", error.hint)
            return
        resources = block.resources[task.name]
        for name, reason in impossible(chosen, resources.world):
            about = f"{named.id} on {task.name}" if name == "image_size" else task.name  # the same for all methods
            self.mistakes.add(block.place_of(name, task.name), f"{about}: {reason.message}", reason.hint)
            fine = False
        if fine and self._new(chosen, block.seeds, named.place):
            self.chosen[spec] = chosen
            line = named.place if isinstance(named.place, int) else None
            self.cells += [Cell(spec=spec, seed=seed, resources=resources, line=line) for seed in block.seeds]

    def _new(self, chosen: Chosen, seeds: Sequence[int], here: Place) -> bool:
        """Whether none of the runs is wanted already; a mistake is added if one is."""
        spec, weights = chosen.spec, chosen.method.weights(chosen.variant)
        row = (
            spec.method, spec.task, spec.protocol, repr(sorted(chosen.protocol.settings.items())),
            repr(sorted(weights.kwargs.items())), repr(weights.preprocess), str(place(chosen.task, spec.data)),
            DEMO if spec.data == DEMO else chosen.task.split(spec.split).name,
            spec.checkpoint, spec.precision, spec.device,
        )  # fmt: skip
        wanted = self._wanted.setdefault(row, {})
        twice = [seed for seed in seeds if seed in wanted]
        if twice:
            numbers = ", ".join(map(str, twice[:5])) + ", ..." * (len(twice) > 5)
            first = wanted[twice[0]]
            where = f"line {first}" if isinstance(first, int) else first
            run = f"{spec.method} on {spec.task} by {spec.protocol}, seed{'s' * (len(twice) > 1)} {numbers}"
            self.mistakes.add(here, f"{run}, is wanted by {where} already.", "Take it out of one of them.")
        for seed in seeds:
            wanted.setdefault(seed, here)
        return not twice
