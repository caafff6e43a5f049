"""SatlasPretrain (Bastani et al., ICCV 2023): supervised on Sentinel-2 and aerial images with labels of many kinds.

"Swin-B" is Swin-V2-B here. Of a single image, the multi-image (``mi``) networks compute what a plain one does. Which of
the two a file is shows in its keys, not in its name: the aerial pair was swapped on the hub on 9 May 2024.
"""

from rsbench.methods._places import hub

from rsbench import Method, Preprocess, Url, Weights

_PLAIN = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
_TORCHGEO = "081d6607431bf36bdb59c223777cbb267131b8f2"
_ALLENAI = "b1f8de04dacf9f9ed9640fe32484947710b47ede"
_LICENCE = "ODC-BY-1.0 (README) or Apache-2.0 (hub)"
_HEADS = ("intermediates.", "heads.", "head.", "upsample.")
_SENTINEL_2 = ("satlaspretrain/sentinel-2",)
_AERIAL = ("satlaspretrain/naip",)
# allenai's files; torchgeo's copies have no prefix, so that theirs cannot be told apart
_SINGLE, _MULTI = "backbone.", "backbone.backbone."


def _resnet50(backbone: str, images: str, digits: str, prefix: str) -> Weights:
    file = f"sentinel2_resnet50_{images}_rgb-{digits}.pth"
    return Weights(
        architecture="resnet50",
        backbone=backbone,
        preprocess=Preprocess(size=256, **_PLAIN),
        source=_torchgeo(file),
        layouts=("timm",),
        prefixes=("", f"{prefix}resnet."),
        drop=_HEADS,
        sha256=digits,
        licence=_LICENCE,
        pretraining_data=_SENTINEL_2,
    )


def _swin_b(
    backbone: str, source: Url, sha256: str, prefix: str, data: tuple[str, ...], size_bytes: int | None = None
) -> Weights:
    return Weights(
        architecture="swin_v2_b",
        backbone=backbone,
        preprocess=Preprocess(size=256, **_PLAIN),
        source=source,
        layouts=("swin-v2-torchvision",),
        prefixes=("", f"{prefix}backbone."),
        drop=_HEADS,
        sha256=sha256,
        licence=_LICENCE,
        size_bytes=size_bytes,
        pretraining_data=data,
        note="The backbone is Swin-V2-B, not Swin-B.",
    )


def _torchgeo(file: str) -> Url:
    return Url((hub("torchgeo/satlas", _TORCHGEO, file),), file, page="https://github.com/allenai/satlas")


def _allenai(file: str) -> Url:
    return Url((hub("allenai/satlas-pretrain", _ALLENAI, file),), file, page="https://github.com/allenai/satlas")


satlas = Method(
    name="satlas",
    title="SatLas",
    paradigm="supervised",
    variants={
        "resnet50": _resnet50("ResNet50", "si", "45fc6972", _SINGLE),
        "resnet50_mi": _resnet50("ResNet50, multi-image", "mi", "e79bb7fe", _MULTI),
        "swin_b": _swin_b("Swin-B", _torchgeo("sentinel2_swinb_si_rgb-156a98d5.pth"), "156a98d5", _SINGLE, _SENTINEL_2),
        "swin_b_mi": _swin_b(
            "Swin-B, multi-image", _torchgeo("sentinel2_swinb_mi_rgb-4efa210c.pth"), "4efa210c", _MULTI, _SENTINEL_2
        ),
        "swin_b_aerial": _swin_b(
            "Swin-B, aerial",
            _allenai("aerial_swinb_si.pth"),
            "f8abf21cadaab2a71859e9d172bec4e5d6b7cc9710882a2f6a4d8aae826db036",
            _SINGLE,
            _AERIAL,
            504_439_674,
        ),
        "swin_b_aerial_mi": _swin_b(
            "Swin-B, aerial, multi-image",
            _allenai("aerial_swinb_mi.pth"),
            "9c524bb5719401bd4d1b165fa198f6baac3006c53071185f2c2638424a933dba",
            _MULTI,
            _AERIAL,
            503_495_370,
        ),
    },
    paper="https://arxiv.org/abs/2211.15660",
    code="https://github.com/allenai/satlas",
    licence="Apache-2.0",
    citation=r"""@inproceedings{bastani2023satlas,
  title     = {{SatlasPretrain}: A Large-Scale Dataset for Remote Sensing Image Understanding},
  author    = {Bastani, Favyen and Wolters, Piper and Gupta, Ritwik and Ferdinando, Joe and Kembhavi, Aniruddha},
  booktitle = {ICCV},
  pages     = {16772--16782},
  year      = {2023},
  doi       = {10.1109/ICCV51070.2023.01538}
}""",
    questions=(
        "Whether SatlasPretrain shares scenes with EuroSAT, or places with RESISC45, SpaceNet or DOTA, is unknown.",
        "The paper does not say which of the checkpoints (Sentinel-2 or aerial, single or multi-image) is in its rows; "
        "there is no aerial ResNet.",
        "The README puts the weights under ODC-BY, the hub page under Apache-2.0.",
        "The last LayerNorm of the Swin networks was never trained (their heads use a pyramid); it is left out.",
        "8-bit RGB was the true-colour product of Sentinel-2 (TCI); the EuroSAT jpg files are another stretch.",
    ),
)
