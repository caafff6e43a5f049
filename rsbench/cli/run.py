"""``rsbench run``: evaluate one method on one task."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench.cli.common import Changes, Plugins, folder_to_write, parse_changes, registry
from rsbench.errors import UserError
from rsbench.memory import keep_heap
from rsbench.request import WORK
from rsbench.settings import parse_seeds
from rsbench.spec import RunSpec, choose
from rsbench.task import Task

if TYPE_CHECKING:
    from rsbench.records import Record


def run(
    method: Annotated[str, typer.Option(help="METHOD or METHOD/VARIANT; see rsbench list methods.")],
    task: Annotated[str, typer.Option(help="See rsbench list tasks.")],
    data: Annotated[
        str | None, typer.Option(metavar="DIR|demo", help="Folder of the dataset, or demo for procedural scenes.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="Protocol of the task; its first by default.")] = "",
    changes: Changes = None,
    seeds: Annotated[str, typer.Option(help="Such as 0, 0-4 or 0,2,7.")] = "0",
    split: Annotated[str, typer.Option(help="Split of the task; its first by default.")] = "",
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of yours, in place of the method's.")
    ] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the terms of the method's weights, once and for later.")
    ] = False,
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images at once while embedding or predicting; not that of training.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch the dataset if it is not there.")] = False,
    pictures: Annotated[
        int, typer.Option(min=0, help="Draw image, truth and prediction of so many items (dense tasks).")
    ] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Dense tasks: train anew although a checkpoint is there.")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="Library of the detector, torchvision or detectron2; as --set engine=NAME.")
    ] = "",
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor write cached features.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each record as one line of JSON.")] = False,
    plugin: Plugins = None,
) -> None:
    """Evaluate a method on a task and write a record of each seed."""
    arguments = {key: _shown(value) for key, value in locals().items() if value not in (None, False, "")}
    settings = parse_changes([*(changes or ()), *([f"engine={engine}"] if engine else ())])
    spec = RunSpec(
        method=method,
        task=task,
        protocol=protocol,
        changes=settings,
        data=data,
        split=split,
        checkpoint=None if checkpoint is None else str(checkpoint),
        precision=precision,
        device=device,
        batch_size=batch_size,
        use_cache=not no_cache,
    )
    chosen = choose(spec, registry(plugin))
    seed_list = parse_seeds(seeds)
    if pictures and chosen.task.kind == "classification":
        raise UserError(
            f"{chosen.task.title} has one label per image: there is nothing to draw.", "Leave out --pictures."
        )

    keep_heap()
    store_folder = folder_to_write(results, "--results")
    from rsbench.cli.progress import EvaluationProgress
    from rsbench.devices import pick_device
    from rsbench.evaluation import run as evaluate
    from rsbench.opening import open_data
    from rsbench.records import Store

    opened = open_data(chosen.task, data, split, download)
    failed = 0
    with EvaluationProgress(f"{method} on {task}") as report:
        request = chosen.request(
            *opened,
            device=pick_device(device),
            accept_licence=accept_licence,
            work=store_folder / WORK,
            pictures=pictures,
            fresh=fresh,
            report=report,
        )
        command = shlex.join(["rsbench", *sys.argv[1:]])
        for record, folder in evaluate(request, seed_list, Store(store_folder), arguments, command):
            failed += record.status != "done"
            report.pause()
            if as_json:
                typer.echo(record.model_dump_json())
            else:
                _print(record, folder, chosen.task)
    if failed:
        raise typer.Exit(1)


def _shown(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _print(record: Record, folder: Path, task: Task) -> None:
    head = f"{record.title} | {task.title} | {record.protocol} | {record.input_size} px | seed {record.seed}"
    if record.status != "done":
        typer.echo(f"{head} | {record.status}: {record.reason}")
    else:
        cells = []
        for key in (f"{part}/{metric}" for part in task.report for metric in task.metrics):
            if key in record.metrics:
                low_high = record.intervals.get(key)
                interval = f" [{low_high[0]:.2f}, {low_high[1]:.2f}]" if low_high else ""
                cells.append(f"{key} {record.metrics[key]:.2f}{interval}")
        typer.echo(f"{head} | " + " | ".join(cells))
    for flag in record.flags:
        typer.echo(f"  note: {flag}")
    typer.echo(f"  record: {os.path.relpath(folder / 'record.json')}")
