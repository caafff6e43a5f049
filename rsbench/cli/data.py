"""``rsbench data prepare``: makes of a dataset as it is published what runs read, once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from rsbench.cli.common import Plugins, folder_to_write, registry
from rsbench.errors import UserError
from rsbench.paths import data_home

SUMMARY = "summary.txt"  # in the folder that was made

data = typer.Typer(help="Prepare datasets that are not read as they are published.", no_args_is_help=True)


@data.callback()
def _group() -> None:
    """Keeps ``prepare`` a command of its own: Typer would merge the only one of a group with the group."""


@data.command("prepare")
def prepare(
    task: Annotated[str, typer.Option(help="Whose dataset; see rsbench list tasks.")],
    folder: Annotated[Path | None, typer.Option("--data", metavar="DIR", help="Folder of the dataset.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the result goes; into the folder of the dataset by default."),
    ] = None,
    tile: Annotated[int | None, typer.Option(help="DOTA: side of the tiles in pixels; 800 by default.")] = None,
    stride: Annotated[int | None, typer.Option(help="DOTA: from one tile to the next in pixels; 640.")] = None,
    inside: Annotated[
        float | None, typer.Option(help="DOTA: share of an object's area in the tile from which it is kept; 0.7.")
    ] = None,
    cut: Annotated[
        str | None, typer.Option(help="DOTA: what becomes of objects that are cut off by more: drop, crowd or keep.")
    ] = None,
    difficult: Annotated[
        str | None, typer.Option(help="DOTA: what becomes of objects marked difficult: keep, drop or crowd.")
    ] = None,
    area: Annotated[str | None, typer.Option(help="DOTA: what makes an object small or large: polygon or box.")] = None,
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0 is one for each core.")] = 0,
    plugin: Plugins = None,
) -> None:
    """Prepare a dataset: cut the images of DOTA into tiles. What is done already is not done again."""
    the_task = registry(plugin).task(task)
    if the_task.prepare is None:
        raise UserError(
            f"{the_task.title} is read as it is published: there is nothing to prepare.",
            f"Go on with rsbench run --task {the_task.name} --data DIR.",
        )
    root = folder or data_home() / the_task.name
    if not root.is_dir():
        raise UserError(f"{the_task.title} is not at {root}.", "Pass --data DIR.")
    options = {"tile": tile, "stride": stride, "inside": inside, "cut": cut, "difficult": difficult, "area": area}
    settings: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if output is not None:
        folder_to_write(output, "--output")
    from rsbench.cli.progress import EvaluationProgress

    with EvaluationProgress(f"preparing {the_task.title}") as report:
        made = Path(the_task.prepare(root, output, settings, workers, report))
    if (made / SUMMARY).is_file():
        typer.echo((made / SUMMARY).read_text().rstrip())
    typer.echo(f"  {os.path.relpath(made)}")
