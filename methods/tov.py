"""TOV: the original vision model (Tao et al., 2023): SimCLR-like learning on curated remote-sensing images."""

from rsbench import ByHand, Method, Preprocess, Weights

_FILE = "TOV_v1_model_pretrained_on_TOV-RS-balanced_ep800.pth.tar"

tov = Method(
    name="tov",
    title="TOV",
    paradigm="contrastive",
    variants={
        "resnet50": Weights(
            architecture="resnet50",
            backbone="ResNet50",
            preprocess=Preprocess(size=224, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
            source=ByHand(
                _FILE,
                how="Open https://drive.google.com/drive/folders/14c0TnHFi1N_DC_egcoNWHKCX9C2pmmUR (or, on Baidu, "
                f"https://pan.baidu.com/s/1NHnuTbj7fVvCuUJXU9N5vQ with the code TOV1) and download {_FILE}.",
            ),
            layouts=("timm",),
            prefixes=("", "features."),
            drop=("queue", "encoder_q.", "encoder_k."),  # their converter suggests that some of MoCo may be left
            terms="The authors give no licence for these weights or their code.",
            pretraining_data=("tov-rs-balanced",),
            note="Mean and standard deviation are 0.5, unlike those of every other ResNet-50 here.",
        ),
    },
    paper="https://arxiv.org/abs/2204.04716",
    code="https://github.com/GeoX-Lab/G-RSIM/tree/main/TOV_v1",
    citation=r"""@article{tao2023tov,
  title   = {{TOV}: The Original Vision Model for Optical Remote Sensing Image Understanding via Self-Supervised
             Learning},
  author  = {Tao, Chao and Qi, Ji and Zhang, Guo and Zhu, Qing and Lu, Weipeng and Li, Haifeng},
  journal = {IEEE Journal of Selected Topics in Applied Earth Observations and Remote Sensing},
  volume  = {16},
  pages   = {4916--4930},
  year    = {2023},
  doi     = {10.1109/JSTARS.2023.3271312}
}""",
    questions=(
        "The paper's row is 20 points below its own random initialisation on EuroSAT, while GeRSP's paper has 97.80 "
        "for the same weights: most likely they were loaded or normalised wrongly there.",
        "Whether TOV-RS contains images of the benchmarks is unknown.",
    ),
)
