"""``rsbench compare``: differences of runs on the same items, with intervals and tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench.cli.common import Plugins, registry, results_folder
from rsbench.errors import UserError

if TYPE_CHECKING:
    from rsbench.reporting.comparison import Comparison, Side


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN ...", help="Ids of two or more runs; seeds of one method with commas between."),
    ],
    metric: Annotated[
        str, typer.Option(metavar="PART/NAME", help="Such as val/AP; by default the one that ranks the task.")
    ] = "",
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per pair.")] = False,
    plugin: Plugins = None,
) -> None:
    """Print how far runs are apart on the same items, with a 95 % interval, a paired test, and a test over seeds.

    A difference is shown where it is larger than other items and, of several seeds, than other seeds explain. Of more
    than two runs every pair is compared, and the p-values are corrected for their number (Holm).
    """
    results_folder(results)
    sides = [[run.strip() for run in side.split(",")] for side in runs]
    if not all(run for side in sides for run in side):
        raise UserError("An id of a run is empty.", "Write the seeds of one method with commas between: A0,A1,A2.")
    if len(sides) < 2:
        raise UserError("One run cannot be compared.", "Give two or more: rsbench compare RUN RUN.")
    from rsbench.records import Store
    from rsbench.reporting.comparison import compare as compare_runs

    store = Store(results)
    wanted = metric or registry(plugin).task(store.read(sides[0][0]).task).rank
    found = compare_runs(store, sides, wanted)
    for number, one in enumerate(found):
        if as_json:
            typer.echo(json.dumps(as_dict(one)))
        else:
            typer.echo(("\n" if number else "") + "\n".join(lines(one, len(found))))


def as_dict(found: Comparison) -> dict[str, Any]:
    """Returns a comparison as plain JSON."""
    own, test = found.difference, found.test
    sides = {
        letter: [record.id for record in side.records] if len(side.records) > 1 else side.records[0].id
        for letter, side in (("a", found.a), ("b", found.b))
    }
    spread = {"sd_over_seeds_a": found.a.summary.sd, "sd_over_seeds_b": found.b.summary.sd}
    return {
        **sides, "task": found.a.records[0].task, "metric": found.metric, "value_a": found.a.summary.mean,
        "value_b": found.b.summary.mean, **spread, "difference": own.mean, "interval": [own.low, own.high],
        "level": own.level, "test": test.name, "p": test.p, "permutations": test.draws, "p_seeds": found.seeds,
        "p_holm": found.corrected,
        "shown": found.shown, "notes": list(found.notes),
    }  # fmt: skip


def lines(found: Comparison, pairs: int) -> list[str]:
    """Returns a comparison for readers.

    Args:
        found: of one pair.
        pairs: how many are looked at together.
    """
    own, a, b = found.difference, found.a, found.b
    shown = [f"{letter}: {_described(side)}" for letter, side in (("a", a), ("b", b))]
    means = f"{a.summary.mean:.2f} - {b.summary.mean:.2f} = {own.mean:+.2f}"
    shown.append(f"{a.records[0].task} | {found.metric}: {means}")
    shown.append(f"{100 * own.level:.0f} % interval over items in pairs [{own.low:.2f}, {own.high:.2f}]")
    draws = f", {found.test.draws} permutations" if found.test.draws else ""
    shown.append(f"{found.test.name} test on the same items{draws}: p = {found.test.p:.2g}")
    if found.seeds is not None:
        shown.append(f"Welch's test over seeds: p = {found.seeds:.2g}")
    corrected = f" (p = {found.corrected:.2g}, corrected for {pairs} pairs after Holm)" if pairs > 1 else ""
    between = "" if found.seeds is not None else " between these runs"
    shown.append((f"a difference{between} is shown" if found.shown else "no difference shown") + corrected)
    return [*shown, *(f"note: {note}" for note in found.notes)]


def _described(side: Side) -> str:
    first, seeds = side.records[0], ", ".join(str(record.seed) for record in side.records)
    several = len(side.records) > 1
    spread = f" (± {side.summary.sd:.2f} over seeds)" if several else ""
    ids = ", ".join(record.id for record in side.records)
    return f"{first.title} | {first.protocol} | seed{'s' if several else ''} {seeds}{spread} | {ids}"
