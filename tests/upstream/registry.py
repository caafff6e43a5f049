"""What a fake checkpoint is, and all of them by name."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

Make = Callable[[Path, int], "Fake"]
FAKES: dict[str, Make] = {}


@dataclass(frozen=True)
class Fake:
    """A small checkpoint, and what upstream's network computes on exactly its weights.

    Attributes:
        file: the checkpoint, in its true container, under its true name.
        kwargs: arguments of rsbench's architecture that make it as small as this file.
        reference: takes normalised images (B, 3, H, W) and returns embeddings (B, D) as upstream's network does; a
            module without gradients, in evaluation mode, whose parameters and buffers are all that was randomised.
        size: side of the images in px.
        junk: all keys of the file, inside its container, that are to be dropped by name: heads, teachers, buffers that
            an architecture computes. All other keys hold exactly the numbers of ``reference``.
    """

    file: Path
    kwargs: Mapping[str, Any]
    reference: nn.Module
    size: int
    junk: tuple[str, ...]


def fake(key: str, name: str) -> Callable[[Make], Make]:
    """Registers a function that takes (file to write, seed of its numbers) for ``key``; its file is called ``name``."""

    def register(write: Make) -> Make:
        def make(folder: Path, seed: int) -> Fake:
            place = folder / key.replace("/", "-")
            place.mkdir(parents=True, exist_ok=True)
            weights = zlib.crc32(
                key.partition("#")[0].encode()
            )  # all files of one set of weights hold the same numbers
            return write(place / name, weights + seed)

        FAKES[key] = make
        return write

    return register
