"""What is said of a sweep in plain words: its counts, its cells, its failures, and how to go on."""

from __future__ import annotations

import os
import re
import shlex
import time
import tomllib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from rich.cells import cell_len, set_cell_size

from rsbench.opening import DEMO
from rsbench.records.characters import visible
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.events import State
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.latest import seconds
from rsbench.sweeps.plans.words import duration
from rsbench.sweeps.state import STATES, CellState, SweepState

FAILURES = 20
"""Failures that are listed one by one; more are grouped by their reason."""
_WIDTH = len("interrupted")
_ORDER: tuple[State, ...] = ("done", "reused", "failed", "interrupted", "running", "elsewhere", "waiting")
assert set(_ORDER) == set(STATES)
_SHORTEST = 9  # columns of a name that has lost its middle
_ITS_LOG = re.compile(r"; its log [^.]*| ?\(its log [^)]*\)")


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
    """Returns such as ``48 cells: 12 done, 1 failed, 35 waiting``; of those that wait, a cluster may have some."""
    counts: dict[str, int] = {str(name): count for name, count in state.counts.items()}
    counts["queued"] = len(state.queued())
    counts["waiting"] -= counts["queued"]
    cells = f"{len(state.cells):,} cell{'s' * (len(state.cells) != 1)}"
    told = ", ".join(f"{counts[name]:,} {name}" for name in (*_ORDER[:-1], "queued", _ORDER[-1]) if counts[name])
    return f"{cells}: {told}" if told else cells


def eta_text(state: SweepState) -> str:
    """Returns how long a running sweep will take; empty for one that does not run."""
    if state.phase != "running":
        return ""
    left = state.eta()
    return "time left not known yet" if left is None else f"about {duration(left)} left"


def cell_line(state: CellState, width: int | None = None) -> str:
    """Returns what became of a cell in one line: state, name, and the number, the reason or the owner.

    Args:
        state: of the cell.
        width: columns that there are; where they are few, the name loses its middle, so that seed and number remain.
    """
    word = "started" if state.state == "running" else state.state
    head, name = f"{word:<{_WIDTH}} ", plain(state.cell.name)
    parts = []
    if state.metric is not None and state.value is not None:
        parts.append(f"{plain(state.metric)} {state.value:.2f}")
    if width is not None and cell_len("  ".join([head + name, *parts])) > width:
        head = f"{word} "
        name, _, seed = name.rpartition(" seed ")
        end = "  ".join([f" seed {seed}", *parts])
        name = squeezed(name, max(_SHORTEST, width - cell_len(head + end) - 1)) + end
        if parts:
            return head + name
    parts = [head + name, *parts]
    if state.seconds is not None:
        parts.append(duration(state.seconds))
    if state.owner is not None:
        parts.append(f"by {plain(state.owner)}")
    if state.reason is not None and state.state not in ("done", "reused", "running"):
        parts.append("failed earlier: " * state.earlier + plain(reason(state)))
    if state.state == "failed" and state.log is not None and not state.earlier:
        parts.append(f"log {place(state.log)}")
    return "  ".join(parts)


