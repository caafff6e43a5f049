"""The command that makes a cell by itself, for its record."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from rsbench.spec import Chosen, RunSpec
from rsbench.sweeps.job import Surroundings

_OPTIONS = {name: f"--{name.replace('_', '-')}" for name in ("data", "split", "checkpoint", "batch_size")}
_USUAL = {"precision": "fp32", "device": "auto"}


def command_of(chosen: Chosen, seeds: Sequence[int], around: Surroundings) -> str:
    """Returns the command of `rsbench run` that makes these seeds; under torchrun it is the same."""
    spec = chosen.spec
    parts = ["rsbench", "run", "--method", chosen.method_id, "--task", spec.task, "--protocol", chosen.protocol.name]
    parts += ["--seeds", ",".join(map(str, seeds))]
    for key, text in sorted(spec.changes.items()):
        parts += ["--set", f"{key}={text}"]
    for name, option in _OPTIONS.items():
        if getattr(spec, name) not in (None, ""):
            parts += [option, str(getattr(spec, name))]
    for name, usual in _USUAL.items():
        if getattr(spec, name) != usual:
            parts += [f"--{name}", getattr(spec, name)]
    for plugin in around.plugins:
        parts += ["--plugin", plugin]
    parts += [] if spec.use_cache else ["--no-cache"]
    return shlex.join([*parts, "--results", around.results])


def given(chosen: Chosen, seeds: Sequence[int]) -> dict[str, Any]:
    """Returns the arguments of `rsbench run` as a record keeps them: what is not the usual."""
    usual = RunSpec(method="", task="").facts()
    facts = {key: value for key, value in chosen.spec.facts().items() if value != usual[key]}
    return {**facts, "method": chosen.method_id, "task": chosen.task.name, "seeds": ",".join(map(str, seeds))}
