"""CtxMIM, and SimMIM as CtxMIM without its context branch.

Sources: CtxMIM (Zhang et al., arXiv 2310.00022), section 3 and equations 1-5; SimMIM (Xie et al. 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rsbench.backbones import SwinBackbone, create
from rsbench.backbones.swin import replace_tokens
from rsbench.pretraining.masks import enlarge
from rsbench.pretraining.options import Options

STRIDE = 32  # of the encoder's last map, in pixels
PATCH = 4  # of the patch embedding, in pixels


class MaskedImageModel(nn.Module):
    """A Swin encoder, a mask token and a one-layer head that predicts pixels.

    Args:
        options: of the run; ``options.objective`` says whether the context branch is there.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        encoder = create(
            options.variant,
            seed=options.seed,
            image_size=options.image_size,
            window=options.window,
            drop_path=options.drop_path,
        )
        assert isinstance(encoder, SwinBackbone)
        self.encoder = encoder
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed + 1)
            self.mask_token = nn.Parameter(nn.init.trunc_normal_(torch.zeros(encoder.channels[0]), std=0.02))
            self.mask_token.requires_grad_(options.mask_token_at == "embedding")
            self.decoder = nn.Sequential(
                nn.Conv2d(encoder.embedding_dim, 3 * STRIDE**2, kernel_size=1), nn.PixelShuffle(STRIDE)
            )
        self.register_buffer("mean", torch.tensor(options.mean).view(1, 3, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(options.std).view(1, 3, 1, 1) * 255, persistent=False)

    def normalise(self, images: Tensor) -> Tensor:
        """Normalises uint8 images (B, 3, H, W) to the floats that the encoder takes and the head predicts."""
        return (images.float() - self.mean) / self.std

    def predict(
        self, x: Tensor, masks: Tensor, context: bool, context_masks: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Predicts pixels from masked images, and from whole ones.

        Args:
            x: normalised images (B, 3, H, W).
            masks: cells (B, H / mask_patch, W / mask_patch), true where masked.
            context: whether to run the context branch too.
            context_masks: cells whose features the context branch keeps under ``feature_mask``; ``masks`` if None.

        Returns:
            y_re and y_pr, (B, 3, H, W) each: equations 1 and 2, without the indicator unless ``feature_mask``.
        """
        own = masks if context_masks is None else context_masks
        if context and self.options.one_forward:
            tokens = torch.cat([self._masked_tokens(x, masks), self.encoder.tokens(x)])
            y_re, y_pr = self._decode(self.encoder.encode(tokens), torch.cat([masks, own])).chunk(2)
            return y_re, y_pr
        y_re = self._decode(self.encoder.encode(self._masked_tokens(x, masks)), masks)
        if not context:
            return y_re, None
        return y_re, self._decode(self.encoder.encode(self.encoder.tokens(x)), own)

    def forward(self, images: Tensor, masks: Tensor, context_masks: Tensor | None = None) -> dict[str, Tensor]:
        """Returns the losses of a batch: ``loss`` (their sum), ``L_Re`` and, for CtxMIM, ``L_Pr`` and ``L_Cc``.

        Args:
            images: uint8 (B, 3, H, W).
            masks: cells (B, H / mask_patch, W / mask_patch), true where masked.
            context_masks: for L_Pr, if ``shared_mask`` is off.
        """
        options = self.options
        x = self.normalise(images)
        y_re, y_pr = self.predict(x, masks, options.objective == "ctxmim", context_masks)
        target = self._target(x)
        pixels = enlarge(masks, options.mask_patch).unsqueeze(1).float()
        losses = {"L_Re": self._l1(y_re, target, pixels)}
        if y_pr is not None:
            everywhere = torch.ones_like(pixels)
            own = pixels if context_masks is None else enlarge(context_masks, options.mask_patch).unsqueeze(1).float()
            template = y_pr.detach() if options.stop_gradient else y_pr
            losses["L_Pr"] = self._l1(y_pr, target, own if options.pr_on == "masked" else everywhere)
            losses["L_Cc"] = self._l1(y_re, template, pixels if options.cc_on == "masked" else everywhere)
        return {"loss": torch.stack(list(losses.values())).sum(), **losses}

    def _l1(self, a: Tensor, b: Tensor, pixels: Tensor) -> Tensor:
        return masked_l1(a, b, pixels, per_channel=self.options.normaliser == "pixels-channels")

    def _masked_tokens(self, x: Tensor, masks: Tensor) -> Tensor:
        if self.options.mask_token_at == "pixels":
            hidden = enlarge(masks, self.options.mask_patch).unsqueeze(1)
            return self.encoder.tokens(x.masked_fill(hidden, 0.0))  # 0 is the mean colour after normalisation
        token_mask = enlarge(masks, self.options.mask_patch // PATCH)
        return replace_tokens(self.encoder.tokens(x), token_mask, self.mask_token)

    def _decode(self, features: Tensor, masks: Tensor) -> Tensor:
        if self.options.feature_mask:
            cells = enlarge(masks, self.options.mask_patch // PATCH).float().unsqueeze(1)
            features = features * nn.functional.adaptive_max_pool2d(cells, features.shape[-2:])
        return self.decoder(features).float()

    def _target(self, x: Tensor) -> Tensor:
        if not self.options.patch_norm:
            return x
        side = self.options.mask_patch
        mean = nn.functional.avg_pool2d(x, side)
        variance = nn.functional.avg_pool2d(x**2, side) - mean**2
        up = nn.functional.interpolate
        return (x - up(mean, scale_factor=side)) / (up(variance, scale_factor=side).clamp(min=0) + 1e-6).sqrt()


def masked_l1(a: Tensor, b: Tensor, pixels: Tensor, per_channel: bool = True) -> Tensor:
    """The l1 distance on masked pixels: sum of |a - b| over them, divided by their number (equation 3).

    >>> a, b = torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[[[0.0, 3.0]]]])
    >>> float(masked_l1(a, b, torch.tensor([[[[1.0, 0.0]]]])))
    0.9999899864196777

    Args:
        a, b: images (B, C, H, W).
        pixels: 1 where masked, (B, 1, H, W).
        per_channel: also divide by C, as SimMIM's code does.
    """
    loss = ((a - b).abs() * pixels).sum() / (pixels.sum() + 1e-5)
    return loss / a.shape[1] if per_channel else loss


def parameter_groups(model: nn.Module, options: Options) -> list[dict]:
    """Splits parameters into those with weight decay and those without (1-D, biases, the mask token).

    Relative position tables are decayed as SimMIM's published code does, against its stated intention, unless
    ``decay_position_tables`` is off.
    """
    decay: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        table = "relative_position_bias_table" in name and not options.decay_position_tables
        exempt = parameter.ndim <= 1 or name.endswith(".bias") or table
        (plain if exempt else decay).append(parameter)
    return [{"params": decay, "weight_decay": options.weight_decay}, {"params": plain, "weight_decay": 0.0}]
