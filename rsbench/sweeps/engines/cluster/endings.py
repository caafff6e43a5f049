"""Why a job of a cluster ended that left no word of it."""

from __future__ import annotations

from pathlib import Path

from rsbench.sweeps.cell import Resources
from rsbench.sweeps.engines import Ended
from rsbench.sweeps.reasons import reason_of_exit

READABLE = (
    "OUT_OF_MEMORY", "TIMEOUT", "CANCELLED", "PREEMPTED", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "LAUNCH FAILED", "GONE",
)  # fmt: skip
"""States after which no word is to be expected."""
_BLAMELESS = ("PREEMPTED", "NODE_FAIL", "BOOT_FAIL")
_MOST = 300


def ending(number: int, state: str, wanted: Resources, log: Path, code: int | None = None) -> Ended:
    """Returns what became of a job.

    Args:
        number: of the job.
        state: as sacct names it, or ``GONE`` where SLURM knows nothing of it any more.
        wanted: what it asked for.
        log: standard error of its first task.
        code: of the task on this machine that died (negative: by that signal), where it is known.
    """
    memory = f"{wanted.memory:g} GiB" if wanted.memory else "the cluster gives"
    known = {
        "OUT_OF_MEMORY": f"SLURM ended the job: it used more memory than {memory}. Give it more (memory).",
        "TIMEOUT": "SLURM ended the job at its time limit, and it was not queued again. Give it more (hours).",
        "DEADLINE": "SLURM ended the job at its deadline.",
        "CANCELLED": "The job was cancelled by somebody, or by SLURM.",
        "PREEMPTED": "The job was preempted, and SLURM did not queue it again.",
        "NODE_FAIL": "The node on which the job ran failed.",
        "BOOT_FAIL": "The node on which the job should run did not start.",
        "GONE": "SLURM no longer knows the job, and it left no word.",
    }
    reason = known.get(state) or (reason_of_exit(code) if code else None)
    if reason is None:
        called = f"; SLURM calls it {state.lower().replace('_', ' ')}" if state.isupper() else ""
        reason = f"The process of the job ended without a word{called}."
    last = "" if state in _BLAMELESS else _last_line(log)
    if last:
        reason += f" Its last line: {last}"
    elif log.exists() and log.stat().st_size:
        reason += f" Its log is {log}."
    return Ended(number, reason, blameless=state in _BLAMELESS)


def _last_line(log: Path) -> str:
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "".join(mark for mark in lines[-1][:_MOST] if mark.isprintable()) if lines else ""
