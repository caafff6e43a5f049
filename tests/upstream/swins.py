"""Swin-B as ImageNet (timm), SimMIM (Microsoft, Hugging Face) and GFM publish it; the reference is torchvision's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.swin_transformer import SwinTransformer

from upstream.containers import Vanished, adamw_state, config_node, prefixed, save
from upstream.randomise import numbers, randomised
from upstream.registry import Fake, fake

WIDTH, DEPTHS, HEADS = 16, (2, 1, 2, 1), (1, 2, 4, 8)


class Size(NamedTuple):
    """Input size in px and window in tokens."""

    image: int
    window: int

    @property
    def kwargs(self) -> dict[str, Any]:
        """Arguments of rsbench's architecture."""
        return {"width": WIDTH, "depths": DEPTHS, "heads": HEADS, "image_size": self.image, "window": self.window}


SIMMIM, SWIN = Size(192, 6), Size(224, 7)


def swin(size: Size, seed: int) -> SwinTransformer:
    """Returns torchvision's Swin, whose output is the mean over positions after the final LayerNorm."""
    network = SwinTransformer([4, 4], WIDTH, list(DEPTHS), list(HEADS), [size.window] * 2, stochastic_depth_prob=0.0)
    network.head = nn.Identity()
    return randomised(network, seed)


class Part(NamedTuple):
    """A tensor of a Swin, placed: ``kind`` is embed, block, merging or final."""

    kind: str
    stage: int
    block: int
    rest: str
    tensor: Tensor


