"""``rsbench figure``: figures for papers, each as PDF and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench.cli.common import Plugins, registry, results_folder
from rsbench.cli.pretrain import Checkpoint, Count, Images, ImageSize, MaskSeed, Ratios, draw_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rsbench.records import Store

figure = typer.Typer(no_args_is_help=True, help="Draw figures for papers, each as PDF and PNG.")

Out = Annotated[
    Path, typer.Option("--out", metavar="FILE|DIR", help="Name of the PDF or PNG (both are written), or a folder.")
]
Results = Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")]
Width = Annotated[str, typer.Option(help="single or double: columns of the journal.")]


def _store(results: Path) -> Store:
    results_folder(results)
    from rsbench.records import Store

    return Store(results)


def _write(drawn: Figure, out: Path, stem: str) -> None:
    from rsbench.reporting.figures.style import files_of, save

    for file in save(drawn, files_of(out, stem)):
        typer.echo(file)


@figure.command("ranks")
def ranks(
    out: Out,
    protocol: Annotated[
        list[str] | None, typer.Option("--protocol", help="Only runs of this protocol; may be given again.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option("--task", help="Only these tasks, two at least; by default all.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Runs on demo scenes, not those on real data.")] = False,
    results: Results = Path("results/runs"),
    width: Width = "double",
    plugin: Plugins = None,
) -> None:
    """Draw mean ranks over tasks, and which methods are not shown to differ (critical difference)."""
    from rsbench.reporting.figures.ranks import draw_ranks, ranking_of
    from rsbench.reporting.figures.style import width_of

    store, found, inches = _store(results), registry(plugin), width_of(width)
    tasks = [found.task(name) for name in task or found.tasks.items]
    made = ranking_of(store, tasks, protocol or (), "demo" if demo else "real")
    for path, reason in store.broken:
        typer.echo(f"warning: {path} was left out: {reason}", err=True)
    for note in made.notes:
        typer.echo(note, err=True)
    _write(draw_ranks(made.ranking, inches, "demo scenes" if demo else "", made.columns), out, "ranks")


@figure.command("confusion")
def confusion(
    run: Annotated[str, typer.Argument(help="Id of a run of classification or segmentation.")],
    out: Out,
    part: Annotated[str, typer.Option(help="Part of the split; by default the only one, or val.")] = "",
    normalise: Annotated[bool, typer.Option("--normalise", help="Per cent of the true class, not counts.")] = False,
    results: Results = Path("results/runs"),
    width: Width = "",
    plugin: Plugins = None,
) -> None:
    """Draw the confusion matrix of a run."""
    from rsbench.reporting.figures.confusion import confusion_of, draw_confusion
    from rsbench.reporting.figures.runs import heading
    from rsbench.reporting.figures.style import width_of

    store, inches = _store(results), width_of(width) if width else 0.0
    task = registry(plugin).task(store.read(run).task)
    found = confusion_of(store, run, part, task.classes)
    drawn = draw_confusion(found, normalise, f"{heading(found.record, task.title)} ({found.part})", inches)
    _write(drawn, out, f"confusion-{run}")


@figure.command("precision-recall")
def precision_recall(
    runs: Annotated[list[str], typer.Argument(help="Ids of runs of detection on the same images.")],
    out: Out,
    part: Annotated[str, typer.Option(help="Part of the split.")] = "val",
    classes: Annotated[
        list[str] | None, typer.Option("--class", metavar="NAME", help="Of this class, not the mean; repeatable.")
    ] = None,
    iou: Annotated[float, typer.Option(help="Overlap from which a detection is right: 0.50, 0.55, ... 0.95.")] = 0.5,
    boxes: Annotated[bool, typer.Option("--boxes", help="The boxes of runs that scored masks.")] = False,
    results: Results = Path("results/runs"),
    width: Width = "single",
    plugin: Plugins = None,
) -> None:
    """Draw precision over recall, by the rule of COCO, of one class or as the mean over classes."""
    from rsbench.reporting.figures.precision_recall import draw_precision_recall, lines_of, overlapping
    from rsbench.reporting.figures.runs import heading, shared_heading
    from rsbench.reporting.figures.style import width_of

    inches = width_of(width)
    lines, records = lines_of(_store(results), runs, part, classes or (), iou, boxes)
    task = registry(plugin).task(records[0].task).title
    of_what = ", ".join(classes) if classes and len(records) > 1 else "" if classes else "mean over classes"
    above = heading(records[0], task) if len(records) == 1 else shared_heading(records, task)
    scored = "boxes" if boxes else ""  # the title of the task may say masks
    above += f" ({', '.join(filter(None, (scored, part, of_what)))})"
    drawn = draw_precision_recall(lines, iou, above, inches, overlapping(records, boxes))
    _write(drawn, out, "precision-recall")


@figure.command("learning-curves")
def learning_curves(
    sources: Annotated[list[str], typer.Argument(metavar="RUN|FOLDER...", help="Ids of runs, or pretrainings.")],
    out: Out,
    loss: Annotated[list[str] | None, typer.Option(help="A panel for each; by default what is minimised.")] = None,
    logarithmic: Annotated[bool, typer.Option("--log", help="Losses on a logarithmic scale.")] = False,
    results: Results = Path("results/runs"),
    width: Width = "single",
    plugin: Plugins = None,
) -> None:
    """Draw losses over epochs; seeds are averaged, in a band from the lowest to the highest."""
    from rsbench.records import Store
    from rsbench.reporting.figures.learning_curves import curves_of, draw_learning_curves, is_pretraining
    from rsbench.reporting.figures.style import width_of

    inches = width_of(width)
    ids = [source for source in sources if not is_pretraining(Path(source)) and not Path(source).is_dir()]
    store = Store(results_folder(results)) if ids or results.is_dir() else None
    titles = {name: task.title for name, task in registry(plugin).tasks.items.items()}
    found = curves_of(store, sources, tuple(dict.fromkeys(loss or ("loss",))), titles)
    _write(draw_learning_curves(found.curves, found.heading, logarithmic, inches), out, "learning-curves")


@figure.command("reconstruction")
def reconstruction(
    checkpoint: Checkpoint,
    images: Images,
    out: Out,
    count: Count = 4,
    ratios: Ratios = "0.70,0.75,0.80,0.85",
    image_size: ImageSize = 0,
    seed: MaskSeed = 0,
    width: Width = "double",
) -> None:
    """Draw what a pretrained model reconstructs (the paper's Figures 2 and 5)."""
    _write(draw_panels(checkpoint, images, ratios, count, image_size, seed, width), out, "reconstruction")
