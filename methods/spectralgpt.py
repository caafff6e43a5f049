"""SpectralGPT (Hong et al., TPAMI 2024): masked autoencoding of 12 Sentinel-2 bands in three-band tokens.

It takes RGB by a rule of ours: R, G and B go to the places of B4, B3 and B2, and the other nine bands are zero.
"""

from rsbench.methods._places import zenodo

from rsbench import Method, Preprocess, Url, Weights


def _weights(backbone: str, file: str, size: int, data: tuple[str, ...]) -> Weights:
    return Weights(
        architecture="spectralgpt_b",
        backbone=backbone,
        kwargs={"image_size": size, "rgb": "place", "spectral": "mean"},
        # each band of each image from its own smallest to its own largest value, as in pretraining
        preprocess=Preprocess(
            size=size, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), unit="min-max", interpolation="bicubic"
        ),
        source=Url((zenodo(8412455, file),), file, page="https://zenodo.org/records/8412455"),
        layouts=("spectralgpt",),
        prefixes=("",),
        terms="The authors' README puts the code under GPL-3.0; no licence of the weights is known.",
        pretraining_data=data,
        note="RGB goes into a network of twelve bands, by the rule backbone.rgb.",
    )


spectralgpt = Method(
    name="spectralgpt",
    title="SpectralGPT",
    paradigm="masked",
    variants={
        "vit_b": _weights("ViT-B", "SpectralGPT.pth", 96, ("fmow-sentinel",)),
        "vit_b_plus": _weights("ViT-B, SpectralGPT+", "SpectralGPT+.pth", 128, ("fmow-sentinel", "bigearthnet")),
    },
    paper="https://arxiv.org/abs/2311.07113",
    code="https://github.com/danfenghong/IEEE_TPAMI_SpectralGPT",
    licence="GPL-3.0 (README)",
    citation=r"""@article{hong2024spectralgpt,
  title   = {{SpectralGPT}: Spectral Remote Sensing Foundation Model},
  author  = {Hong, Danfeng and Zhang, Bing and Li, Xuyang and Li, Yuxuan and Li, Chenyu and Yao, Jing and Yokoya,
             Naoto and Li, Hao and Ghamisi, Pedram and Jia, Xiuping and Plaza, Antonio and Gamba, Paolo and
             Benediktsson, Jon Atli and Chanussot, Jocelyn},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume  = {46},
  number  = {8},
  pages   = {5227--5244},
  year    = {2024},
  doi     = {10.1109/TPAMI.2024.3362475}
}""",
    questions=(
        "The README puts the code under GPL-3.0; the licence of the Zenodo record of the weights could not be read.",
        "How the paper fed RGB images, and which of the two checkpoints it used, is not stated. Other rules: "
        "`--set backbone.rgb=tile` and `--set backbone.rgb=single`.",
        "The authors' classifier throws the pretrained position tables away and drops one token; here they are used, "
        "and the mean is over all tokens.",
        "BigEarthNet (SpectralGPT+) and EuroSAT are both Sentinel-2 scenes of Europe; whether they overlap is unknown.",
    ),
)
