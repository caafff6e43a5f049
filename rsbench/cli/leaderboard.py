"""``rsbench leaderboard``: one page over all runs, which opens from the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.common import Plugins, folder_to_write, registry, results_folder


def leaderboard(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Write index.html and records/ here.")],
    results: Annotated[
        Path | None, typer.Option("--results", metavar="DIR", help="Folder of runs.", show_default="results/runs")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Title of the page.")] = "rsbench leaderboard",
    tests: Annotated[
        bool, typer.Option("--tests/--no-tests", help="Test each row against the best one of its column.")
    ] = True,
    plugin: Plugins = None,
) -> None:
    """Write one page with all runs: it needs no server and asks no network for anything."""
    from rsbench.reporting.leaderboard import write_leaderboard

    if results is not None:
        results_folder(results)
    folder_to_write(out, "--out")
    written = write_leaderboard(results or Path("results/runs"), out, registry(plugin), title, tests)
    for warning in written.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"wrote {written.page} with {written.runs} run{'' if written.runs == 1 else 's'}", err=True)
