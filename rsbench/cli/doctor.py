"""``rsbench doctor``: whether everything is in place, and what to do where it is not."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench import __version__
from rsbench.cli.common import Plugins, settings_of_process
from rsbench.request import WORK

if TYPE_CHECKING:
    from rsbench.doctor.line import Line

SCHEMA_VERSION = 1  # of --json: it grows when a field changes its name, type or meaning
_COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "failed": typer.colors.RED}
_WIDTH = len("warning")


def doctor(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with a folder for each task, or of one dataset.")
    ] = None,
    plugin: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check installation, devices, data, weights, caches, runs and disks; exit code 1 if something failed."""
    from rsbench.doctor.checks import Places, examine
    from rsbench.doctor.line import STATUSES

    lines = examine(Places(results, results / WORK, data, plugin or ()), _trace)
    found = list(lines if as_json else _printed(lines))
    tally = Counter(line.status for line in found)
    counts = {status: tally[status] for status in STATUSES}
    if as_json:
        everything = {
            "schema_version": SCHEMA_VERSION,
            "rsbench": __version__,
            "counts": counts,
            "lines": [asdict(line) for line in found],
        }
        typer.echo(json.dumps(everything, indent=2))
    else:
        typer.echo(", ".join(f"{number} {status}" for status, number in counts.items()))
    if counts["failed"]:
        raise typer.Exit(1)


def _printed(lines: Iterator[Line]) -> Iterator[Line]:
    """Prints each line when it is found, and passes it on."""
    terminal = sys.stdout.isatty()
    colour = terminal and "NO_COLOR" not in os.environ
    for line in lines:
        status = line.status.ljust(_WIDTH)
        if colour:
            status = typer.style(status, fg=_COLOURS.get(line.status))
        between = f"\n{' ' * _WIDTH}    " if terminal else " -> "  # a line in a file is a finding with its remedy
        told = f"{line.area}: {line.what}: {line.value}" + (f"{between}{line.remedy}" if line.remedy else "")
        typer.echo(f"{status}  {told if terminal else ' '.join(told.split())}")
        yield line


def _trace(error: Exception) -> None:
    if settings_of_process.debug:
        typer.echo("".join(traceback.format_exception(error)).rstrip(), err=True)
