"""Pictures of what a pretrained model fills in: the layout of the CtxMIM paper's Figures 2 and 5."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor
from torchvision.transforms.v2 import functional as TF

from rsbench.checkpoints.read import read_checkpoint
from rsbench.errors import UserError
from rsbench.pretraining.images import ImageFolder
from rsbench.pretraining.masks import enlarge, random_mask
from rsbench.pretraining.model import MaskedImageModel
from rsbench.pretraining.options import Options

GREY = 127  # of masked cells, as a digital number


def load_model(checkpoint: Path) -> MaskedImageModel:
    """Returns the whole model of a ``checkpoint.pt``: encoder, mask token and head.

    Raises:
        UserError: it is no checkpoint of a pretraining run; an encoder file alone has no head to draw with.
    """
    content = read_checkpoint(checkpoint)
    options = (content.get("identity") or {}).get("options") if isinstance(content.get("identity"), dict) else None
    if not isinstance(options, dict) or "module" not in content:
        raise UserError(
            f"{checkpoint} is not a checkpoint of rsbench pretrain: it has no head to reconstruct with.",
            "Give the checkpoint.pt of a pretraining run, not an encoder file.",
        )
    try:
        model = MaskedImageModel(Options.model_validate(options))
        model.load_state_dict(content["module"])
    except (ValidationError, RuntimeError) as error:
        raise UserError(
            f"{checkpoint} does not fit this version of rsbench: {str(error).splitlines()[0]}",
            "Use the version that wrote it; its provenance.json names it.",
        ) from error
    return model.eval()


def reconstruct(model: MaskedImageModel, images: Tensor, masks: Tensor) -> Tensor:
    """Returns images (B, 3, H, W), uint8, with the masked cells filled in by the model and the others untouched.

    Args:
        model: in evaluation mode.
        images: uint8 (B, 3, H, W).
        masks: cells (B, H / mask_patch, W / mask_patch), true where masked.
    """
    options = model.options
    with torch.inference_mode():
        x = model.normalise(images)
        predicted, _ = model.predict(x, masks, context=False)
        if options.patch_norm:  # the head predicts normalised cells: give them back their mean and spread
            side = options.mask_patch
            mean = torch.nn.functional.avg_pool2d(x, side)
            variance = (torch.nn.functional.avg_pool2d(x**2, side) - mean**2).clamp(min=0)
            up = torch.nn.functional.interpolate
            predicted = predicted * (up(variance, scale_factor=side) + 1e-6).sqrt() + up(mean, scale_factor=side)
        pixels = (predicted * model.std + model.mean).round().clamp(0, 255).to(torch.uint8)
    return torch.where(enlarge(masks, options.mask_patch).unsqueeze(1), pixels, images)


@dataclass(frozen=True, eq=False)
class Panels:
    """Pictures in rows and columns: a row per image; the original, then masked and reconstructed at each ratio.

    Args:
        pictures: uint8 (rows, columns, H, W, 3).
        titles: of the columns.
        names: of the rows.
        objective, variant: of the model.
    """

    pictures: NDArray[np.uint8]
    titles: tuple[str, ...]
    names: tuple[str, ...]
    objective: str
    variant: str


def panels(
    model: MaskedImageModel,
    images: ImageFolder,
    ratios: Sequence[float],
    count: int,
    image_size: int = 0,
    seed: int = 0,
) -> Panels:
    """Returns what a model reconstructs of some images.

    Args:
        model: from ``load_model``.
        images: ``count`` of them are drawn, evenly spaced in the folder's order.
        ratios: shares of masked cells, each between 0 and 1.
        count: rows.
        image_size: pixels; 0 is the size of the pretraining.
        seed: of the masks.

    Raises:
        UserError: a ratio, the size or the count is none.
    """
    bad = [ratio for ratio in ratios if not 0 < ratio < 1]
    if bad or not ratios:
        raise UserError(f"The mask ratio {bad[0] if bad else 'list'} is not between 0 and 1.", "Give shares, as 0.75.")
    options = model.options
    size = image_size or options.image_size
    if size % 32 or size % options.mask_patch:
        raise UserError(f"--image-size {size} is no multiple of {options.mask_patch} and 32.", "Give such a multiple.")
    if count < 1:
        raise UserError("--count must be at least 1.", "It is the number of images drawn.")
    chosen = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    whole = torch.stack([TF.resize(images.read(int(index)), [size, size], antialias=True) for index in chosen])
    grid = size // options.mask_patch
    columns = [whole]
    titles = ["original"]
    for ratio in ratios:
        rng = np.random.default_rng([seed, round(1000 * ratio)])
        masks = torch.from_numpy(np.stack([random_mask(grid, ratio, rng) for _ in chosen]))
        hidden = enlarge(masks, options.mask_patch).unsqueeze(1)
        columns += [whole.masked_fill(hidden, GREY), reconstruct(model, whole, masks)]
        cells = int(masks[0].sum())
        titles += [f"{ratio:.0%} masked\n({cells} of {grid * grid} cells)", "reconstructed"]
    pictures = torch.stack(columns, dim=1).permute(0, 1, 3, 4, 2).contiguous().numpy()
    names = tuple(images.names[index].rsplit("/", 1)[-1] for index in chosen)
    return Panels(pictures, tuple(titles), names, options.objective, options.variant)
