"""``rsbench pretrain`` and ``rsbench reconstruct``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rsbench.cli.common import Changes, Plugins, folder_to_write, parse_changes, registry
from rsbench.errors import UserError
from rsbench.memory import keep_heap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Checkpoint = Annotated[Path, typer.Option(metavar="FILE", help="checkpoint.pt of a pretraining run.")]
Images = Annotated[Path, typer.Option(metavar="DIR", help="Folder of images.")]
Count = Annotated[int, typer.Option(help="Number of images, evenly spaced in the folder.")]
Ratios = Annotated[str, typer.Option(help="Mask ratios with commas between.")]
ImageSize = Annotated[int, typer.Option(help="Pixels; 0 is the size of the pretraining.")]
MaskSeed = Annotated[int, typer.Option(help="Of the masks.")]


def pretrain(
    method: Annotated[str, typer.Option(help="ctxmim or simmim.")],
    images: Annotated[Path, typer.Option(metavar="DIR", help="Folder of images; labels are not used.")],
    variant: Annotated[str, typer.Option(help="Encoder: nano or swin_b.")] = "nano",
    output: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the run.")] = None,
    only: Annotated[
        str | None, typer.Option(metavar="TASK:PART", help="Only the images of a task's part, as eurosat:train.")
    ] = None,
    preset: Annotated[str, typer.Option(help="paper or simmim-recipe.")] = "simmim-recipe",
    changes: Changes = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in the output folder.")] = False,
    skip_corrupt: Annotated[bool, typer.Option("--skip-corrupt", help="Leave out unreadable images.")] = False,
    precision: Annotated[str, typer.Option(help="fp32, or bf16 (mixed).")] = "bf16",
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[str, typer.Option(help="Devices per node, or auto.")] = "auto",
    nodes: Annotated[int, typer.Option(help="Number of nodes.")] = 1,
    workers: Annotated[int, typer.Option(help="Processes that read images.")] = 0,
    checkpoint_every: Annotated[int, typer.Option(help="Steps between checkpoints; 0 is once an epoch.")] = 0,
    plugin: Plugins = None,
) -> None:
    """Pretrain an encoder by masked image modelling on a folder of images."""
    from rsbench.pretraining.options import make_options

    keep_heap()
    options = make_options(method, variant, preset, parse_changes(changes))
    names, note = _part(only, plugin) if only else (None, "")
    folder = folder_to_write(output or Path("results") / "pretraining" / f"{method}-{variant}", "--output")

    from rsbench.cli.progress import PretrainingProgress
    from rsbench.pretraining.images import ImageFolder
    from rsbench.pretraining.run import ENCODER, Machine, pretrain

    machine = Machine(
        precision=precision,
        accelerator=accelerator,
        devices=devices,
        nodes=nodes,
        workers=workers,
    )
    listed = ImageFolder.find(images, names)
    steps = len(listed) // options.batch_size
    with PretrainingProgress(options.epochs, steps, options.batch_size) as report:
        provenance = pretrain(
            listed,
            options,
            folder,
            machine,
            resume=resume,
            skip_corrupt=skip_corrupt,
            checkpoint_every=checkpoint_every,
            data_note=note,
            report=report,
        )
    if not report.main:
        return
    for name, reason in provenance["corrupt"].items():
        typer.echo(f"Skipped {name}: {reason}", err=True)
    if provenance["corrupt"]:
        typer.echo(f"Skipped {len(provenance['corrupt'])} unreadable images in all.", err=True)
    last = provenance["losses_per_epoch"][-1]
    shown = ", ".join(f"{name} {last[name]:.4f}" for name in ("loss", "L_Re", "L_Pr", "L_Cc") if name in last)
    typer.echo(f"{folder / ENCODER}  ({shown})")


def _part(only: str, plugin: list[Path] | None) -> tuple[tuple[str, ...], str]:
    from rsbench.datasets.splits import read_split
    from rsbench.errors import near_miss

    name, _, part = only.partition(":")
    split = read_split(registry(plugin).task(name).split())
    if part not in split.parts:
        raise UserError(f"The split {split.name!r} of {name} has no part {part!r}.", near_miss(part, split.parts))
    return split.parts[part], f"{name}/{part} (split {split.name}, sha256 {split.sha256})"


def reconstruct(
    checkpoint: Checkpoint,
    images: Images,
    output: Annotated[Path, typer.Option(metavar="PNG", help="PNG or PDF to write.")] = Path("reconstruction.png"),
    count: Count = 4,
    ratios: Ratios = "0.70,0.75,0.80,0.85",
    image_size: ImageSize = 0,
    seed: MaskSeed = 0,
) -> None:
    """Draw what a pretrained model reconstructs (the paper's Figures 2 and 5)."""
    from rsbench.reporting.figures.style import save

    if output.suffix.lower() not in (".png", ".pdf"):
        raise UserError(f"--output {output} is neither a PNG nor a PDF.", "Give it such an ending.")
    drawn = draw_panels(checkpoint, images, ratios, count, image_size, seed)
    for file in save(drawn, {output.suffix.lower()[1:]: output}):
        typer.echo(file)


def draw_panels(
    checkpoint: Path, images: Path, ratios: str, count: int, image_size: int, seed: int, width: str = "double"
) -> Figure:
    """Draws the figure of ``rsbench reconstruct``, which is that of ``rsbench figure reconstruction``."""
    from rsbench.pretraining.images import ImageFolder
    from rsbench.pretraining.reconstruct import load_model, panels
    from rsbench.reporting.figures.reconstruction import draw_reconstruction
    from rsbench.reporting.figures.style import width_of

    inches = width_of(width)
    try:
        parsed = tuple(float(part) for part in ratios.split(","))
    except ValueError:
        raise UserError(f"--ratios {ratios} are not numbers.", "Write them like 0.7,0.8.") from None
    made = panels(load_model(checkpoint), ImageFolder.find(images), parsed, count, image_size, seed)
    return draw_reconstruction(made, inches)
