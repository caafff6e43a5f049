"""SatMAE++ (Noman et al., CVPR 2024): multi-scale masked autoencoding; the RGB network, pretrained on fMoW."""

from rsbench.methods._places import hub

from rsbench import Method, Preprocess, Url, Weights

_FILE = "checkpoint_ViT-L_pretrain_fmow_rgb.pth"
_FMOW = {"mean": (0.4182, 0.4215, 0.3991), "std": (0.2877, 0.2754, 0.2764), "interpolation": "bicubic"}

satmaepp = Method(
    name="satmaepp",
    title="SatMAE++",
    paradigm="masked",
    variants={
        "vit_l": Weights(
            architecture="vit_l",
            backbone="ViT-L",
            kwargs={"pool": "token"},
            preprocess=Preprocess(size=224, interpolation="bicubic"),
            alternatives={
                "fmow": Preprocess(size=224, **_FMOW),
                "bgr": Preprocess(size=224, bands="BGR", interpolation="bicubic"),
            },
            source=Url(
                (
                    hub(
                        "mubashir04/checkpoint_ViT-L_pretrain_fmow_rgb",
                        "8f4c97f767fb633c635e0c23f6e1441be9487f0f",
                        _FILE,
                    ),
                ),
                _FILE,
                page="https://github.com/techmn/satmae_pp",
            ),
            layouts=("timm",),
            drop=("decoder_", "proj_up_conv", "proj_up_norm", "up_block"),
            sha256="95e3feff830ecd945161dacdc791c9c9d433d9943baa0f000d71af3765843d30",
            size_bytes=3_952_618_663,
            licence="Apache-2.0",
            pretraining_data=("fmow-rgb",),
        ),
    },
    paper="https://arxiv.org/abs/2403.05419",
    code="https://github.com/techmn/satmae_pp",
    licence="Apache-2.0",
    citation=r"""@inproceedings{noman2024satmaepp,
  title     = {Rethinking Transformers Pre-training for Multi-Spectral Satellite Imagery},
  author    = {Noman, Mubashir and Naseer, Muzammal and Cholakkal, Hisham and Anwer, Rao Muhammad and Khan, Salman
               and Khan, Fahad Shahbaz},
  booktitle = {CVPR},
  pages     = {27811--27819},
  year      = {2024},
  doi       = {10.1109/CVPR52733.2024.02627}
}""",
    questions=(
        "Whether fMoW shares places or images with EuroSAT, RESISC45, SpaceNet or DOTA is unknown.",
        "The file is three times as large as the encoder because it holds the optimizer; a copy without it "
        "(MVRL/satmaepp_ViT-L_pretrain_fmow_rgb on the hub, 1.32 GB) loads with --checkpoint.",
        "The authors fine-tune on EuroSAT and RESISC45 with ImageNet's statistics, the default here; "
        "`--set preprocess=fmow` takes those of the pretraining data.",
        "The order of the bands in pretraining is not beyond doubt. RGB is the default; try `--set preprocess=bgr`.",
    ),
)
