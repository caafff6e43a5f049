"""Swin Transformer V2 on torchvision, as SatlasPretrain uses it. Source: Liu et al. 2022, arXiv 2111.09883."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2

from rsbench.backbones.checks import check_multiple, check_sides, four_stages
from rsbench.backbones.contract import Backbone


class SwinV2Backbone(Backbone):
    """A Swin Transformer V2 behind the contract; the parameters carry torchvision's names, ``features.*`` alone.

    The pyramid holds the raw output of each stage, the embedding is the mean over all positions of the last one.
    torchvision's final ``norm`` and ``head`` are not there: SatlasPretrain passes the four stages on as they are, so
    that its files hold these two untrained.

    Any input whose sides are multiples of 4 px is accepted. Where a stage is not whole windows, torchvision pads it
    with zeros that take part in the attention (at window 8, sides that are not multiples of 256 px; at 64 px, four of
    the 64 tokens of the last window are real). This is what the pretrained network computes at such sizes.

    Args:
        features: the stages of a torchvision Swin Transformer V2, merging between them.
        width: channels of the first stage.
    """

    size_multiple = 4

    def __init__(self, features: nn.Sequential, width: int) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"features": features})
        self.channels = (width, 2 * width, 4 * width, 8 * width)
        self.embedding_dim = 8 * width

    def forward(self, images: Tensor) -> list[Tensor]:
        check_sides(images, self.size_multiple, "the patches")
        x, pyramid = images, []
        for index, layer in enumerate(self.model["features"].children()):
            x = layer(x)
            if index % 2:  # a stage; before it stands the patch embedding or the merging
                pyramid.append(x.permute(0, 3, 1, 2).contiguous())
        return pyramid

    def embed(self, images: Tensor) -> Tensor:
        return self.forward(images)[-1].mean((2, 3))


def swin_v2_b(
    width: int = 128,
    depths: Sequence[int] = (2, 2, 18, 2),
    heads: Sequence[int] = (4, 8, 16, 32),
    window: int = 8,
    drop_path: float = 0.0,
) -> SwinV2Backbone:
    """Swin-V2-B: 86.9 M parameters, embedding 1024, window 8 (made for 256 px).

    Args:
        width: channels of the first stage; they double at each next one.
        depths: blocks per stage.
        heads: attention heads per stage.
        window: side of the attention window in tokens.
        drop_path: rate of stochastic depth of the last block.

    Raises:
        UserError: an argument is out of range.
    """
    depths, heads = four_stages(width, depths, heads)
    check_multiple("window", window, 2)  # torchvision shifts by half of it
    network = SwinTransformer(
        patch_size=[4, 4],
        embed_dim=width,
        depths=list(depths),
        num_heads=list(heads),
        window_size=[window, window],
        stochastic_depth_prob=drop_path,
        num_classes=1,
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
    )
    return SwinV2Backbone(network.features, width)
