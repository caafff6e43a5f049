"""``rsbench score``: score a file of detections, whoever made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench.cli.common import Plugins, registry

if TYPE_CHECKING:
    from rsbench.detection.scoring import FileScores


def score(
    task: Annotated[str, typer.Option(help="Of detection or instance segmentation; see rsbench list tasks.")],
    detections: Annotated[Path, typer.Option(metavar="FILE", help="JSON list of results in the form of COCO.")],
    data: Annotated[
        str | None, typer.Option(metavar="DIR|demo", help="Folder of the dataset, or demo for procedural scenes.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part of the partition, such as train or val, or all.")] = "val",
    partition: Annotated[str, typer.Option(help="Partition of the task; its first by default.")] = "",
    max_dets: Annotated[
        int | None,
        typer.Option(
            min=1, help="Detections that count per image and class; by default as the task's protocol has it."
        ),
    ] = None,
    no_intervals: Annotated[bool, typer.Option("--no-intervals", help="Leave out the 95 % intervals.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    plugin: Plugins = None,
) -> None:
    """Score detections with the COCO figures: AP, AR and F1, over all classes and for each."""
    from rsbench.detection.scoring import kind_of, max_dets_of, score_file
    from rsbench.opening import open_data

    the_task = registry(plugin).task(task)
    kind = kind_of(the_task)
    dataset, split_list, origin = open_data(the_task, data, partition, False)
    count = max_dets or max_dets_of(the_task)
    found = score_file(dataset, split_list, split, detections, kind, count, not no_intervals)
    if as_json:
        typer.echo(json.dumps({"task": the_task.name, "data": origin, **found.as_dict()}))
    else:
        _print(found, the_task.title)


def _print(found: FileScores, title: str) -> None:
    from rsbench.detection.figures import MAIN, OF_CLASS
    from rsbench.metric_names import plain_classes

    typer.echo(
        f"{title} | {found.split} of {found.partition} | {found.images:,} images, {found.objects:,} objects, "
        f"{found.detections:,} detections | {found.compared} | maxDets {found.max_dets}"
    )
    for head in found.heads:
        typer.echo("")
        for name in MAIN:
            key = f"{found.split}/{head}{name}"
            if key in found.metrics:
                bounds = "  [{:6.2f}, {:6.2f}]".format(*found.intervals[key]) if key in found.intervals else ""
                typer.echo(f"{head + name:<8} {found.metrics[key]:6.2f}{bounds}")
    classes = plain_classes(found.classes)
    width = max(map(len, ["class", *classes]))
    for head in found.heads:
        typer.echo(f"\n{'class':<{width}}" + "".join(f" {head + name:>8}" for name in OF_CLASS))
        for name in classes:
            cells = (found.metrics.get(f"{found.split}/{head}{metric}_{name}") for metric in OF_CLASS)
            typer.echo(f"{name:<{width}}" + "".join(f" {'-' if v is None else f'{v:.2f}':>8}" for v in cells))
    drawn = f"; {100 * (found.level or 0):g} % intervals over images from {found.resamples:,} draws"
    typer.echo(f"\nIn percent{drawn * bool(found.intervals)}.")
    typer.echo(f"Area: {found.area_rule}.")
    for name, value in found.policies.items():
        typer.echo(f"{name}: {value}")
    if found.left_out:
        typer.echo(f"{found.left_out:,} detections of other images of the dataset were left out.")
    if not found.detections:
        typer.echo("note: there is no detection of these images")
    for note in found.notes:
        typer.echo(f"note: {note}")
