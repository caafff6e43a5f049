"""GeRSP: generic knowledge boosted pretraining (Huang et al., TGRS 2024), on ImageNet labels and Million-AID images."""

from rsbench.methods._places import drive

from rsbench import Method, Preprocess, Url, Weights


def _weights(identity: str, file: str, epochs: str) -> Weights:
    return Weights(
        architecture="resnet50",
        backbone="ResNet50" if epochs == "100" else f"ResNet50, {epochs} epochs",
        preprocess=Preprocess(size=224),
        source=Url((drive(identity),), file, page="https://github.com/floatingstarZ/GeRSP"),
        layouts=("timm",),
        prefixes=("backbone.", "student_network.", ""),
        drop=("encoder_q.", "encoder_k.", "proj_q.", "proj_k.", "pred_q.", "neck.", "queue"),
        licence="Apache-2.0",
        pretraining_data=("imagenet-1k", "millionaid/test"),
        note=f"Pretrained for {epochs} epochs.",
    )


gersp = Method(
    name="gersp",
    title="GeRSP",
    paradigm="hybrid",
    variants={
        "resnet50": _weights("1IQ6wHL5MiPZt9_cecRd8gkFNsf-0snIH", "GeRSP.pth", "100"),
        "resnet50_200ep": _weights("1qGkPG0j4jwItcGztX-_rLR4sS2W_Pxun", "GeRSP200.pth", "200"),
    },
    paper="https://arxiv.org/abs/2401.04614",
    code="https://github.com/floatingstarZ/GeRSP",
    licence="Apache-2.0",
    citation=r"""@article{huang2024gersp,
  title   = {Generic Knowledge Boosted Pretraining for Remote Sensing Images},
  author  = {Huang, Ziyue and Zhang, Mingming and Gong, Yuan and Liu, Qingjie and Wang, Yunhong},
  journal = {IEEE Transactions on Geoscience and Remote Sensing},
  year    = {2024},
  doi     = {10.1109/TGRS.2024.3354031}
}""",
    questions=(
        "Whether the shared file is the raw checkpoint or the converted one is not stated; both are read.",
        "The classification code and the partition of RESISC45 were not released.",
        "Whether Million-AID contains images of the benchmarks is unknown.",
    ),
)
