"""The one contract of all backbones: a pyramid at strides 4, 8, 16, 32 and a pooled embedding."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

STRIDES = (4, 8, 16, 32)


class Backbone(nn.Module):
    """A network that turns images into a feature pyramid and into one vector per image.

    Dense heads and detectors see only ``forward`` or ``stages``, with their channels and strides; probing sees only
    ``embed`` and ``embedding_dim``.

    Attributes:
        channels: channels of each map of the pyramid, finest first.
        strides: (4, 8, 16, 32) whatever the architecture, unless ``dilate`` made a network finer.
        stage_strides: strides of the maps that ``stages`` returns; the pyramid's where the network has one itself.
        embedding_dim: length D of the embedding.
        size_multiple: sides of the images that ``embed`` takes are multiples of it, in pixels.
        frozen: True once ``freeze`` was called.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...] = STRIDES
    stage_strides: tuple[int, ...] = STRIDES
    embedding_dim: int
    size_multiple: int = 1
    frozen: bool = False

    def forward(self, images: Tensor) -> list[Tensor]:
        """Returns the pyramid of ``images`` (B, 3, H, W): maps (B, channels[i], H / strides[i], W / strides[i])."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def stages(self, images: Tensor) -> list[Tensor]:
        """Returns the same maps as ``forward`` at the strides at which the network computes them.

        A plain transformer computes all at the stride of its patches, and resamples them for the pyramid; a dilated
        network computes the last ones at a finer stride.

        Args:
            images: (B, 3, H, W).

        Returns:
            Maps (B, channels[i], H / stage_strides[i], W / stage_strides[i]).
        """
        return self(images)

    def dilate(self, stride: int) -> Self:
        """Computes no stage at a coarser stride than ``stride`` pixels, where the architecture can: see ResNet.

        Weights stay as they are. Other architectures are left alone: ``stage_strides`` says what came of it.
        """
        return self

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
