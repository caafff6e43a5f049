"""``rsbench table``: a table of the paper, published and measured side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.errors import UserError


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
    from rsbench.reporting.render import render
    from rsbench.reporting.table import build_table

    if results is not None and not results.is_dir():
        raise UserError(f"The results folder {results} does not exist.", "Check --results, or run something first.")
    built = build_table(number, Store(results or Path("results/runs")), protocol or (), tolerance, tests)
    for warning in built.warnings:
        typer.echo(f"warning: {warning}", err=True)
    text = render(built, format)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"The table cannot be written to {output}: {error.strerror}.", "Check --output.") from None
    typer.echo(f"wrote {output}", err=True)
