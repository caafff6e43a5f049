"""GFM (Mendieta et al., ICCV 2023): SimMIM on GeoPile with distillation from an ImageNet-22k teacher."""

from rsbench.methods._places import UNPINNED, hub

from rsbench import Method, Preprocess, Url, Weights


def _weights(size: int, window: int, note: str = "") -> Weights:
    return Weights(
        architecture="swin_b",
        backbone="Swin-B" if window == 6 else f"Swin-B, {size} px",
        kwargs={"image_size": size, "window": window},
        preprocess=Preprocess(size=size, interpolation="bicubic"),
        source=Url((hub("torchgeo/gfm", "main", "gfm.pth"),), "gfm.pth", page="https://github.com/mmendiet/GFM"),
        layouts=("swin-microsoft", "swin-timm"),
        prefixes=("encoder.", ""),
        drop=("teacher.", "projector."),
        resize=("window",) if window != 6 else (),
        licence="Apache-2.0",
        pretraining_data=("geopile/naip", "geopile/rsd46-whu", "geopile/mlrsnet", "resisc45", "geopile/patternnet"),
        note=f"{note} {UNPINNED}".strip(),
    )


gfm = Method(
    name="gfm",
    title="GFM",
    paradigm="masked",
    variants={
        "swin_b": _weights(192, 6),
        "swin_b_224": _weights(224, 7, "Position tables resized from window 6 to window 7."),
    },
    paper="https://arxiv.org/abs/2302.04476",
    code="https://github.com/mmendiet/GFM",
    licence="Apache-2.0",
    citation=r"""@inproceedings{mendieta2023gfm,
  title     = {Towards Geospatial Foundation Models via Continual Pretraining},
  author    = {Mendieta, Mat{\'i}as and Han, Boran and Shi, Xingjian and Zhu, Yi and Chen, Chen},
  booktitle = {ICCV},
  pages     = {16806--16816},
  year      = {2023},
  doi       = {10.1109/ICCV51070.2023.01541}
}""",
    questions=(
        "The file has no pinned commit and no known digest: it is recorded on first use.",
        "GeoPile contains the images of RESISC45, without their labels: the paper's RESISC45 figure is contaminated.",
        "Input size and window in the paper's evaluation are not stated; 192 px with window 6 is the weights' own.",
    ),
)
