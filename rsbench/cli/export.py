"""``rsbench export``: the store as one Parquet file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.common import results_folder


def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Parquet file to write.")],
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
) -> None:
    """Write all runs as one Parquet file: a row per run and metric."""
    results_folder(results)
    from rsbench.records import Store
    from rsbench.reporting.export import export as export_store

    store = Store(results)
    made = export_store(store, out)
    for path, reason in store.broken:
        typer.echo(f"warning: {path} was left out: {reason}", err=True)
    for text in made.left_out:
        typer.echo(f"warning: left out: {text}", err=True)
    table = made.table
    runs = len(set(table["id"].to_pylist()))
    counted = ((runs, "run"), (len(table), "row"))
    shown = ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in counted)
    typer.echo(f"{out}  ({shown})")
