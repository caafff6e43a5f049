"""The weights that rsbench pretrains itself: the same two variants for each of its objectives."""

from rsbench import Preprocess, Shipped, User, Weights


def own_weights(objective: str, sha256: str) -> dict[str, Weights]:
    """Returns the shipped ``nano`` and the ``swin_b`` that a user can pretrain.

    Args:
        objective: as ``rsbench pretrain --method`` takes it; also the name of the shipped file.
        sha256: of the shipped file.
    """
    return {
        "nano": Weights(
            architecture="nano",
            backbone="nano",
            preprocess=Preprocess(size=128),
            source=Shipped(f"{objective}_nano.safetensors"),
            sha256=sha256,
            licence="MIT",
            pretraining_data=("eurosat/train",),
            note="Pretrained on the 16,200 EuroSAT train images, without labels.",
        ),
        "swin_b": Weights(
            architecture="swin_b",
            backbone="Swin-B",
            kwargs={"image_size": 192, "window": 6},
            preprocess=Preprocess(size=192),
            source=User(f"Make them with: rsbench pretrain --method {objective} --variant swin_b --images DIR."),
        ),
    }
