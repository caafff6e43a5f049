"""Cross-Scale MAE (Tang et al., NeurIPS 2023): masked autoencoding with consistency across scales, on fMoW.

The layout of the published files could not be looked at. Three are possible, and in one of them the norms stand after
the residual sums; which one a file has is told from its keys, and the network is built accordingly.
"""

from rsbench.methods._places import drive

from rsbench import Method, Preprocess, Url, Weights

_FMOW = Preprocess(size=128, mean=(0.43393, 0.43579, 0.40744), std=(0.19828, 0.19250, 0.19455), interpolation="bicubic")


def _weights(architecture: str, backbone: str, file: str, identity: str, md5: str) -> Weights:
    return Weights(
        architecture=architecture,
        backbone=backbone,
        kwargs={"image_size": 128, "pool": "token"},
        preprocess=_FMOW,
        source=Url((drive(identity),), file, page="https://github.com/aicip/Cross-Scale-MAE"),
        layouts=("crossscale-xformers", "crossscale", "crossscale-timm"),
        prefixes=("",),
        md5=md5,
        licence="CC-BY-NC-4.0",
        terms="CC-BY-NC-4.0: non-commercial use only.",
        pretraining_data=("fmow-rgb",),
    )


crossscalemae = Method(
    name="crossscalemae",
    title="CrossScaleMAE",
    paradigm="masked",
    variants={
        "vit_l": _weights(
            "crossscale_l",
            "ViT-L",
            "cross_scale_mae_large_pretrain.pth",
            "1FBJiQ8Z6J3P8Le7wFQXOicTDX9jTNGnT",
            "e6e4f58c07bbbc4c4dd63fa26c644dd4",
        ),
        "vit_b": _weights(
            "crossscale_b",
            "ViT-B",
            "cross_scale_mae_base_pretrain.pth",
            "17FePR5lAFNL45g7738JMofP2pyC_6hau",
            "0c33995da85c112d9602f89d5b186bbc",
        ),
    },
    paper="https://arxiv.org/abs/2401.15855",
    code="https://github.com/aicip/Cross-Scale-MAE",
    licence="CC-BY-NC-4.0",
    citation=r"""@inproceedings{tang2023crossscalemae,
  title     = {{Cross-Scale MAE}: A Tale of Multi-Scale Exploitation in Remote Sensing},
  author    = {Tang, Maofeng and Cozma, Andrei and Georgiou, Konstantinos and Qi, Hairong},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {36},
  year      = {2023}
}""",
    questions=(
        "A file that someone renamed to timm's names may have its norms after the residual sums all the same, and "
        "nothing in it would tell.",
        "Whether fMoW shares places or images with EuroSAT, RESISC45, SpaceNet or DOTA is unknown.",
        "The key layout of the published files is not known; three are read, and `rsbench inspect` says which it is.",
        "The authors compute a final norm and throw the result away, so it was never trained; it is left out.",
        "Their fine-tuning script loads nothing (it passes the outer dictionary), and the paper's figures may come "
        "from it.",
    ),
)