def parts(network: SwinTransformer) -> list[Part]:
    """Takes torchvision's names apart: ``features`` holds the embedding, then stages and mergings in turn."""
    found = []
    for key, tensor in network.state_dict().items():
        match = re.match(r"features\.(\d+)\.(.*)", key)
        if match is None:
            found.append(Part("final", 3, 0, key.removeprefix("norm."), tensor))
        elif (index := int(match[1])) == 0:
            found.append(Part("embed", 0, 0, match[2], tensor))
        elif index % 2:
            block, _, rest = match[2].partition(".")
            found.append(Part("block", index // 2, int(block), rest, tensor))
        else:
            found.append(Part("merging", index // 2 - 1, 0, match[2], tensor))
    return found


def microsoft(network: SwinTransformer, size: Size) -> dict[str, Tensor]:
    """Microsoft's names: the merging belongs to the stage before it, and masks of shifted windows are stored."""
    named = {}
    for kind, stage, block, rest, tensor in parts(network):
        if kind == "embed":
            named["patch_embed." + {"0": "proj", "2": "norm"}[rest[0]] + rest[1:]] = tensor
        elif kind == "merging":
            named[f"layers.{stage}.downsample.{rest}"] = tensor
        elif kind == "final":
            named[f"norm.{rest}"] = tensor
        else:
            start = f"layers.{stage}.blocks.{block}."
            if rest.endswith("index"):
                tensor = tensor.view(size.window**2, size.window**2)
                if block % 2 and size.image // 4 // 2**stage > size.window:
                    named[f"{start}attn_mask"] = shift_mask(size.image // 4 // 2**stage, size.window)
            named[start + rest.replace("mlp.0", "mlp.fc1").replace("mlp.3", "mlp.fc2")] = tensor
    return named


def timm(network: SwinTransformer, size: Size) -> dict[str, Tensor]:
    """timm's names since 0.9: the merging belongs to the stage after it, and computed buffers are not stored."""
    named = {}
    for key, tensor in microsoft(network, size).items():
        if not key.endswith(("index", "attn_mask")):
            merging = re.match(r"layers\.(\d)\.downsample\.(.*)", key)
            named[f"layers.{int(merging[1]) + 1}.downsample.{merging[2]}" if merging else key] = tensor
    return named


def transformers(network: SwinTransformer, size: Size) -> dict[str, Tensor]:
    """Names of Hugging Face transformers: query, key and value apart."""
    inside = {
        "norm1": "layernorm_before",
        "norm2": "layernorm_after",
        "attn.proj": "attention.output.dense",
        "attn.relative_position_bias_table": "attention.self.relative_position_bias_table",
        "attn.relative_position_index": "attention.self.relative_position_index",
        "mlp.0": "intermediate.dense",
        "mlp.3": "output.dense",
    }
    named = {}
    for kind, stage, block, rest, tensor in parts(network):
        if kind == "embed":
            named["embeddings." + {"0": "patch_embeddings.projection", "2": "norm"}[rest[0]] + rest[1:]] = tensor
        elif kind == "merging":
            named[f"encoder.layers.{stage}.downsample.{rest}"] = tensor
        elif kind == "final":
            named[f"layernorm.{rest}"] = tensor
        elif rest.startswith("attn.qkv."):
            for name, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                start = f"encoder.layers.{stage}.blocks.{block}.attention.self.{name}."
                named[start + rest.removeprefix("attn.qkv.")] = part.contiguous()
        else:
            old = next(old for old in inside if rest.startswith(old))
            shape = (size.window**2, -1) if rest.endswith("index") else tensor.shape
            named[f"encoder.layers.{stage}.blocks.{block}.{rest.replace(old, inside[old])}"] = tensor.view(shape)
    return named


def shift_mask(side: int, window: int) -> Tensor:
    """Returns Microsoft's attention mask of a map of ``side`` tokens (windows, window², window²): 0 or -100."""
    edges = torch.tensor([side - window, side - window // 2])
    band = torch.bucketize(torch.arange(side), edges, right=True)  # 0, 1 or 2: which strip a row or column is in
    region = (3 * band[:, None] + band).unfold(0, window, window).unfold(1, window, window).reshape(-1, window**2)
    return torch.where(region[:, None] == region[:, :, None], 0.0, -100.0)


@fake("imagenet/swin_b", "model.safetensors")
def _imagenet(file: Path, seed: int) -> Fake:
    network, generator = swin(SWIN, seed), torch.Generator().manual_seed(seed)
    head = {"head.fc.weight": numbers(generator, 10, 8 * WIDTH), "head.fc.bias": numbers(generator, 10)}
    save_file({**timm(network, SWIN), **head}, file, {"format": "pt"})
    return Fake(file, SWIN.kwargs, network, SWIN.image, tuple(head))


@fake("simmim/swin_b", "model.safetensors")
def _simmim(file: Path, seed: int) -> Fake:
    network, generator = swin(SIMMIM, seed), torch.Generator().manual_seed(seed)
    junk = {"swin.embeddings.mask_token": numbers(generator, 1, 1, WIDTH), **_decoder(generator)}
    swin_keys = prefixed("swin.", transformers(network, SIMMIM))
    save_file({**swin_keys, **junk}, file, {"format": "pt"})
    return Fake(file, SIMMIM.kwargs, network, SIMMIM.image, (*junk, *computed(swin_keys)))


@fake("simmim/swin_b_800ep", "simmim_pretrain__swin_base__img192_window6__800ep.pth")
def _simmim_800(file: Path, seed: int) -> Fake:
    network, generator = swin(SIMMIM, seed), torch.Generator().manual_seed(seed)
    junk = {"encoder.mask_token": numbers(generator, 1, 1, WIDTH), **_decoder(generator)}
    encoder = prefixed("encoder.", microsoft(network, SIMMIM))
    _save(file, {**encoder, **junk}, generator)
    return Fake(file, SIMMIM.kwargs, network, SIMMIM.image, (*junk, *computed(encoder)))


@fake("gfm/swin_b", "gfm.pth")
def _gfm(file: Path, seed: int) -> Fake:
    network, generator = swin(SIMMIM, seed), torch.Generator().manual_seed(seed)
    junk = {
        "encoder.mask_token": numbers(generator, 1, 1, WIDTH),
        **prefixed("teacher.", microsoft(swin(SWIN, seed + 1), SWIN)),  # ImageNet-22k, window 7 at 224 px
        **_decoder(generator),
        **prefixed("projector.", {"weight": numbers(generator, 8, 8), "bias": numbers(generator, 8)}),
    }
    encoder = prefixed("encoder.", microsoft(network, SIMMIM))
    _save(file, {**encoder, **junk}, generator, ALPHA=1.0)
    return Fake(file, SIMMIM.kwargs, network, SIMMIM.image, (*junk, *computed(encoder)))


def computed(keys: Iterable[str]) -> list[str]:
    """Returns those ``keys`` whose tensors follow from the architecture."""
    return [key for key in keys if key.endswith(("relative_position_index", "attn_mask"))]


def _decoder(generator: torch.Generator) -> dict[str, Tensor]:
    """SimMIM's prediction head, a 1x1 convolution to 32 x 32 x 3 values."""
    return {"decoder.0.weight": numbers(generator, 3072, 8 * WIDTH, 1, 1), "decoder.0.bias": numbers(generator, 3072)}


def _save(file: Path, model: dict[str, Tensor], generator: torch.Generator, **extra: Any) -> None:
    """Writes the container of SimMIM's code, with the configuration as yacs objects."""
    with Vanished() as gone:
        settings = {"MODEL": {"TYPE": "swin", "SWIN": {"WINDOW_SIZE": 6, "DEPTHS": [2, 2, 18, 2]}}, "TAG": "simmim"}
        content = {
            "model": model,
            "optimizer": adamw_state(generator),
            "lr_scheduler": {"base_values": [1e-4, 1e-4], "t_initial": 1_000_800, "warmup_t": 12_510},
            "max_accuracy": 0.0,
            "epoch": 799,
            "config": config_node(gone, {**settings, **extra}),
            "amp": {"loss_scaler0": {"loss_scale": 65536.0, "unskipped": 1812}},
        }
        save(file, content, cuda=True, old=True)
