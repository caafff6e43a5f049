"""SatlasPretrain's ResNet-50 and Swin-V2-B, as allenai publishes them and as torchgeo hosts them.

torchgeo's copies are torchvision's networks with their heads. allenai's files have a prefix that tells single-image
from multi-image networks, and a feature pyramid and heads beside the backbone. What a multi-image network computes on
one image is what its backbone computes. The last LayerNorm and the head of Swin-V2 are in all files and never used.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models.swin_transformer import PatchMergingV2, SwinTransformer, SwinTransformerBlockV2

from upstream.containers import prefixed, save, state_dict
from upstream.randomise import numbers, randomised
from upstream.registry import Fake, fake
from upstream.resnets import fake_of, resnet
from upstream.swins import DEPTHS, HEADS, WIDTH

_SWIN_KWARGS = {"width": WIDTH, "depths": DEPTHS, "heads": HEADS, "window": 8}
_SWIN_SIZE = 256
_SINGLE, _MULTI = "backbone.", "backbone.backbone."


def swin_v2(seed: int) -> SwinTransformer:
    """Returns torchvision's Swin-V2, whose output is the mean over positions of the last stage as it is."""
    network = SwinTransformer(
        [4, 4],
        WIDTH,
        list(DEPTHS),
        list(HEADS),
        [8, 8],
        stochastic_depth_prob=0.0,
        block=SwinTransformerBlockV2,
        downsample_layer=PatchMergingV2,
    )
    network.norm, network.head = nn.Identity(), nn.Identity()
    return randomised(network, seed)


def _unused(generator: torch.Generator) -> dict[str, Tensor]:
    """What torchvision makes after the stages, and Satlas neither trains nor uses."""
    norm = {"norm.weight": 1 + numbers(generator, 8 * WIDTH), "norm.bias": numbers(generator, 8 * WIDTH)}
    return norm | {"head.weight": numbers(generator, 10, 8 * WIDTH), "head.bias": numbers(generator, 10)}


def _classifier(generator: torch.Generator) -> dict[str, Tensor]:
    return {"fc.weight": numbers(generator, 10, 2048), "fc.bias": numbers(generator, 10)}


def _decoders(generator: torch.Generator) -> dict[str, Tensor]:
    """The pyramid (torchvision's), the upsampling, and heads for segmentation and detection, all of them small."""
    shapes = {
        f"intermediates.0.fpn.{part}_blocks.{i}.0.weight": (4, 4, 1, 1) for part in ("inner", "layer") for i in range(4)
    }
    shapes |= {f"intermediates.0.fpn.{part}_blocks.{i}.0.bias": (4,) for part in ("inner", "layer") for i in range(4)}
    shapes |= {f"intermediates.1.layers.{i}.{j}.weight": (4, 4, 3, 3) for i in range(2) for j in (0, 2)}
    shapes |= {
        "heads.0.layers.0.0.weight": (4, 4, 3, 3),
        "heads.0.layers.1.bias": (4,),
        "heads.1.rpn.head.conv.0.0.weight": (4, 4, 3, 3),
        "heads.1.roi_heads.box_head.fc6.weight": (8, 4),
        "heads.2.extra.weight": (2, 4),
    }
    return {key: numbers(generator, *shape) for key, shape in shapes.items()}


def _resnet(file: Path, seed: int, prefix: str | None) -> Fake:
    network, generator = resnet(seed), torch.Generator().manual_seed(seed)
    unused = _classifier(generator)
    return _write(file, network, unused, None if prefix is None else f"{prefix}resnet.", generator)


def _swin(file: Path, seed: int, prefix: str | None) -> Fake:
    network, generator = swin_v2(seed), torch.Generator().manual_seed(seed)
    unused = _unused(generator)
    return _write(file, network, unused, None if prefix is None else f"{prefix}backbone.", generator)


def _write(
    file: Path, network: nn.Module, unused: dict[str, Tensor], prefix: str | None, generator: torch.Generator
) -> Fake:
    inside = {**network.state_dict(), **unused}
    if prefix is None:  # torchgeo's copy
        save(file, state_dict(inside))
        junk = tuple(unused)
    else:
        beside = _decoders(generator)
        save(file, state_dict({**prefixed(prefix, inside), **beside}), cuda=True, old=True)
        junk = (*prefixed(prefix, unused), *beside)
    if isinstance(network, SwinTransformer):
        return Fake(file, _SWIN_KWARGS, network, _SWIN_SIZE, junk)
    return fake_of(file, network, *junk)


@fake("satlas/resnet50", "sentinel2_resnet50_si_rgb-45fc6972.pth")
def _resnet_torchgeo(file: Path, seed: int) -> Fake:
    return _resnet(file, seed, None)


@fake("satlas/resnet50#si", "sentinel2_resnet50_si_rgb.pth")
def _resnet_single(file: Path, seed: int) -> Fake:
    return _resnet(file, seed, _SINGLE)


@fake("satlas/resnet50#mi", "sentinel2_resnet50_mi_rgb.pth")
def _resnet_multi(file: Path, seed: int) -> Fake:
    return _resnet(file, seed, _MULTI)


@fake("satlas/swin_b", "sentinel2_swinb_si_rgb-156a98d5.pth")
def _swin_torchgeo(file: Path, seed: int) -> Fake:
    return _swin(file, seed, None)


@fake("satlas/swin_b#si", "sentinel2_swinb_si_rgb.pth")
def _swin_single(file: Path, seed: int) -> Fake:
    return _swin(file, seed, _SINGLE)


@fake("satlas/swin_b#mi", "sentinel2_swinb_mi_rgb.pth")
def _swin_multi(file: Path, seed: int) -> Fake:
    return _swin(file, seed, _MULTI)
