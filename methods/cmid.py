"""CMID: contrastive learning and masked image modelling in one (Muhtar et al., TGRS 2023), on Million-AID."""

from rsbench import Method, Preprocess, Url, Weights

_STATISTICS = {"mean": (0.33797, 0.3605, 0.3348), "std": (0.1359, 0.1352, 0.1407)}
_SHARED = {
    "preprocess": Preprocess(size=224, interpolation="bicubic"),
    "alternatives": {"pretraining": Preprocess(size=224, interpolation="bicubic", **_STATISTICS)},
    "prefixes": ("", "online_encoder.model."),
    # the teacher, the heads and the queue of the full checkpoint
    "drop": (
        "online_encoder.mask_token",
        "branch_encoder.",
        "online_projector.",
        "branch_projector.",
        "class_projector.",
        "branch_class_projector.",
        "class_loss.",
        "mim2org.",
        "queue",
    ),
    "terms": "Research use only: the authors give no licence, and their README forbids any commercial use.",
    "pretraining_data": ("millionaid/test",),
}


def _box(identity: str, file: str) -> Url:
    return Url((f"https://box.nju.edu.cn/f/{identity}/?dl=1",), file, page="https://github.com/NJU-LHRS/official-CMID")


cmid = Method(
    name="cmid",
    title="CMID",
    paradigm="hybrid",
    variants={
        "resnet50": Weights(
            **_SHARED,
            architecture="resnet50",
            backbone="ResNet50",
            source=_box("b2e7ad5d3aea4f569e82", "CMID_ResNet50_bk_200ep"),
            layouts=("timm",),
        ),
        "swin_b": Weights(
            **_SHARED,
            architecture="swin_b",
            kwargs={"image_size": 224, "window": 7},
            backbone="Swin-B",
            source=_box("82a3c7ca7bfc4887aef8", "CMID_Swin-B_bk_200ep"),
            layouts=("swin-mm",),
        ),
    },
    paper="https://arxiv.org/abs/2304.09670",
    code="https://github.com/NJU-LHRS/official-CMID",
    citation=r"""@article{muhtar2023cmid,
  title   = {{CMID}: A Unified Self-Supervised Learning Framework for Remote Sensing Image Understanding},
  author  = {Muhtar, Dilxat and Zhang, Xueliang and Xiao, Pengfeng and Li, Zhenshi and Gu, Feng},
  journal = {IEEE Transactions on Geoscience and Remote Sensing},
  volume  = {61},
  pages   = {1--17},
  year    = {2023}
}""",
    questions=(
        "The networks were pretrained with statistics of their own, and the authors evaluate them with ImageNet's, "
        "which are the default here; `--set preprocess=pretraining` takes their own.",
        "With names alone changed, the keys fit timm's Swin and compute something else: the PatchMerging of CMID reads "
        "the four neighbours in another order. The paper's low dense figures for CMID Swin-B look like such a load.",
        "Sizes and digests of the files are not published.",
        "Whether Million-AID contains images of the benchmarks is unknown.",
    ),
)
