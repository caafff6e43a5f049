"""The one contract of all backbones: a pyramid at strides 4, 8, 16, 32 and a pooled embedding."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)


class Backbone(nn.Module):
    """A network that turns images into a feature pyramid and into one vector per image.

    Dense heads and detectors see only ``forward``, ``channels`` and ``strides``; probing sees only ``embed``
    and ``embedding_dim``.

    Attributes:
        channels: channels of each map of the pyramid, finest first.
        strides: (4, 8, 16, 32) whatever the architecture.
        embedding_dim: length D of the embedding.
        size_multiple: sides of the images that ``embed`` takes are multiples of it, in pixels.
        frozen: True once ``freeze`` was called.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...] = STRIDES
    embedding_dim: int
    size_multiple: int = 1
    frozen: bool = False

    def forward(self, images: Tensor) -> list[Tensor]:
        """Returns the pyramid of ``images`` (B, 3, H, W): maps (B, channels[i], H / strides[i], W / strides[i])."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def embed(self, images: Tensor) -> Tensor:
        """Returns the embeddings (B, D) of ``images`` (B, 3, H, W)."""
        raise NotImplementedError(f"{type(self).__name__} has no embed")

    def freeze(self) -> Self:
        """Freezes the backbone: evaluation mode, no gradients, and buffers that never move again.

        A frozen backbone stays in evaluation mode when a parent module is set to training mode, so that
        BatchNorm statistics cannot drift (which happens with ``requires_grad_(False)`` alone).
        """
        self.requires_grad_(False)
        self.eval()
        self.frozen = True
        return self

    def train(self, mode: bool = True) -> Self:
        """Sets training mode, unless the backbone is frozen."""
        return super().train(mode and not self.frozen)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves or casts as ``nn.Module.to``; a memory format is given to the tensors of its own rank alone.

        torch refuses ``channels_last`` as soon as one parameter has five dimensions, as a Conv3d's weight has.
        """
        layout = kwargs.pop("memory_format", None)
        if args or kwargs:
            super().to(*args, **kwargs)
        if layout is not None:
            rank = 5 if layout == torch.channels_last_3d else 4
            for tensor in [*self.parameters(), *self.buffers()]:
                if tensor.dim() == rank:
                    tensor.data = tensor.data.to(memory_format=layout)
        return self

    @property
    def parameter_count(self) -> int:
        """Number of parameters."""
        return sum(parameter.numel() for parameter in self.parameters())
