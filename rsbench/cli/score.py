"""``rsbench score``: score a file of detections, whoever made it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench.cli.common import Plugins, registry
from rsbench.cli.run import open_data
from rsbench.errors import UserError, near_miss

if TYPE_CHECKING:
    from rsbench.detection.metrics import Scores

_WHOLE = "all"
_MAX_DETS = 100  # of a task whose protocol does not say
_OF_CLASS = ("AP", "AP50", "AP75", "AR", "AR50", "AR75", "F1", "F1_75")


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
    the_task = registry(plugin).task(task)
    if the_task.kind not in ("detection", "instance-segmentation"):
        raise UserError(f"{the_task.title} is a task of {the_task.kind}.", "Score tasks of detection.")
    dataset, split_list, origin = open_data(the_task, data, partition, False)
    if split != _WHOLE and split not in dataset.parts:
        raise UserError(
            f"The partition {split_list.name!r} has no part {split!r}.", near_miss(split, [*dataset.parts, _WHOLE])
        )
    from rsbench.detection.coco_results import read_coco_results
    from rsbench.detection.metrics import AREA_RULE, bootstrap_scores, evaluate, resamples_for
    from rsbench.detection.truth import Kind, truth_of

    items = sorted({key for ids in dataset.parts.values() for key in ids} if split == _WHOLE else dataset.parts[split])
    truth = truth_of(dataset, items)
    kind: Kind = "segm" if the_task.kind == "instance-segmentation" else "bbox"
    read = read_coco_results(detections, truth, kind, set(dataset.image_ids.values()))
    count = max_dets or int(the_task.protocols[0].settings.get("max_dets") or _MAX_DETS)  # type: ignore[arg-type]
    found = {"": evaluate(truth, read.detections, kind, count)}
    if kind == "segm" and read.boxes and read.detections:
        found["box"] = evaluate(truth, read.detections, "bbox", count)
    metrics = {f"{split}/{head}{name}": 100 * v for head, one in found.items() for name, v in one.values.items()}
    intervals: dict[str, tuple[float, float]] = {}
    resamples = 0 if no_intervals else resamples_for(found[""].matches)
    for head, one in found.items() if resamples else ():
        bounds = bootstrap_scores(one.matches, resamples=resamples)
        intervals |= {f"{split}/{head}{name}": (100 * low, 100 * high) for name, (low, high) in bounds.items()}
    about = {
        "task": the_task.name,
        "data": origin,
        "partition": split_list.name,
        "partition_sha256": split_list.sha256,
        "split": split,
        "detections_file": str(detections),
        "compared": "masks" if kind == "segm" else "boxes",
        "images": len(items),
        "objects": int(sum((~one.crowd).sum() for one in truth.objects)),
        "crowd_regions": int(sum(one.crowd.sum() for one in truth.objects)),
        "detections": sum(map(len, read.detections.values())),
        "left_out": read.left_out,
        "max_dets": count,
        "area_rule": AREA_RULE,
        "policies": dict(dataset.policies),
        "notes": list(dataset.notes),
        "classes": list(dataset.classes),
        "resamples": resamples,
    }
    if as_json:
        typer.echo(json.dumps({**about, "metrics": metrics, "intervals": intervals}))
    else:
        _print(about, the_task.title, found, metrics, intervals)


def _print(
    about: dict[str, Any], title: str, found: dict[str, Scores], metrics: dict[str, float],
    intervals: dict[str, tuple[float, float]],
) -> None:  # fmt: skip
    from rsbench.detection.figures import MAIN
    from rsbench.metric_names import plain_classes

    split = about["split"]
    typer.echo(
        f"{title} | {split} of {about['partition']} | {about['images']:,} images, {about['objects']:,} objects, "
        f"{about['detections']:,} detections | {about['compared']} | maxDets {about['max_dets']}"
    )
    for head in found:
        typer.echo("")
        for name in MAIN:
            key = f"{split}/{head}{name}"
            if key in metrics:
                bounds = "  [{:6.2f}, {:6.2f}]".format(*intervals[key]) if key in intervals else ""
                typer.echo(f"{head + name:<8} {metrics[key]:6.2f}{bounds}")
    classes = plain_classes(about["classes"])
    width = max(map(len, ["class", *classes]))
    for head in found:
        typer.echo(f"\n{'class':<{width}}" + "".join(f" {head + name:>8}" for name in _OF_CLASS))
        for name in classes:
            cells = (metrics.get(f"{split}/{head}{metric}_{name}") for metric in _OF_CLASS)
            typer.echo(f"{name:<{width}}" + "".join(f" {'-' if v is None else f'{v:.2f}':>8}" for v in cells))
    typer.echo(f"\nIn percent; 95 % intervals over images from {about['resamples']:,} draws." * bool(intervals))
    typer.echo(f"Area: {about['area_rule']}.")
    for name, value in about["policies"].items():
        typer.echo(f"{name}: {value}")
    if about["left_out"]:
        typer.echo(f"{about['left_out']:,} detections of other images of the dataset were left out.")
    if not about["detections"]:
        typer.echo("note: there is no detection of these images")
    for note in about["notes"]:
        typer.echo(f"note: {note}")
