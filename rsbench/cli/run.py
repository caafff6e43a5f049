"""``rsbench run``: evaluate one method on one task."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench import __version__
from rsbench.cli.common import Changes, Plugins, configure, folder_to_write, parse_changes, registry
from rsbench.errors import UserError
from rsbench.memory import keep_heap
from rsbench.paths import cache_home, data_home
from rsbench.task import Task

if TYPE_CHECKING:
    from rsbench.records import Record

DEMO_SEED = 0
WORK = ".training"  # in the folder of all runs: checkpoints of those that are not finished


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
    found = registry(plugin)
    chosen, variant = found.method(method)
    the_task = found.task(task)
    settings = parse_changes([*(changes or ()), *([f"engine={engine}"] if engine else ())])
    chosen, parsed, differing = configure(chosen, variant, settings)
    own = the_task.protocol(protocol)
    changed_protocol = own.with_settings(parsed)
    changed = {key: changed_protocol.settings[key] for key in parsed}
    seed_list = parse_seeds(seeds)
    if pictures and the_task.kind == "classification":
        raise UserError(f"{the_task.title} has one label per image: there is nothing to draw.", "Leave out --pictures.")
    if checkpoint is not None and not checkpoint.is_file():
        what = "is a folder" if checkpoint.is_dir() else "does not exist"
        raise UserError(f"The checkpoint {checkpoint} {what}.", "Give the path of a file.")

    keep_heap()
    store_folder = folder_to_write(results, "--results")
    from rsbench.cli.progress import EvaluationProgress
    from rsbench.evaluation import run as evaluate
    from rsbench.records import Store
    from rsbench.request import Request

    dataset, split_list, kind = open_data(the_task, data, split, download)
    failed = 0
    with EvaluationProgress(f"{method} on {task}") as report:
        request = Request(
            method=chosen,
            variant=variant,
            task=the_task,
            protocol=changed_protocol,
            changed={key: value for key, value in changed.items() if value != own.settings[key]} | differing,
            dataset=dataset,
            split=split_list,
            data=kind,
            checkpoint=checkpoint,
            accept_licence=accept_licence,
            precision=precision,
            device=pick_device(device),
            batch_size=batch_size,
            use_cache=not no_cache,
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
                _print(record, folder, the_task)
    if failed:
        raise typer.Exit(1)


def open_data(task: Task, data: str | None, split: str, download: bool) -> tuple[Any, Any, str]:
    """Returns the dataset, its SplitList, and ``real`` or ``demo``."""
    from rsbench.datasets.splits import resolve_split

    if data == "demo":
        if split or download:
            raise UserError(
                "Demo scenes are drawn here and have a split of their own.",
                "Leave out --split (--partition of rsbench score) and --download.",
            )
        root = cache_home() / "demo" / __version__ / f"{task.name}-{DEMO_SEED}"
        if not root.exists():
            typer.echo(f"Drawing demo scenes in the layout of {task.title} ...", err=True)
        own = task.demo(root, DEMO_SEED)
        return task.open(root, own), own, "demo"
    chosen = task.split(split)
    root = Path(data) if data else data_home() / task.name
    if download:
        if task.download is None:
            raise UserError(f"{task.title} cannot be fetched by a program.", f"Get it from {task.url}.")
        task.download(root)  # returns at once if it is there; goes on where it broke off
    if not data and not root.exists():
        fetch = "; rsbench run --download fetches it" if task.download else ""
        hint = f"Pass --data DIR, or --data demo to try with procedural scenes{fetch}."
        raise UserError(f"{task.title} is not at {root}.", hint)
    resolved = resolve_split(chosen, root)
    return task.open(root, resolved), resolved, "real"


def parse_seeds(text: str) -> list[int]:
    """Reads ``0``, ``0-4`` or ``0,2,7``.

    >>> parse_seeds("0-2,7")
    [0, 1, 2, 7]
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match:
            raise UserError(f"--seeds {text} cannot be read.", "Write 0, 0-4 or 0,2,7.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"--seeds {part.strip()} runs backwards.", "Write the lower seed first.")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def pick_device(device: str) -> str:
    """Resolves ``auto`` and checks that the device is there."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # fp32 is what the record says
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"The device {device!r} cannot be used: {reason}", "Use cpu, cuda or auto.") from None
    return device


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
