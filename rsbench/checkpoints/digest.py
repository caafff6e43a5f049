"""The digest of a network's weights: what it computes depends on it alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Digest:
    """sha256 over the names, types, shapes and bytes of tensors, which are added in the order of their names."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, name: str, tensor: Tensor) -> None:
        """Adds one tensor; hashing lets other threads run."""
        tensor = tensor.detach().cpu().contiguous()
        self._sha256.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        self._sha256.update(tensor.view(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")

    def hexdigest(self) -> str:
        """The digest as 64 hex digits."""
        return self._sha256.hexdigest()


def digested(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yields what the digest of ``module`` covers, in its order: parameters and buffers without counts of batches.

    No computation in evaluation mode reads ``num_batches_tracked``; two files that differ in it alone are one.
    """
    tensors: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name in sorted(tensors):
        if not name.endswith("num_batches_tracked"):
            yield name, tensors[name]


def digest(module: nn.Module) -> str:
    """sha256 over the names, types, shapes and bytes of the parameters and buffers of ``module``."""
    result = Digest()
    for name, tensor in digested(module):
        result.add(name, tensor)
    return result.hexdigest()
