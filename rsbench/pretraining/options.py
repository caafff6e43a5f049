"""Every decision that the CtxMIM paper leaves open, as a named and recorded option.

The paper states the encoder (Swin-B), the head ("following SimMIM"), the three unit-weight l1 losses, the
stop-gradient, AdamW and 1e-5, and 200 epochs; nothing else. Defaults follow SimMIM's published code where the paper
follows SimMIM, and are explained in docs/pretraining.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from rsbench.errors import UserError, near_miss
from rsbench.weights import IMAGENET_MEAN, IMAGENET_STD

Objective = Literal["ctxmim", "simmim"]

# What the paper fixes, or what has one reading only; recorded beside the options.
FIXED = {
    "optimizer": "AdamW",
    "loss": "l1, unit weights",
    "context_input": "the unmasked image, no mask token",
    "branches": "one encoder and one head, shared",
    "head": "1x1 convolution and pixel shuffle",
    "schedule": "linear warm-up, then cosine, per step",
    "backward": "one, of the summed loss",
}

VARIANTS: Mapping[str, Mapping[str, int]] = {
    "nano": {"image_size": 128, "window": 4},
    "swin_b": {"image_size": 192, "window": 6},
}


class Options(BaseModel):
    """Options of a pretraining run; ``--set name=value`` sets each of them.

    Args:
        objective: ``ctxmim`` is all three losses; ``simmim`` is the first alone (the paper's "- C-E").
        variant: the encoder, a Swin Transformer of ``rsbench.backbones``.
        image_size: pixels, a multiple of 32.
        window: side of the attention window in tokens.
        drop_path: stochastic depth of the encoder.
        init_from: file with encoder weights to start from; from scratch if None.
        mask_ratio: share of the mask cells that is masked, rounded up (22 of 36 at 0.6).
        mask_patch: side of a mask cell in pixels.
        mask_token_at: the mask token replaces tokens after the patch ``embedding`` and its norm, or masked
            ``pixels`` are set to the mean colour before it.
        shared_mask: the context branch's own loss is taken on the same mask as the reconstructive one.
        feature_mask: also multiply the encoder's features by the mask before the head, as equations 1 and 2 do;
            without effect on a masked loss when cells are as large as the encoder's stride.
        pr_on, cc_on: pixels on which L_Pr and L_Cc are taken.
        stop_gradient: no gradient from L_Cc into the context branch.
        normaliser: losses are divided by masked ``pixels`` x channels, or by masked ``pixels`` alone.
        patch_norm: targets normalised within each mask cell.
        one_forward: both branches in one forward of the doubled batch.
        mean, std: of the input normalisation, on the 0-1 scale.
        crop_scale, crop_ratio: of the random resized crop.
        horizontal_flip, vertical_flip: probabilities.
        epochs: over the images.
        batch_size: images per optimiser step, over all devices and accumulated batches.
        accumulate: batches per optimiser step.
        learning_rate: base learning rate.
        lr_scaling: ``linear`` multiplies learning rates by batch_size / 512.
        warmup_epochs: linear warm-up.
        warmup_start, min_lr: first and last learning rate, as shares of the base one.
        betas, eps, weight_decay: of AdamW; no decay on biases, 1-D parameters and the mask token.
        decay_position_tables: weight decay on relative position tables, as SimMIM's code has it.
        clip: gradient norm; 0 is no clipping.
        seed: of initialisation, order, crops and masks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: Objective = "ctxmim"
    variant: str = "nano"
    image_size: int = Field(ge=32)
    window: int = Field(ge=2)
    drop_path: float = Field(0.0, ge=0, lt=1)
    init_from: str | None = None
    mask_ratio: float = Field(0.6, gt=0, lt=1)
    mask_patch: int = Field(32, ge=4)
    mask_token_at: Literal["embedding", "pixels"] = "embedding"
    shared_mask: bool = True
    feature_mask: bool = False
    pr_on: Literal["masked", "all"] = "masked"
    cc_on: Literal["masked", "all"] = "masked"
    stop_gradient: bool = True
    normaliser: Literal["pixels-channels", "pixels"] = "pixels-channels"
    patch_norm: bool = False
    one_forward: bool = True
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    crop_scale: tuple[float, float] = (0.67, 1.0)
    crop_ratio: tuple[float, float] = (3 / 4, 4 / 3)
    horizontal_flip: float = Field(0.5, ge=0, le=1)
    vertical_flip: float = Field(0.0, ge=0, le=1)
    epochs: int = Field(100, ge=1)
    batch_size: int = Field(512, ge=1)
    accumulate: int = Field(1, ge=1)
    learning_rate: float = Field(2e-4, gt=0)
    lr_scaling: Literal["linear", "none"] = "linear"
    warmup_epochs: float = Field(10, ge=0)
    warmup_start: float = Field(1 / 200, ge=0, le=1)
    min_lr: float = Field(1 / 20, ge=0, le=1)
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = Field(1e-8, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    decay_position_tables: bool = True
    clip: float = Field(5.0, ge=0)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _sizes_fit(self) -> Options:
        if self.variant not in VARIANTS:
            raise ValueError(f"variant: {self.variant!r} cannot be pretrained. {near_miss(self.variant, VARIANTS)}")
        if self.image_size % 32:
            raise ValueError(f"image_size: {self.image_size} is not a multiple of the encoder's stride 32")
        if self.mask_patch % 4 or self.image_size % self.mask_patch:
            raise ValueError(f"mask_patch: {self.mask_patch} is no multiple of 4 that divides {self.image_size}")
        if not 0 < self.crop_ratio[0] <= self.crop_ratio[1]:
            raise ValueError(f"crop_ratio: {self.crop_ratio} is not 0 < low <= high")
        if min(self.std) <= 0:
            raise ValueError(f"std: {self.std} is not positive")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas: {self.betas} are not both between 0 and 1")
        if not 0 < self.crop_scale[0] <= self.crop_scale[1] <= 1:
            raise ValueError(f"crop_scale: {self.crop_scale} is not 0 < low <= high <= 1")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs: {self.warmup_epochs:g} of {self.epochs} epochs never reach the full rate")
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size: {self.batch_size} is no multiple of accumulate {self.accumulate}")
        return self

    @property
    def mask_grid(self) -> int:
        """Mask cells along one side."""
        return self.image_size // self.mask_patch

    @property
    def masked_cells(self) -> int:
        """Masked cells per image: 22 of 36 at 192 px, 30 of 49 at 224 px, with the defaults."""
        return math.ceil(self.mask_grid**2 * self.mask_ratio)

    @property
    def peak_lr(self) -> float:
        """The learning rate after warm-up."""
        return self.learning_rate * (self.batch_size / 512 if self.lr_scaling == "linear" else 1.0)

    def lr(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of the optimiser step ``step``, counted from 0."""
        warmup = round(self.warmup_epochs * steps_per_epoch)
        total = self.epochs * steps_per_epoch
        if step < warmup:
            share = self.warmup_start + (1 - self.warmup_start) * step / warmup
        else:
            progress = (step - warmup) / max(total - warmup, 1)
            share = self.min_lr + (1 - self.min_lr) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        return self.peak_lr * share


PRESETS: Mapping[str, Mapping[str, Any]] = {
    # The paper's own words: 1e-5, taken as the effective rate, and 200 epochs.
    "paper": {"learning_rate": 1e-5, "lr_scaling": "none", "epochs": 200},
    # SimMIM's 100-epoch recipe, for training from scratch.
    "simmim-recipe": {"learning_rate": 2e-4, "lr_scaling": "linear", "epochs": 100},
}


def make_options(
    objective: str, variant: str, preset: str = "simmim-recipe", changes: Mapping[str, Any] | None = None
) -> Options:
    """Makes options from a preset and changes, which may be text as it came from the command line.

    >>> make_options("ctxmim", "swin_b", "paper").lr(1000, steps_per_epoch=100)
    1e-05
    >>> make_options("ctxmim", "swin_b", changes={"mask_ration": "0.75"})
    Traceback (most recent call last):
    rsbench.errors.UserError: There is no pretraining option 'mask_ration'.
      Did you mean 'mask_ratio'?

    Raises:
        UserError: an unknown preset, variant or option, or a value that an option cannot take.
    """
    if objective not in get_args(Objective):
        raise UserError(
            f"The method {objective!r} cannot be pretrained here.", near_miss(objective, get_args(Objective))
        )
    if preset not in PRESETS:
        raise UserError(f"There is no preset {preset!r}.", near_miss(preset, PRESETS))
    if variant not in VARIANTS:
        raise UserError(
            f"The variant {variant!r} cannot be pretrained: masked tokens need a Swin encoder.",
            near_miss(variant, VARIANTS),
        )
    values: dict[str, Any] = {**VARIANTS[variant], **PRESETS[preset]}
    for key, value in (changes or {}).items():
        if key not in Options.model_fields or key in ("objective", "variant"):
            raise UserError(f"There is no pretraining option {key!r}.", near_miss(key, Options.model_fields))
        if isinstance(value, str) and _is_tuple(key):
            value = [part for part in value.split(",") if part.strip()]
            needed = len(Options.model_fields[key].default)
            if len(value) != needed:
                raise UserError(f"Pretraining option {key} takes {needed} numbers, not {len(value)}.", "Write a,b.")
        values[key] = None if value == "none" and key == "init_from" else value
    try:
        return Options(objective=objective, variant=variant, **values)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"][:1]))
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(
            f"Pretraining option {where}: {message}." if where else f"Pretraining option {message}.",
            "See docs/pretraining.md for what each option takes.",
        ) from None


def _is_tuple(key: str) -> bool:
    """True if the option ``key`` takes several numbers with commas between."""
    return isinstance(Options.model_fields[key].default, tuple)
