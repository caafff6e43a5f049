"""The digest of a network's weights: what it computes depends on it alone.

BLAKE3, because a digest is taken of every network that is loaded, and sha256 would take as long as loading it.
"""

from __future__ import annotations

import torch
from blake3 import blake3
from torch import Tensor, nn


def digest(module: nn.Module) -> str:
    """BLAKE3 over the names, types, shapes and bytes of the parameters and buffers of ``module``: 64 hex digits.

    No computation in evaluation mode reads ``num_batches_tracked``: files that differ in it alone are one.
    """
    result = blake3(max_threads=torch.get_num_threads())
    tensors: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name in sorted(tensors):
        if name.endswith("num_batches_tracked"):
            continue
        tensor = tensors[name].detach().cpu().contiguous()
        result.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        result.update(tensor.view(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return result.hexdigest()
