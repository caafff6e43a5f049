"""A cell of the matrix: one run that a sweep wants, and what its process may use."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from rsbench.records import canonical_json
from rsbench.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a cell needs of a machine.

    Args:
        processes: on each node, that work on the cell together, as torchrun starts them; each takes a GPU where the
            device is one.
        nodes: of a cluster.
        cpus: of each process; None leaves it to the engine.
        memory: of each node in GiB; None leaves it to the cluster.
        hours: that a job may take on a cluster; None leaves it to the engine.
        slurm: further options of sbatch, by their long names (``partition``, ``account``).
    """

    processes: int = 1
    nodes: int = 1
    cpus: int | None = None
    memory: float | None = None
    hours: float | None = None
    slurm: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slurm", MappingProxyType(dict(self.slurm)))

    def __hash__(self) -> int:
        return hash((self.processes, self.nodes, self.cpus, self.memory, self.hours))

    @property
    def world(self) -> int:
        """Processes in all."""
        return self.processes * self.nodes

    def facts(self) -> dict[str, Any]:
        """All fields as plain JSON."""
        return {**vars(self), "slurm": dict(self.slurm)}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run that a sweep wants.

    Args:
        spec: what is asked; the method with its variant and the protocol by name.
        seed: of everything random.
        resources: what it needs.
        line: of the suite from which it comes; None where it comes from the command line.
    """

    spec: RunSpec
    seed: int
    resources: Resources = field(default_factory=Resources)
    line: int | None = None

    @property
    def name(self) -> str:
        """For people: method, task, protocol and seed; changed settings too."""
        spec = self.spec
        changes = "".join(f" {key}={value}" for key, value in sorted(spec.changes.items()))
        return f"{spec.method} {spec.task} {spec.protocol}{changes} seed {self.seed}"

    @cached_property
    def key(self) -> str:
        """12 hex digits that tell cells of a sweep apart; what is needed for a run is no part of them."""
        text = canonical_json({"spec": self.spec.facts(), "seed": self.seed, "processes": self.resources.world})
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def facts(self) -> dict[str, Any]:
        """All fields as plain JSON."""
        return {
            "spec": self.spec.facts(),
            "seed": self.seed,
            "resources": self.resources.facts(),
            "line": self.line,
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Cell:
        """The cell that ``facts`` were of."""
        return cls(
            spec=RunSpec(**facts["spec"]),
            seed=facts["seed"],
            resources=Resources(**facts["resources"]),
            line=facts["line"],
        )
