"""``rsbench cite``: BibTeX of all that a folder of runs used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.common import Plugins, registry, results_folder
from rsbench.errors import UserError


def cite(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file.")] = None,
    plugin: Plugins = None,
) -> None:
    """Print BibTeX of the methods, datasets, protocols and software that the runs of a folder used."""
    results_folder(results)
    from rsbench.records import Store
    from rsbench.reporting.citations import cite as cite_records

    store = Store(results)
    found = cite_records(store, registry(plugin))
    for path, reason in store.broken:
        typer.echo(f"warning: {path} was left out: {reason}", err=True)
    for text in found.missing:
        typer.echo(f"warning: not cited: {text}", err=True)
    if output is None:
        typer.echo(found.text, nl=False)
        return
    try:
        output.write_text(found.text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"The entries cannot be written to {output}: {error.strerror}.", "Check --output.") from None
    typer.echo(f"wrote {output}", err=True)
