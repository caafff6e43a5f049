"""SimMIM (Xie et al., CVPR 2022), pretrained on ImageNet by its authors: the ancestor of CtxMIM and GFM."""

from rsbench.methods._places import drive, hub

from rsbench import Method, Preprocess, Url, Weights

_HUB = Url(
    (hub("microsoft/swin-base-simmim-window6-192", "d5c0bac35edfdcf83e0c9ffe063435970651990a", "model.safetensors"),),
    "swin-base-simmim-window6-192.safetensors",
    page="https://github.com/microsoft/SimMIM",
)
_DRIVE = Url(
    (drive("15zENvGjHlM71uKQ3d2FbljWPubtrPtjl"),),
    "simmim_pretrain__swin_base__img192_window6__800ep.pth",
    page="https://github.com/microsoft/SimMIM",
)


def _weights(source: Url, backbone: str, size: int = 192, window: int = 6, note: str = "") -> Weights:
    return Weights(
        architecture="swin_b",
        backbone=backbone,
        kwargs={"image_size": size, "window": window},
        preprocess=Preprocess(size=size, interpolation="bicubic"),
        source=source,
        layouts=("swin-microsoft", "swin-transformers", "swin-timm"),
        prefixes=("encoder.", "swin.", ""),
        resize=("window",) if window != 6 else (),
        licence="Apache-2.0" if source is _HUB else "MIT",
        pretraining_data=("imagenet-1k",),
        note=note,
    )


simmim = Method(
    name="simmim",
    title="SimMIM",
    paradigm="masked",
    variants={
        "swin_b": _weights(_HUB, "Swin-B"),
        "swin_b_224": _weights(_HUB, "Swin-B, 224 px", 224, 7, "Position tables resized from window 6 to window 7."),
        "swin_b_800ep": _weights(_DRIVE, "Swin-B, 800 epochs", note="Pretrained for 800 epochs."),
    },
    paper="https://arxiv.org/abs/2111.09886",
    code="https://github.com/microsoft/SimMIM",
    licence="MIT",
    citation=r"""@inproceedings{xie2022simmim,
  title     = {{SimMIM}: A Simple Framework for Masked Image Modeling},
  author    = {Xie, Zhenda and Zhang, Zheng and Cao, Yue and Lin, Yutong and Bao, Jianmin and Yao, Zhuliang and Dai,
               Qi and Hu, Han},
  booktitle = {CVPR},
  pages     = {9653--9663},
  year      = {2022}
}""",
    questions=(
        "For how many epochs the file on the hub was pretrained is not stated there (100, by the converter's default).",
        "The authors' ViT-B has one shared table of relative positions and no absolute ones; no architecture here has "
        "that, so it is not offered.",
    ),
)
