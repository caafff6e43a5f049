"""CACo: change-aware sampling and contrastive learning (Mall et al., CVPR 2023)."""

from rsbench.methods._sentinel2 import ALTERNATIVES, DROP, IMAGENET, QUESTIONS

from rsbench import Method, Url, Weights


def _weights(backbone: str, name: str, data: str) -> Weights:
    file = f"resnet50_caco_geo_{name}.pth"
    return Weights(
        architecture="resnet50",
        backbone=backbone,
        preprocess=IMAGENET,
        alternatives=ALTERNATIVES,
        source=Url(
            (f"https://research.cs.cornell.edu/caco/checkpoints/{file}",),
            file,
            page="https://github.com/utkarshmall13/CACo",
        ),
        layouts=("resnet-sequential", "timm"),
        prefixes=("", "encoder_q."),
        drop=DROP,
        licence="MIT",
        pretraining_data=(data,),
    )


caco = Method(
    name="caco",
    title="CACo",
    paradigm="contrastive",
    variants={
        "resnet50": _weights("ResNet50", "1m_200", "caco-1m"),
        "resnet50_100k": _weights("ResNet50, 100k images", "100k_1000", "caco-100k"),
    },
    paper="https://openaccess.thecvf.com/content/CVPR2023/html/"
    "Mall_Change-Aware_Sampling_and_Contrastive_Learning_for_Satellite_Images_CVPR_2023_paper.html",
    code="https://github.com/utkarshmall13/CACo",
    licence="MIT",
    citation=r"""@inproceedings{mall2023caco,
  title     = {Change-Aware Sampling and Contrastive Learning for Satellite Images},
  author    = {Mall, Utkarsh and Hariharan, Bharath and Bala, Kavita},
  booktitle = {CVPR},
  pages     = {5261--5270},
  year      = {2023},
  doi       = {10.1109/CVPR52729.2023.00509}
}""",
    questions=QUESTIONS,
)
