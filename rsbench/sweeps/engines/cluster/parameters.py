"""What submitit is told of a job: by its executor for SLURM, or by the one for this machine."""

from __future__ import annotations

import math
import re
from typing import Any

from rsbench.errors import UserError
from rsbench.sweeps.cell import Resources
from rsbench.sweeps.job import Job

HOURS = 12.0
"""Of a job that does not say how many: submitit names a limit in any case. What reaches it is queued again."""
ARRAY = 1000
"""Jobs of one array; SLURM takes as many unless it is told otherwise (MaxArraySize)."""
_FOREVER = 24.0 * 365
_GPUS = ("gres", "gpus", "gpus-per-node", "gpus-per-task")
_FLAGS = ("exclusive",)  # among the options that a suite may give
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def for_slurm(job: Job, name: str, parallelism: int | None) -> dict[str, Any]:
    """Returns parameters of ``submitit.SlurmExecutor``.

    Args:
        job: that is submitted.
        name: of the job in SLURM.
        parallelism: jobs of an array that run at the same time; None leaves it to SLURM.

    Raises:
        UserError: an option cannot be one of sbatch.
    """
    wanted = job.resources
    options = _options(wanted)
    arguments = ["--kill-on-bad-exit=1"] if wanted.world > 1 else []
    if wanted.cpus:
        arguments.append(f"--cpus-per-task={wanted.cpus}")  # srun no longer takes it over from sbatch
    gpus = not options.keys().isdisjoint(_GPUS) or job.cells[0].spec.device == "cpu"
    parameters = {
        "job_name": name,
        "nodes": wanted.nodes,
        "ntasks_per_node": wanted.processes,
        "time": _minutes(wanted.hours or HOURS),
        "cpus_per_task": wanted.cpus,
        "mem": None if wanted.memory is None else _memory(wanted.memory),
        "gpus_per_node": None if gpus else wanted.processes,
        "srun_args": arguments or None,
        "array_parallelism": parallelism or ARRAY,
        "additional_parameters": {"requeue": True, **options},
    }
    # submitit would give its own wckey, which clusters that track them refuse; only None, said so, leaves it out
    return {key: value for key, value in parameters.items() if value is not None} | {"wckey": None}


def for_this_machine(job: Job) -> dict[str, Any]:
    """Returns parameters of ``submitit.LocalExecutor``.

    Raises:
        UserError: the job wants several nodes.
    """
    wanted = job.resources
    if wanted.nodes > 1:
        raise UserError("This machine is one node, and a job wants several.", "Use --engine slurm.")
    parameters = {"tasks_per_node": wanted.processes, "timeout_min": _minutes(wanted.hours or _FOREVER)}
    if job.cells[0].spec.device.startswith("cuda"):
        parameters["gpus_per_node"] = wanted.processes
    return parameters


def gpus_by_auto(job: Job) -> bool:
    """Whether SLURM is asked for GPUs although nobody named any: the device is ``auto``."""
    return job.cells[0].spec.device == "auto" and _options(job.resources).keys().isdisjoint(_GPUS)


def job_name(sweep: str) -> str:
    """Returns the name in SLURM of the jobs of a sweep; scancel takes it as it is."""
    return f"rsbench-{re.sub(r'[^A-Za-z0-9._-]+', '-', sweep)}"


def _options(wanted: Resources) -> dict[str, Any]:
    """Further options of sbatch; a value that could become a line of the script is refused."""
    found: dict[str, Any] = {}
    for name, value in wanted.slurm.items():
        text = str(value)
        if not text.isprintable() or not name.replace("-", "").replace("_", "").isalpha():
            raise UserError(f"slurm: {name}={text!r} is no option of sbatch.", "Give one line of text.")
        option = name.replace("_", "-")
        found[option] = _WORDS.get(text.lower(), value) if option in _FLAGS else value
    return {option: value for option, value in found.items() if value is not False}


def _minutes(hours: float) -> int:
    return max(1, math.ceil(60 * hours))


def _memory(gib: float) -> str:
    return f"{gib:.0f}GB" if gib == int(gib) else f"{math.ceil(1024 * gib)}MB"
