"""``rsbench status``: how a sweep goes, told from another shell or another machine that shares its folder."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench import __version__
from rsbench.cli.common import results_folder
from rsbench.errors import UserError, near_miss

if TYPE_CHECKING:
    from rsbench.sweeps.state import CellState, SweepState

SCHEMA_VERSION = 1  # of --json: it grows when a field changes its name, type or meaning
_LOOK = 0.5  # seconds between two looks of --watch
_PATIENCE = 5.0  # seconds that --watch waits for a sweep that nobody schedules: it may just have been started
_LISTED = 20  # cells of a kind that are listed
_KNOWN = 5  # sweeps up to which an error names all


def status(
    sweep: Annotated[str | None, typer.Argument(help="Name of a sweep; the last one by default.")] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    every: Annotated[bool, typer.Option("--all", help="List all sweeps, a line each.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="List every failed cell, however many there are.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show how it goes until it ends; Ctrl-C leaves it alone.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Tell how a sweep goes: its cells, how far they are, what failed, and how to go on."""
    if watch and (as_json or every):
        raise UserError(f"--watch does not go with {'--json' if as_json else '--all'}.", "Leave one of them out.")
    if every and sweep is not None:
        raise UserError(f"--all lists all sweeps, not {sweep}.", "Leave out the name or --all.")
    folders = _sweeps(results_folder(results))
    if every:
        _print_all(folders, as_json)
        return
    state = _read(_chosen(sweep, folders))
    if watch:
        _watch(state)
    typer.echo(json.dumps(_facts(state, cells=True), indent=1) if as_json else "\n".join(_lines(state, failed)))


def _sweeps(results: Path) -> list[Path]:
    from rsbench.sweeps.folder import SweepFolder

    folders = SweepFolder.all(results)
    if not folders:
        raise UserError(f"There is no sweep in {results}.", "Check --results, or start one with rsbench sweep.")
    return folders


def _chosen(name: str | None, folders: Sequence[Path]) -> Path:
    by_name = {folder.name: folder for folder in folders}
    if name is None:
        return folders[-1]
    if name not in by_name:
        hint = near_miss(name, by_name)
        if hint.startswith("Known") and len(by_name) > _KNOWN:
            hint = "rsbench status --all lists all that are there."
        raise UserError(f"There is no sweep {name!r} in {folders[0].parents[1]}.", hint)
    return by_name[name]


def _read(folder: Path) -> SweepState:
    from rsbench.sweeps.folder import SweepFolder
    from rsbench.sweeps.state import SweepState

    state = SweepState(SweepFolder.read(folder))
    state.refresh()
    return state


def _watch(state: SweepState) -> None:
    from rsbench.cli.sweep_progress import SweepDisplay

    began = time.monotonic()
    with SweepDisplay() as display:
        while True:
            state.refresh()
            display.update(state)
            if state.phase == "ended" or (state.phase == "stopped" and time.monotonic() - began > _PATIENCE):
                return
            time.sleep(_LOOK)


def _print_all(folders: Sequence[Path], as_json: bool) -> None:
    from rsbench.cli.sweep_text import counts_text, plain

    facts: list[dict[str, Any]] = []
    for folder in folders:
        try:
            state = _read(folder)
        except UserError as error:  # one that cannot be read does not hide the others
            facts.append({"sweep": folder.name, "error": error.message})
            line = f"unreadable  {plain(error.message)}"
        else:
            facts.append(_facts(state, cells=False))
            line = f"{state.phase:<10}  {plain(state.folder.title)}, {counts_text(state)}"
        if not as_json:
            typer.echo(f"{folder.name}  {line}")
    if as_json:
        typer.echo(json.dumps({"schema_version": SCHEMA_VERSION, "rsbench": __version__, "sweeps": facts}, indent=1))


