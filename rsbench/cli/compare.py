"""``rsbench compare``: the difference of two runs on the same items."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.common import Plugins, registry
from rsbench.errors import UserError


def compare(
    run_a: Annotated[str, typer.Argument(help="Id of a run: the name of its folder.")],
    run_b: Annotated[str, typer.Argument(help="Id of the run to compare it with.")],
    metric: Annotated[
        str, typer.Option(metavar="PART/NAME", help="Such as val/AP; by default the one that ranks the task.")
    ] = "",
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plugin: Plugins = None,
) -> None:
    """Print how far two runs are apart, with a 95 % interval over items that are drawn in pairs."""
    if not results.is_dir():
        raise UserError(f"The results folder {results} does not exist.", "Check --results, or run something first.")
    from rsbench.records import Store
    from rsbench.reporting.comparison import compare as compare_runs

    store = Store(results)
    wanted = metric or registry(plugin).task(store.read(run_a).task).rank
    found = compare_runs(store, run_a, run_b, wanted)
    own, a, b = found.difference, found.a, found.b
    if as_json:
        shown = {"a": a.id, "b": b.id, "task": a.task, "metric": wanted, "value_a": a.metrics[wanted]}
        shown |= {"value_b": b.metrics[wanted], "difference": own.mean, "interval": [own.low, own.high]}
        shown |= {"level": own.level, "shown": own.shown, "notes": list(found.notes)}
        typer.echo(json.dumps(shown))
        return
    for letter, record in (("a", a), ("b", b)):
        typer.echo(f"{letter}: {record.title} | {record.protocol} | seed {record.seed} | {record.id}")
    typer.echo(f"{a.task} | {wanted}: {a.metrics[wanted]:.2f} - {b.metrics[wanted]:.2f} = {own.mean:+.2f}")
    verdict = "" if own.shown else ": no difference shown"
    typer.echo(f"{100 * own.level:.0f} % interval over items in pairs [{own.low:.2f}, {own.high:.2f}]{verdict}")
    for note in found.notes:
        typer.echo(f"note: {note}")
