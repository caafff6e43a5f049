"""Random initialisation: the floor under every pretrained backbone. The run's seed draws the weights."""

from rsbench import Method, Preprocess, Random, Weights


def _random(architecture: str, backbone: str, size: int) -> Weights:
    return Weights(
        architecture=architecture, backbone=backbone, preprocess=Preprocess(size=size), source=Random(), licence="MIT"
    )


random_init = Method(
    name="random",
    title="Random Init.",
    paradigm="random",
    variants={
        "resnet50": _random("resnet50", "ResNet50", 224),
        "vit_b": _random("vit_b", "ViT-B", 224),
        "vit_l": _random("vit_l", "ViT-L", 224),
        "swin_b": _random("swin_b", "Swin-B", 224),
        "nano": _random("nano", "nano", 128),
    },
)
