"""``rsbench cite``: BibTeX of all that a folder of runs used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.common import Plugins, check_output, print_or_write, registry, results_folder

_WHAT = "The bibliography"


def cite(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file.")] = None,
    plugin: Plugins = None,
) -> None:
    """Print BibTeX of the methods, datasets, protocols and software that the runs of a folder used."""
    results_folder(results)
    check_output(output, _WHAT)
    from rsbench.records import Store
    from rsbench.reporting.citations import cite as cite_records

    store = Store(results)
    found = cite_records(store, registry(plugin))
    for path, reason in store.broken:
        typer.echo(f"warning: {path} was left out: {reason}", err=True)
    for text in found.missing:
        typer.echo(f"warning: not cited: {text}", err=True)
    print_or_write(found.text, output, _WHAT)
