"""The protocols of semantic segmentation, as data: every hyper-parameter that can change the number.

Of ``paper`` the CtxMIM paper (4.3) says: PSANet, fine-tuned, AdamW, learning rate 1e-4, batch 8. All the rest is not
in it; ``assumed`` names these settings, and every record repeats them.
"""

from __future__ import annotations

import math

from rsbench.task import Protocol

HEADS = ("psanet", "upernet", "linear")
AUGMENTATIONS = ("dihedral", "none")
NO_DATA = ("background", "ignore")

_MOST = 1e9
_LIMITS = {
    "image_size": (0, 8192),
    "psa_stride": (0, 16),
    "psa_shrink": (0, 64),
    "aux_weight": (0, math.inf),
    "epochs": (1, _MOST),
    "batch_size": (1, _MOST),
    "lr": (0, math.inf),
    "weight_decay": (0, math.inf),
    "poly_power": (0, math.inf),
}
_CHOICES = {"head": HEADS, "augment": AUGMENTATIONS, "no_data": NO_DATA}

PAPER = Protocol(
    name="paper",
    solver="finetune",
    limits=_LIMITS,
    choices=_CHOICES,
    settings={
        "head": "psanet",
        "batch_size": 8,
        "lr": 1e-4,
        "image_size": 448,  # pixels: whole Rio tiles, padded; larger tiles are cropped at random
        "epochs": 50,
        "weight_decay": 0.01,  # of AdamW, which torch gives it
        "poly_power": 0.9,  # the rate is lr (1 - step / steps) ** poly_power
        "augment": "dihedral",  # one of the eight flips and quarter turns
        "no_data": "background",  # what pixels without data count as
        "psa_stride": 0,  # 8 or 16: coarser features are enlarged to it before PSANet; 0 takes them as they are
        "psa_shrink": 0,  # 0 is PSANet's 2 at stride 8, and 1 at coarser strides
        "psa_compact": False,
        "aux_weight": 0.4,
    },
    assumed=(
        "image_size", "epochs", "weight_decay", "poly_power", "augment", "no_data",
        "psa_stride", "psa_shrink", "psa_compact", "aux_weight",
    ),
    description="Backbone and PSANet trained end to end; AdamW at the paper's learning rate and batch (CtxMIM, 4.3).",
)  # fmt: skip

FROZEN = Protocol(
    name="frozen",
    solver="frozen",
    limits=_LIMITS,
    choices=_CHOICES,
    settings={
        **PAPER.settings,
        "head": "linear",
        "lr": 1e-2,
        "epochs": 20,
    },
    description="One linear layer per position on the pyramid of the frozen backbone, trained alone.",
)

FROZEN_UPERNET = Protocol(
    name="frozen-upernet",
    solver="frozen",
    limits=_LIMITS,
    choices=_CHOICES,
    settings={**FROZEN.settings, "head": "upernet", "lr": 1e-3},
    description="UPerNet on the pyramid of the frozen backbone, trained alone.",
)

PROTOCOLS = (PAPER, FROZEN, FROZEN_UPERNET)