def _lines(state: SweepState, every: bool) -> list[str]:
    from rsbench.cli.sweep_text import counts_text, eta_text, failure_lines, go_on_lines, plain, progress_text

    folder, now = state.folder, time.time()
    lines = [f"Sweep {folder.path.name}: {plain(folder.title)}, on {plain(folder.engine)}", _who(state)]
    lines.append(", ".join(part for part in (counts_text(state), eta_text(state)) if part))
    lines += [f"Warning: {plain(warning)}" for warning in state.warnings(now)]
    told = [
        "  ".join(part for part in (plain(one.cell.name), progress_text(one), *_times(state, one, now)) if part)
        for one in state.running()
    ]
    lines += _section("Running:" if state.phase == "running" else "Running when last heard of:", told)
    told = [f"{plain(one.cell.name)}  {plain(one.owner or 'nobody knows by whom')}" for one in state.of("elsewhere")]
    lines += _section("At work elsewhere:", told)
    told = [f"{plain(one.cell.name)}  job {plain(one.queued)}" for one in state.queued()]
    lines += _section("Queued on the cluster:", told)
    if failures := failure_lines(state, every):
        lines += ["Failed:", *(f"  {line}" for line in failures)]
    return [*lines, *(go_on_lines(state) if state.phase != "running" else ())]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    """The first of ``lines`` under a title; nothing if there are none."""
    more = [f"  ... and {len(lines) - _LISTED:,} more"] if len(lines) > _LISTED else []
    return [title, *(f"  {line}" for line in lines[:_LISTED]), *more] if lines else []


def _times(state: SweepState, one: CellState, now: float) -> list[str]:
    """How long a cell has been at work, and how long it will be; nothing if it may not be at work any more."""
    from rsbench.cli.sweep_text import clock
    from rsbench.sweeps.plans.words import duration

    if state.phase != "running":
        return []
    left = state.remaining(one, now)
    return [clock(one.elapsed(now)), *([] if left is None else [f"about {duration(left)} left"])]


def _who(state: SweepState) -> str:
    """Says who schedules a sweep, or that nobody does, and since when."""
    from rsbench.cli.sweep_text import plain

    folder, owner = state.folder, state.scheduler
    if owner is not None and state.phase == "running":
        host = owner.host.partition(" ")[0]  # what follows tells this start of the machine from others
        return (
            f"Running since {_when(folder.started)}, scheduled by process {owner.pid} of {owner.user} on {plain(host)}."
        )
    started = f"started {_when(folder.started)} by process {folder.pid} on {plain(folder.host)}"
    return f"{'Ended' if state.phase == 'ended' else 'Stopped before its end'}; {started}."


def _when(started: str) -> str:
    """The time of the start, as clocks here show it."""
    from rsbench.sweeps.latest import seconds

    found = seconds(started)
    return "?" if found is None else f"{datetime.fromtimestamp(found).astimezone():%Y-%m-%d %H:%M:%S %Z}"


def _facts(state: SweepState, cells: bool) -> dict[str, Any]:
    """Everything as plain JSON; texts are as they were told, which JSON escapes."""
    from rsbench.cli.sweep_text import go_on_command

    folder, owner, now = state.folder, state.scheduler, time.time()
    facts: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "rsbench": __version__,
        "sweep": folder.path.name,
        "folder": str(folder.path.absolute()),
        "phase": state.phase,
        "title": folder.title,
        "command": shlex.join(folder.argv),
        "go_on": go_on_command(folder),
        **{name: getattr(folder, name) for name in ("engine", "slots", "started")},
        "scheduler": None if owner is None else {"host": owner.host, "pid": owner.pid, "user": owner.user},
        "counts": state.counts,
        "seconds_left": state.eta(now),
        "warnings": state.warnings(now),
    }
    if cells:
        facts["cells"] = [_cell(state, one, now) for one in state.cells.values()]
    else:
        del facts["schema_version"], facts["rsbench"]
    return facts


def _cell(state: SweepState, one: CellState, now: float) -> dict[str, Any]:
    report, spec = one.progress, one.cell.spec
    progress = None if report is None else {"done": report.done, "total": report.total, "note": report.note}
    return {
        "key": one.cell.key,
        "name": one.cell.name,
        **{name: getattr(spec, name) for name in ("method", "task", "protocol")},
        "seed": one.cell.seed,
        "state": one.state,
        "since": None if one.since is None else datetime.fromtimestamp(one.since, UTC).isoformat(),
        **{name: getattr(one, name) for name in ("run", "reason", "seconds", "metric", "value", "owner", "job")},
        "queued": one.queued,
        "earlier": one.earlier,
        "log": None if one.log is None else str(one.log.absolute()),
        "progress": progress,
        "seconds_left": state.remaining(one, now) if one.state == "running" else None,
    }
