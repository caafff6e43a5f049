"""``rsbench verify``: whether records say what their runs left."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from rsbench.cli.common import results_folder
from rsbench.errors import UserError


def verify(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN ...]", help="Ids of runs.", show_default="all")
    ] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check digests and compute every metric again from the stored predictions; exit code 1 if anything is wrong."""
    for run in runs or ():
        if Path(run).is_dir() and (len(Path(run).parts) > 1 or not (results / run).is_dir()):
            raise UserError(f"{run} is a folder, and runs are given by their ids.", f"Try --results {run}.")
    results_folder(results)
    from rsbench.records import Store
    from rsbench.reporting.verification import verify as verify_runs

    store = Store(results)
    found = list(verify_runs(store, runs or ()))
    broken = [] if runs else [{"folder": path.name, "reason": reason} for path, reason in store.broken]
    if as_json:
        content: dict[str, Any] = {"runs": [asdict(one) for one in found], "broken": broken}
        typer.echo(json.dumps(content, indent=2))
    else:
        for one in found:
            for fault in one.faults:
                typer.echo(f"{one.run}: {fault}")
            if one.unverified and not one.faults:
                names = ", ".join(one.unverified[:4]) + (", ..." if len(one.unverified) > 4 else "")
                typer.echo(f"{one.run}: nothing gives {names}")
        for folder in broken:
            typer.echo(f"{folder['folder']}: {folder['reason']}")
        bad = sum(bool(one.faults) for one in found)
        metrics = sum(len(one.agreeing) for one in found)
        left = f", {len(broken)} folders that cannot be trusted" if not runs else ""
        typer.echo(f"{len(found)} runs that are done, {metrics} metrics as recorded, {bad} runs with faults{left}.")
    if broken or any(one.faults for one in found):
        raise typer.Exit(1)
