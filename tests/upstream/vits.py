"""ViT as ImageNet (timm), SatMAE++ and ScaleMAE publish it; the reference is torchvision's."""

from __future__ import annotations

import math
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models.vision_transformer import VisionTransformer

from upstream.containers import mae_extras, save, state_dict
from upstream.randomise import numbers, randomised
from upstream.registry import Fake, fake

WIDTH, DEPTH, HEADS = 32, 4, 4
_SIZE = 224
_NAMES = {
    "class_token": "cls_token",
    "conv_proj.": "patch_embed.proj.",
    "encoder.pos_embedding": "pos_embed",
    "encoder.layers.encoder_layer_": "blocks.",
    "encoder.ln.": "norm.",
    ".ln_1.": ".norm1.",
    ".ln_2.": ".norm2.",
    ".self_attention.in_proj_": ".attn.qkv.",
    ".self_attention.out_proj.": ".attn.proj.",
    ".mlp.0.": ".mlp.fc1.",
    ".mlp.3.": ".mlp.fc2.",
}


def kwargs_of(size: int) -> dict[str, Any]:
    """Returns the arguments of rsbench's architecture; the patch is 16 px everywhere."""
    return {"width": WIDTH, "depth": DEPTH, "heads": HEADS, "image_size": size}


def vit(size: int, seed: int) -> VisionTransformer:
    """Returns torchvision's ViT, whose output is the class token after the final norm."""
    network = VisionTransformer(size, 16, DEPTH, HEADS, WIDTH, 4 * WIDTH)
    network.heads = nn.Identity()
    return randomised(network, seed)


def timm(network: nn.Module) -> dict[str, Tensor]:
    """Returns the state of ``network`` under the names of timm, and of all that descends from MAE."""
    named = {}
    for key, tensor in network.state_dict().items():
        for old, new in _NAMES.items():
            key = key.replace(old, new)
        named[key] = tensor
    return named


def decoder_block(generator: torch.Generator, start: str, width: int = 16) -> dict[str, Tensor]:
    """Returns some tensors of a block of timm's ViT."""
    shapes = {"norm1.weight": (width,), "attn.qkv.weight": (3 * width, width), "mlp.fc1.bias": (4 * width,)}
    return {start + key: numbers(generator, *shape) for key, shape in shapes.items()}


