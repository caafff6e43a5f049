"""Layouts of ResNets, and the one that needs no renaming at all."""

from __future__ import annotations

from rsbench.checkpoints.layout import Layout, renaming, substituting

# timm's names are torchvision's, for ResNets; classifiers are left out by name.
timm = Layout("timm", "timm, torchvision's ResNet, MAE code, rsbench", renaming(str), drop=r"(fc|head|classifier)\.")

# nn.Sequential over the children of torchvision's ResNet; 2 and 3 (ReLU, pooling) have no tensors
sequential = Layout(
    "resnet-sequential",
    "SeCo, CACo: nn.Sequential over the children of torchvision's ResNet",
    renaming(
        substituting(
            {r"^0\.": "conv1.", r"^1\.": "bn1.", r"^4\.": "layer1.", r"^5\.": "layer2.", r"^6\.": "layer3."}
            | {r"^7\.": "layer4."}
        )
    ),
    mark=r"4\.0\.",
)

ALL = (timm, sequential)
