"""Frozen features: one pass of the backbone over all images of a dataset."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from rsbench.backbones import Backbone
from rsbench.backbones.inference import arithmetic, arrange
from rsbench.checkpoints.digest import digest
from rsbench.errors import RunError
from rsbench.preprocessing import Preprocessor


@dataclass(frozen=True)
class Extraction:
    """Features of N images.

    Attributes:
        features: float32 (N, D).
        seconds: that the pass took.
        images_per_second: of the pass.
    """

    features: np.ndarray
    seconds: float
    images_per_second: float


def batches(
    load: Callable[[Path], np.ndarray], paths: Sequence[Path], preprocessor: Preprocessor, size: int
) -> Iterator[Tensor]:
    """Yields preprocessed batches (B, 3, H, W) of ``size`` images, decoding the next one meanwhile."""

    def make(start: int) -> Tensor:
        return preprocessor([load(path) for path in paths[start : start + size]])

    with ThreadPoolExecutor(max_workers=1) as pool:
        starts = range(0, len(paths), size)
        pending = pool.submit(make, 0) if paths else None
        for start in starts:
            assert pending is not None
            ready = pending.result()
            following = start + size
            pending = pool.submit(make, following) if following < len(paths) else None
            yield ready


def usual_batch(size: int) -> int:
    """Images of ``size`` x ``size`` pixels at once, about a million pixels: enough work, and still in the caches."""
    return max(16, min(256, 2**20 // size**2))


def extract(
    backbone: Backbone,
    load: Callable[[Path], np.ndarray],
    paths: Sequence[Path],
    preprocessor: Preprocessor,
    *,
    precision: str = "fp32",
    device: str = "cpu",
    batch_size: int | None = None,
    report: Callable[[int], Any] = lambda done: None,
) -> Extraction:
    """Embeds images with a frozen backbone, and looks at what came out.

    In fp32 nothing is approximated: the network is arranged for inference (``rsbench.backbones.inference``), equal up
    to rounding, 2e-6 relative, and the arithmetic stays in fp32.

    Args:
        backbone: frozen; it is not changed.
        load: decodes a file to uint8 (H, W, 3).
        paths: of the N images.
        preprocessor: of the method.
        precision: ``fp32`` or ``bf16`` (autocast).
        device: where to compute.
        batch_size: images at once, ``usual_batch`` if None; does not change the result beyond rounding.
        report: called with the number of images done.

    Raises:
        RunError: features are not finite or do not depend on the image, or the backbone changed itself.
    """
    made = embed_all(
        backbone, load, paths, preprocessor, precision=precision, device=device, batch_size=batch_size, report=report
    )
    check_features(made.features)
    return made


def embed_all(
    backbone: Backbone,
    load: Callable[[Path], np.ndarray],
    paths: Sequence[Path],
    preprocessor: Preprocessor,
    *,
    precision: str,
    device: str,
    batch_size: int | None,
    report: Callable[[int], Any],
) -> Extraction:
    """Does what ``extract`` does, but for the look at the features: some images alone say little of them.

    Raises:
        RunError: the backbone changed itself.
    """
    network = arrange(backbone, device)
    before = digest(network)
    features = np.empty((len(paths), backbone.embedding_dim), dtype=np.float32)
    start = time.perf_counter()
    done = 0
    with arithmetic(precision, device):
        for images in batches(load, paths, preprocessor, batch_size or usual_batch(preprocessor.size)):
            embedding = network.embed(images.to(device, non_blocking=True)).float().cpu().numpy()
            if embedding.shape != (len(images), backbone.embedding_dim):
                raise RunError(
                    f"embed returned the shape {embedding.shape}, not ({len(images)}, {backbone.embedding_dim}).",
                    "It must return one row of embedding_dim numbers per image.",
                )
            features[done : done + len(embedding)] = embedding
            done += len(embedding)
            report(done)
    seconds = time.perf_counter() - start
    if digest(network) != before:
        raise RunError(
            "The frozen backbone changed a parameter or a buffer while it embedded images.",
            "Its embed must not write to itself: later images would meet another network than earlier ones.",
        )
    return Extraction(features, seconds, len(paths) / seconds)


def check_features(features: np.ndarray) -> None:
    """Raises RunError if features (N, D) are not finite or the same for all images."""
    if not np.isfinite(features).all():
        rows = np.flatnonzero(~np.isfinite(features).all(axis=1))
        raise RunError(
            f"{len(rows)} of {len(features)} embeddings are not finite, the first at image {rows[0]}.",
            "Use --precision fp32, and check the checkpoint and the normalisation.",
        )
    if len(features) > 1 and not (features != features[0]).any():
        raise RunError("All images have the same embedding.", "The backbone ignores its input: check the checkpoint.")