def decoder(generator: torch.Generator, size: int) -> dict[str, Tensor]:
    """Returns the decoder of MAE."""
    shapes = {
        "mask_token": (1, 1, 16),
        "decoder_pos_embed": (1, 1 + (size // 16) ** 2, 16),
        "decoder_embed.weight": (16, WIDTH),
        "decoder_embed.bias": (16,),
        "decoder_norm.weight": (16,),
        "decoder_norm.bias": (16,),
        "decoder_pred.weight": (768, 16),
        "decoder_pred.bias": (768,),
    }
    return {key: numbers(generator, *shape) for key, shape in shapes.items()}


@fake("imagenet/vit_b", "model.safetensors")
@fake("imagenet/vit_l", "model.safetensors")
def _imagenet(file: Path, seed: int) -> Fake:
    network, generator = vit(_SIZE, seed), torch.Generator().manual_seed(seed)
    head = {"head.weight": numbers(generator, 10, WIDTH), "head.bias": numbers(generator, 10)}
    save_file({**timm(network), **head}, file, {"format": "pt"})
    return Fake(file, kwargs_of(_SIZE), network, _SIZE, tuple(head))


@fake("satmaepp/vit_l", "checkpoint_ViT-L_pretrain_fmow_rgb.pth")
def _satmaepp(file: Path, seed: int) -> Fake:
    network, generator = vit(_SIZE, seed), torch.Generator().manual_seed(seed)
    junk = _satmaepp_junk(generator)
    extras = mae_extras(generator, model="mae_vit_large_patch16", dataset_type="rgb", masked_bands=None)
    save(file, {"model": state_dict({**timm(network), **junk}), **extras}, cuda=True, old=True)
    return Fake(file, kwargs_of(_SIZE), network, _SIZE, tuple(junk))


@fake("satmaepp/vit_l#mirror", "pytorch_model.bin")
def _satmaepp_mirror(file: Path, seed: int) -> Fake:
    network, generator = vit(_SIZE, seed), torch.Generator().manual_seed(seed)
    junk = _satmaepp_junk(generator)
    save(file, state_dict({**timm(network), **junk}))
    return Fake(file, kwargs_of(_SIZE), network, _SIZE, tuple(junk))


def _satmaepp_junk(generator: torch.Generator) -> dict[str, Tensor]:
    shapes = {
        "proj_up_conv.weight": (12, 3, 1, 1),
        "proj_up_norm.bias": (12,),
        "up_block.up_conv.weight": (12, 12, 4, 4),
        "up_block.res_block.conv1.weight": (12, 12, 3, 3),
        "up_block.proj_out.bias": (3,),
    }
    upsampling = {key: numbers(generator, *shape) for key, shape in shapes.items()}
    return {**upsampling, **decoder(generator, _SIZE), **decoder_block(generator, "decoder_blocks.0.")}


def gsd_table(side: int, width: int, res: float) -> Tensor:
    """Returns ScaleMAE's positions (1, 1 + side², width), the row of the class token being zero.

    A quarter of the channels each: sine and cosine of the column, sine and cosine of the row, times ``res``, times
    frequencies that fall from 1 to 1/10000.
    """
    quarter = width // 4
    table = np.zeros((1 + side * side, width))
    for row in range(side):
        for column in range(side):
            for i in range(quarter):
                frequency = 10000.0 ** (-i / quarter)
                for half, place in enumerate((column, row)):
                    angle = place * res * frequency
                    table[1 + row * side + column, 2 * quarter * half + i] = math.sin(angle)
                    table[1 + row * side + column, 2 * quarter * half + quarter + i] = math.cos(angle)
    return torch.from_numpy(table).float()[None]


def scalemae(seed: int) -> tuple[VisionTransformer, dict[str, Tensor]]:
    """Returns ScaleMAE's encoder at res 1, and its state with another position table, which upstream does not read."""
    network = vit(_SIZE, seed)
    state = {key: tensor.clone() for key, tensor in timm(network).items()}
    network.encoder.pos_embedding.copy_(gsd_table(_SIZE // 16, WIDTH, 1.0))
    return network, state


@fake("scalemae/vit_l", "scalemae-vitlarge-800.pth")
def _scalemae(file: Path, seed: int) -> Fake:
    network, state = scalemae(seed)
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "mask_token_decoder": (1, 1, 16),
        "fpn.fpn1.0.weight": (16, 16, 2, 2),
        "fpn.fpn1.1.ln.weight": (16,),
        "fpn.fpn2.0.bias": (16,),
        "fcn_high.proj.weight": (8, 16, 1, 1),
        "fcn_high.conv_blocks.0.convs.1.weight": (4, 2, 3, 3),
        "fcn_low.pred.0.ln.bias": (8,),
    }
    head = {key: value for key, value in decoder(generator, _SIZE).items() if not key.startswith("decoder_pred")}
    junk = {**head, **decoder_block(generator, "decoder_blocks.0.")}
    junk |= {key: numbers(generator, *shape) for key, shape in shapes.items()}
    extras = mae_extras(generator, config=PosixPath("config/fmow.yaml"), target_size=[448], eval_base_resolution=1.0)
    del extras["optimizer"]  # the file has the size of the network alone
    save(file, {"model": state_dict({**state, **junk}), **extras}, cuda=True)
    return Fake(file, kwargs_of(_SIZE), network, _SIZE, (*junk, "pos_embed"))


@fake("scalemae/vit_l#torchgeo", "vit_large_patch16_224_fmow_rgb_scalemae-98ed9821.pth")
def _scalemae_torchgeo(file: Path, seed: int) -> Fake:
    network, state = scalemae(seed)
    save(file, state_dict(state))
    return Fake(file, kwargs_of(_SIZE), network, _SIZE, ("pos_embed",))
