"""What is said of a sweep in plain words: its counts, its cells, its failures, and how to go on."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rsbench.records.characters import visible
from rsbench.sweeps.events import State
from rsbench.sweeps.latest import seconds
from rsbench.sweeps.plans.words import duration
from rsbench.sweeps.state import STATES, CellState, SweepState

FAILURES = 20
"""Failures that are listed one by one; more are grouped by their reason."""
_WIDTH = len("interrupted")
_ORDER: tuple[State, ...] = ("done", "reused", "failed", "interrupted", "running", "elsewhere", "waiting")
assert set(_ORDER) == set(STATES)


def plain(value: Any) -> str:
    r"""Returns a text that plugins or other machines chose as one line that can be printed.

    >>> print(plain("no\n  \x1b[31msuch band"))
    no \x1b[31msuch band
    """
    return " ".join(visible(str(value)).split())


def clock(passed: float) -> str:
    """Returns a duration as a clock shows it.

    >>> clock(59.7), clock(3671)
    ('0:59', '1:01:11')
    """
    minutes, second = divmod(int(max(0.0, passed)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def counts_text(state: SweepState) -> str:
    """Returns such as ``48 cells: 12 done, 1 failed, 35 waiting``."""
    counts = state.counts
    cells = f"{len(state.cells):,} cell{'s' * (len(state.cells) != 1)}"
    told = ", ".join(f"{counts[name]:,} {name}" for name in _ORDER if counts[name])
    return f"{cells}: {told}" if told else cells


def eta_text(state: SweepState) -> str:
    """Returns how long a running sweep will take; empty for one that does not run."""
    if state.phase != "running":
        return ""
    left = state.eta()
    return "time left not known yet" if left is None else f"about {duration(left)} left"


def cell_line(state: CellState) -> str:
    """Returns what became of a cell in one line: state, name, and the number, the reason or the owner."""
    word = "started" if state.state == "running" else state.state
    parts = [f"{word:<{_WIDTH}} {plain(state.cell.name)}"]
    if state.metric is not None and state.value is not None:
        parts.append(f"{plain(state.metric)} {state.value:.2f}")
    if state.seconds is not None:
        parts.append(duration(state.seconds))
    if state.owner is not None:
        parts.append(f"by {plain(state.owner)}")
    if state.reason is not None and state.state not in ("done", "reused", "running"):
        parts.append(plain(state.reason))
    if state.state == "failed" and state.log is not None:
        parts.append(f"log {place(state.log)}")
    return "  ".join(parts)


def progress_text(state: CellState) -> str:
    """Returns how far a running cell is, such as ``120/400 epoch 3/50, loss 0.21``; empty if it has not said."""
    report = state.progress
    if report is None:
        return ""
    return plain(f"{report.done}/{report.total} {report.note}")


def failure_lines(state: SweepState, every: bool = False) -> list[str]:
    """Returns the failed cells with their reasons and logs; those with the same reason together if there are many.

    Args:
        state: of the sweep.
        every: list each of them.
    """
    failed = state.of("failed")
    if every or len(failed) <= FAILURES:
        return [line for one in failed for line in _failure(plain(one.cell.name), [one])]
    groups: dict[str, list[CellState]] = {}
    for one in failed:
        groups.setdefault(plain(one.reason), []).append(one)
    lines = []
    largest = sorted(groups.values(), key=lambda group: -len(group))  # stable: the first that failed before others
    for group in largest[:FAILURES]:
        others = f" and {len(group) - 1:,} more" if len(group) > 1 else ""
        lines += _failure(plain(group[0].cell.name) + others, group)
    if left := sum(map(len, largest[FAILURES:])):
        lines.append(f"... and {left:,} more failed for other reasons")
    return lines


def _failure(who: str, group: Sequence[CellState]) -> list[str]:
    lines = [f"{who}: {plain(group[0].reason or 'no reason is known')}"]
    log = next((one.log for one in group if one.log is not None), None)
    return [*lines, f"  log {place(log)}"] if log is not None else lines


def go_on_lines(state: SweepState) -> list[str]:
    """Returns the commands that go on with a sweep that has come to a stop: the rest of it, and what failed."""
    command, lines = state.folder.go_on, []
    if state.ended < len(state.cells):
        lines.append(f"Go on: {visible(command)}")
    if state.of("failed"):
        retry = command if "--retry-failed" in command.split() else f"{command} --retry-failed"
        lines.append(f"Run again what failed: {visible(retry)}")
    return lines


def closing_summary(state: SweepState) -> str:
    """Returns what stands when a sweep has ended, or was stopped: counts, failures, how to go on, what to do next."""
    folder = state.folder
    began = seconds(folder.started)
    last = max((one.since for one in state.cells.values() if one.since is not None), default=None)
    took = f" in {duration(last - began)}" if began is not None and last is not None and last > began else ""
    lines = [f"{plain(folder.title)}{took}, {counts_text(state)}."]
    if failures := failure_lines(state):
        lines += ["Failed:", *(f"  {line}" for line in failures)]
        if state.counts["failed"] > FAILURES:
            lines.append(f"  All of them: rsbench status {folder.path.name} {_results(state)} --failed")
    if left := len(state.cells) - state.ended:
        lines.append(f"Nothing finished is lost; {left:,} of {len(state.cells):,} cells are left to do.")
    lines += go_on_lines(state)
    if state.of("done", "reused"):
        where = _results(state)
        lines.append(f"Next: rsbench table N {where} (N of 1 to 5), rsbench leaderboard --out leaderboard {where}")
    return "\n".join(lines)


def place(path: Path) -> str:
    """Returns a path as somebody in this folder would type it."""
    return plain(min(os.path.relpath(path), str(path.absolute()), key=len))


def _results(state: SweepState) -> str:
    return f"--results {shlex.quote(place(state.folder.path.parents[1]))}"
