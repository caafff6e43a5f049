"""Unlabelled images for pretraining: a folder, its order, and one augmented view with one mask per image.

Crop, flip, mask and order of an image depend on (seed, epoch, index) alone: not on workers, devices or where a
killed run was resumed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as TF

from rsbench.errors import UserError
from rsbench.pretraining.masks import random_mask
from rsbench.pretraining.options import Options

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")


@dataclass(frozen=True)
class ImageFolder:
    """The images under a folder, by sorted relative name.

    Args:
        root: the folder.
        names: relative names with ``/`` between.
    """

    root: Path
    names: tuple[str, ...]

    @classmethod
    def find(cls, root: Path, only: Sequence[str] | None = None) -> ImageFolder:
        """Lists the images under ``root``, of all folders below it too.

        Args:
            root: the folder.
            only: ends of the names to keep (``Forest/Forest_1.jpg``); each must be there once.

        Raises:
            UserError: no such folder, no images in it, or a name of ``only`` that is not there.
        """
        if not root.is_dir():
            raise UserError(f"The image folder {root} does not exist.", "Give a folder of images with --images.")
        names = sorted(
            path.relative_to(root).as_posix()
            for path in root.rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
        if only is not None:
            depth, wanted = (only[0].count("/") + 1 if only else 1), set(only)
            by_end: dict[str, str] = {}
            for name in names:
                end = "/".join(name.split("/")[-depth:])
                if end in by_end and end in wanted:
                    raise UserError(
                        f"{end} is there twice under {root}: {by_end[end]}, {name}.", "Give one copy's folder."
                    )
                by_end[end] = name
            missing = [name for name in only if name not in by_end]
            if missing:
                raise UserError(
                    f"{len(missing)} of {len(only)} images of the split are not under {root}, {missing[0]} first.",
                    "Give the folder of the complete dataset.",
                )
            names = sorted(by_end[name] for name in only)
        if not names:
            raise UserError(f"There are no images under {root}.", f"It reads {', '.join(SUFFIXES)}.")
        return cls(root, tuple(names))

    def __len__(self) -> int:
        return len(self.names)

    def fingerprint(self) -> str:
        """sha256 over the names and sizes in bytes of all images: cheap, also for millions."""
        digest = hashlib.sha256()
        for name in self.names:
            digest.update(f"{name}\0{(self.root / name).stat().st_size}\n".encode())
        return digest.hexdigest()

    def read(self, index: int) -> Tensor:
        """Returns image ``index`` as uint8 RGB (3, H, W).

        Raises:
            UserError: the file is truncated, no image, or has more than 8 bits per band.
        """
        path = self.root / self.names[index]
        try:
            with Image.open(path) as image:
                if image.mode.startswith(("I", "F")):
                    raise UserError(
                        f"{path} has more than 8 bits per band ({image.mode}).", "Convert the images to 8-bit RGB."
                    )
                pixels = np.array(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises on broken files
            raise UserError(
                f"{path} cannot be read as an image: {error}.",
                "Repair or delete it, or pass --skip-corrupt to leave such images out.",
            ) from error
        return torch.from_numpy(pixels).permute(2, 0, 1)


class Views(Dataset[dict[str, Any]]):
    """One random resized crop, flip and mask per image. Source: SimMIM's data_simmim.py, for its numbers.

    Args:
        images: the folder.
        options: of the run.
        skip_corrupt: give images that cannot be read back as ``{"corrupt": reason}`` instead of raising.
    """

    def __init__(self, images: ImageFolder, options: Options, skip_corrupt: bool = False) -> None:
        self.images = images
        self.options = options
        self.skip_corrupt = skip_corrupt

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        epoch, index = key
        options = self.options
        try:
            image = self.images.read(index)
        except UserError as error:
            if not self.skip_corrupt:
                raise
            return {"index": index, "corrupt": error.message}
        rng = np.random.default_rng([options.seed, epoch, index])
        top, left, height, width = random_crop(image.shape[1], image.shape[2], options, rng)
        size = [options.image_size, options.image_size]
        view = TF.resized_crop(image, top, left, height, width, size, antialias=True)
        if rng.random() < options.horizontal_flip:
            view = TF.horizontal_flip(view)
        if rng.random() < options.vertical_flip:
            view = TF.vertical_flip(view)
        item = {"index": index, "image": view, "mask": random_mask(options.mask_grid, options.mask_ratio, rng)}
        if not options.shared_mask:
            item["context_mask"] = random_mask(options.mask_grid, options.mask_ratio, rng)
        return item


def random_crop(height: int, width: int, options: Options, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Draws (top, left, height, width) of a crop in pixels, as torchvision's RandomResizedCrop does."""
    low, high = map(math.log, options.crop_ratio)
    for _ in range(10):
        area = height * width * rng.uniform(*options.crop_scale)
        ratio = math.exp(rng.uniform(low, high))
        h, w = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
        if 0 < h <= height and 0 < w <= width:
            return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
    h, w = height, width  # the largest centred crop within the ratios
    if w / h < options.crop_ratio[0]:
        h = round(w / options.crop_ratio[0])
    elif w / h > options.crop_ratio[1]:
        w = round(h * options.crop_ratio[1])
    return (height - h) // 2, (width - w) // 2, h, w


def collate(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Stacks views into a batch; images that could not be read are listed under ``corrupt``."""
    good = [item for item in items if "corrupt" not in item]
    batch: dict[str, Any] = {
        "index": [item["index"] for item in good],
        "corrupt": {item["index"]: item["corrupt"] for item in items if "corrupt" in item},
    }
    if good:
        batch["images"] = torch.stack([item["image"] for item in good])
        batch["masks"] = torch.from_numpy(np.stack([item["mask"] for item in good]))
        if "context_mask" in good[0]:
            batch["context_masks"] = torch.from_numpy(np.stack([item["context_mask"] for item in good]))
    return batch


@dataclass(frozen=True)
class Order:
    """Which images form which batch: a new permutation each epoch, the incomplete last batch left out.

    Args:
        count: images.
        options: of the run; ``batch_size`` counts all devices and accumulated batches.
        rank, world: of this process.
    """

    count: int
    options: Options
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.options.batch_size % (self.world * self.options.accumulate):
            raise UserError(
                f"batch_size {self.options.batch_size} cannot be divided among {self.world} devices and "
                f"{self.options.accumulate} accumulated batches.",
                "Choose a multiple with --set batch_size=N.",
            )
        if self.count < self.options.batch_size:
            raise UserError(
                f"There are {self.count} images, fewer than one batch of {self.options.batch_size}.",
                "Choose a smaller one with --set batch_size=N.",
            )

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps per epoch."""
        return self.count // self.options.batch_size

    def batches(self, epoch: int, first_step: int = 0) -> Iterator[list[tuple[int, int]]]:
        """Yields this process's batches of (epoch, index), ``accumulate`` of them per step, from ``first_step`` on."""
        order = np.random.default_rng([self.options.seed, epoch]).permutation(self.count)
        total = self.options.batch_size
        size = total // (self.world * self.options.accumulate)
        for step in range(first_step, self.steps_per_epoch):
            whole = order[step * total : (step + 1) * total].reshape(self.options.accumulate, self.world, size)
            for part in whole[:, self.rank]:
                yield [(epoch, int(index)) for index in part]


def loader(views: Views, order: Order, epoch: int, first_step: int, workers: int) -> DataLoader:
    """Returns the batches of an epoch, read by ``workers`` processes (0: by this one)."""
    return DataLoader(
        views,
        batch_sampler=list(order.batches(epoch, first_step)),
        collate_fn=collate,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
    )
