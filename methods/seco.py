"""SeCo: seasonal contrast (Manas et al., ICCV 2021), MoCo-v2 over seasons of Sentinel-2 scenes."""

from rsbench.methods._places import hub, zenodo
from rsbench.methods._sentinel2 import ALTERNATIVES, DROP, IMAGENET, QUESTIONS

from rsbench import Method, Url, Weights

_SHARED = {
    "architecture": "resnet50",
    "preprocess": IMAGENET,
    "alternatives": ALTERNATIVES,
    "layouts": ("timm", "resnet-sequential"),
    "prefixes": ("", "encoder_q."),
    "drop": DROP,
    "licence": "Apache-2.0",
}
_FILE = "resnet50_sentinel2_rgb_seco-018bf397.pth"

seco = Method(
    name="seco",
    title="SeCo",
    paradigm="contrastive",
    variants={
        "resnet50": Weights(
            **_SHARED,
            backbone="ResNet50",
            source=Url(
                (hub("torchgeo/resnet50_sentinel2_rgb_seco", "fbd07b02a8edb8fc1035f7957160deed4321c145", _FILE),),
                _FILE,
                page="https://zenodo.org/records/4728033",
            ),
            sha256="018bf397ee20bcd0d5f9813d745d336fc97ae693b503e148483259bdf9d86dcb",
            pretraining_data=("seco-1m",),
        ),
        "resnet50_100k": Weights(
            **_SHARED,
            backbone="ResNet50, 100k images",
            source=Url((zenodo(4728033, "seco_resnet50_100k.ckpt"),), "seco_resnet50_100k.ckpt"),
            md5="9672c303f6334ef816494c13b9d05753",
            pretraining_data=("seco-100k",),
        ),
    },
    paper="https://arxiv.org/abs/2103.16607",
    code="https://github.com/ServiceNow/seasonal-contrast",
    licence="Apache-2.0",
    citation=r"""@inproceedings{manas2021seco,
  title         = {Seasonal Contrast: Unsupervised Pre-Training from Uncurated Remote Sensing Data},
  author        = {Ma{\~n}as, Oscar and Lacoste, Alexandre and Gir{\'o}-i-Nieto, Xavier and Vazquez, David and
                   Rodriguez, Pau},
  booktitle     = {ICCV},
  year          = {2021},
  eprint        = {2103.16607},
  archivePrefix = {arXiv}
}""",
    questions=QUESTIONS,
)