def squeezed(text: str, width: int) -> str:
    """Returns a text that has lost its middle where it is wider than ``width`` columns.

    >>> squeezed("random/nano eurosat paper", 16)
    'random/... paper'
    """
    if cell_len(text) <= width:
        return text
    left = max(0, width - 3)
    end = set_cell_size(text[::-1], left // 2)[::-1]
    return f"{set_cell_size(text, left - left // 2)}...{end}"[: max(width, 0)]


def progress_text(state: CellState) -> str:
    """Returns how far a running cell is, such as ``120/400 epoch 3/50, loss 0.21``; empty if it has not said."""
    report = state.progress
    if report is None:
        return ""
    return plain(f"{report.done}/{report.total} {report.note}")


def failure_lines(state: SweepState, every: bool = False) -> list[str]:
    """Returns the failed cells with their reasons and logs; those with the same reason together.

    Args:
        state: of the sweep.
        every: list each of them.
    """
    failed = state.of("failed")
    if every:
        return [line for one in failed for line in _failure([one])]
    groups: dict[tuple[str, bool], list[CellState]] = {}
    for one in failed:
        groups.setdefault((plain(one.reason), one.earlier), []).append(one)
    lines = []
    largest = sorted(groups.values(), key=lambda group: -len(group))  # stable: the first that failed before others
    for group in largest[:FAILURES]:
        lines += _failure(group)
    if left := sum(map(len, largest[FAILURES:])):
        lines.append(f"... and {left:,} more failed for other reasons")
    return lines


def _failure(group: Sequence[CellState]) -> list[str]:
    first = group[0]
    others = f" and {len(group) - 1:,} more" if len(group) > 1 else ""
    earlier = "failed earlier: " if first.earlier else ""
    lines = [f"{plain(first.cell.name)}{others}: {earlier}{plain(reason(first) or 'no reason is known')}"]
    log = next((one.log for one in group if one.log is not None and not one.earlier), None)
    return [*lines, f"  log {place(log)}"] if log is not None else lines


def reason(one: CellState) -> str | None:
    """Returns the reason of a failure; one of an earlier sweep points to no log."""
    return _ITS_LOG.sub("", one.reason) if one.reason is not None and one.earlier else one.reason


def go_on_command(folder: SweepFolder, *more: str) -> str | None:
    """Returns the command that goes on with a sweep, as it can be given here; None where there is none to be trusted.

    The folder may come from anywhere: nothing is shown as a command that is none of ``rsbench sweep``.

    Args:
        folder: of the sweep.
        more: options that are added where they are not there yet.
    """
    argv = list(folder.argv)
    if argv[:2] != ["rsbench", "sweep"]:
        return None
    words = [f"{name}={shlex.quote(value)}" for name, value in folder.variables.items()]
    words.append(shlex.join([*argv, *(option for option in more if option not in argv)]))
    if folder.cwd is not None and not _is_here(folder.cwd):
        words.insert(0, f"cd {shlex.quote(folder.cwd)} &&")
    return visible(" ".join(words)).replace("\n", r"\n").replace("\t", r"\t")


def _is_here(folder: str) -> bool:
    try:
        return Path(folder).samefile(Path.cwd())
    except (OSError, ValueError):
        return False


def go_on_lines(state: SweepState) -> list[str]:
    """Returns the commands that go on with a sweep that has come to a stop: the rest of it, and what failed."""
    command, again = go_on_command(state.folder), go_on_command(state.folder, "--retry-failed")
    if command is None:
        return []
    lines = [f"Go on: {command}"] if state.ended < len(state.cells) else []
    return [*lines, f"Run again what failed: {again}"] if state.of("failed") else lines


def closing_summary(state: SweepState, now: float | None = None) -> str:
    """Returns what stands when a sweep has ended, or was stopped: counts, failures, how to go on, what to do next.

    Args:
        state: of the sweep.
        now: when it came to its end, in seconds of ``time.time``; None is the present.
    """
    folder = state.folder
    began, now = seconds(folder.started), time.time() if now is None else now
    worked = any(one.state != "reused" and not one.earlier for one in state.cells.values())
    took = f" in {duration(now - began)}" if began is not None and worked and now > began else ""
    lines = [f"{plain(folder.title)}{took}, {counts_text(state)}."]
    if failures := failure_lines(state):
        lines += ["Failed:", *(f"  {line}" for line in failures)]
        if sum(not line.startswith("  log ") for line in failures) < state.counts["failed"]:
            lines.append(f"  All of them: rsbench status {folder.path.name} {_results(state)} --failed")
    if left := len(state.cells) - state.ended:
        are = "is" if left == 1 else "are"
        of = f"{left:,} of {len(state.cells):,} cell{'s' * (len(state.cells) != 1)}"
        lines.append(f"Nothing finished is lost; {of} {are} left to do.")
    lines += go_on_lines(state)
    if done := state.of("done", "reused"):
        where = _results(state)
        tables = _tables(one.cell for one in done)
        table = f"rsbench table {tables} {where}" if tables.isdecimal() else f"rsbench table N {where} ({tables})"
        board = f"rsbench leaderboard --out leaderboard {where}"
        lines.append(f"Next: {table}, {board}" if tables else f"Next: {board}")
    return "\n".join(lines)


def _tables(cells: Iterable[Cell]) -> str:
    """Returns which tables of the paper have a column for any of the cells, such as ``N: 1, 2 or 5``; or nothing."""
    tasks = {cell.spec.task for cell in cells if cell.spec.data != DEMO}
    tables = tomllib.loads((resources.files("rsbench.configs") / "tables.toml").read_text(encoding="utf-8"))
    found = [
        number
        for number, table in tables.items()
        if number.isdecimal()
        and tasks.intersection(column["task"] for column in table["columns"] if column.get("published", True))
    ]
    if len(found) < 2:
        return "".join(found)
    return f"N: {', '.join(found[:-1])} or {found[-1]}"


def place(path: Path) -> str:
    """Returns a path as somebody in this folder would type it."""
    return plain(min(os.path.relpath(path), str(path.absolute()), key=len))


def _results(state: SweepState) -> str:
    return f"--results {shlex.quote(place(state.folder.path.parents[1]))}"
