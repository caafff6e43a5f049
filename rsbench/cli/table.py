"""``rsbench table``: a table of the paper, published and measured side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.common import check_text_output, print_or_write, results_folder


def table(
    number: Annotated[int, typer.Argument(help="Number of the table in the CtxMIM paper, 1 to 5.")],
    format: Annotated[str, typer.Option("--format", "-f", help="markdown, latex, csv, html or json.")] = "markdown",
    results: Annotated[
        Path | None, typer.Option("--results", help="Folder of runs.", show_default="results/runs")
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option("--protocol", help="Only runs of this protocol; may be given again.")
    ] = None,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="Percentage points up to which a published number is reproduced.")
    ] = 1.0,
    tests: Annotated[
        bool, typer.Option("--tests/--no-tests", help="Test each row against the best one of its column.")
    ] = True,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Print a table of the paper: the published numbers, and beside them what was measured here."""
    from rsbench.records import Store
    from rsbench.reporting.render import FORMATS, render
    from rsbench.reporting.table import build_table

    check_text_output(format, FORMATS, output, "The table")
    folder = Path("results/runs") if results is None else results_folder(results)
    built = build_table(number, Store(folder), protocol or (), tolerance, tests)
    for warning in built.warnings:
        typer.echo(f"warning: {warning}", err=True)
    print_or_write(render(built, format), output, "The table")
