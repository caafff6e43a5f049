"""The protocols of linear probing, as data: every hyper-parameter that can change the number.

``paper`` is the recipe of the CtxMIM paper, section 4.2. It fixes a small learning rate, so that it measures the
scale of the features as much as their content; ``swept`` and ``knn`` do not, and stand beside it for that reason.
"""

from __future__ import annotations

import math

from rsbench.task import Protocol

_MOST = 1e9
LIMITS = {
    "image_size": (0, 8192),
    "epochs": (1, _MOST),
    "batch_size": (1, _MOST),
    "lr": (0, math.inf),
    "lrs": (0, math.inf),
    "momentum": (0, 1),
    "weight_decay": (0, math.inf),
    "weight_decays": (0, math.inf),
    "milestones": (0, 1),
    "gamma": (0, 1),
    "holdout": (0, 1),
    "k": (1, _MOST),
}

PAPER = Protocol(
    name="paper",
    solver="sgd",
    limits=LIMITS,
    settings={
        "image_size": 0,  # pixels; 0 is the size that the method expects
        "epochs": 100,
        "batch_size": 64,
        "lr": 1e-4,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "milestones": (0.6, 0.8),  # of the epochs
        "gamma": 0.1,
    },
    description="Linear head on frozen features; SGD at the paper's fixed learning rate (CtxMIM, 4.2).",
)

SWEPT = Protocol(
    name="swept",
    solver="swept",
    limits=LIMITS,
    settings={
        "image_size": 0,
        "epochs": 100,
        "batch_size": 64,
        "lrs": (1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1, 1.0),
        "weight_decays": (0.0, 5e-4, 5e-3),
        "momentum": 0.9,
        "milestones": (0.6, 0.8),
        "gamma": 0.1,
        "holdout": 0.1,  # share of the training part on which learning rate and weight decay are chosen
    },
    description="Linear head on standardised frozen features; learning rate and weight decay chosen on held-out "
    "training images, then fitted on all of them.",
)

KNN = Protocol(
    name="knn",
    solver="knn",
    limits=LIMITS,
    settings={"image_size": 0, "k": 20, "standardise": True},
    description="k nearest neighbours by cosine similarity on standardised frozen features, one vote each.",
)

FINETUNE = Protocol(
    name="finetune",
    solver="finetune",
    limits=LIMITS,
    settings={
        "image_size": 0,
        "epochs": 100,
        "batch_size": 64,
        "lr": 1e-4,
        "momentum": 0.9,
        "weight_decay": 5e-4,
        "milestones": (0.6, 0.8),
        "gamma": 0.1,
    },
    description="Backbone and linear head trained end to end, with the recipe of the paper's head.",
)

PROTOCOLS = (PAPER, SWEPT, KNN, FINETUNE)
