"""Geography-aware self-supervised learning (Ayush et al., ICCV 2021): MoCo-v2 on fMoW with time and place."""

from rsbench.methods._places import hub

from rsbench import Method, Preprocess, Url, Weights

_FILE = "resnet50_fmow_rgb_gassl-da43d987.pth"

geo_aware = Method(
    name="geo-aware",
    title="Geo-Aware",
    paradigm="contrastive",
    variants={
        "resnet50": Weights(
            architecture="resnet50",
            backbone="ResNet50",
            preprocess=Preprocess(size=224),
            source=Url(
                (hub("torchgeo/resnet50_fmow_rgb_gassl", "fe8a91026cf9104f1e884316b8e8772d7af9052c", _FILE),),
                _FILE,
                page="https://zenodo.org/records/7379715",
            ),
            layouts=("timm",),
            prefixes=("", "encoder_q.", "module.encoder_q."),
            drop=("encoder_k.", "queue", "module.encoder_k.", "module.queue"),
            sha256="da43d987dfaa6e0d481c8633205dc1a16a4296c32492fe1718b4cfd17735eb05",
            licence="CC-BY-4.0",
            size_bytes=94_321_093,
            pretraining_data=("fmow-rgb",),
            note="MoCo-v2 with geography and temporal pairs (Geo+TP).",
        ),
    },
    paper="https://arxiv.org/abs/2011.09980",
    code="https://github.com/sustainlab-group/geography-aware-ssl",
    citation=r"""@inproceedings{ayush2021gassl,
  title         = {Geography-Aware Self-Supervised Learning},
  author        = {Ayush, Kumar and Uzkent, Burak and Meng, Chenlin and Tanmay, Kumar and Burke, Marshall and
                   Lobell, David and Ermon, Stefano},
  booktitle     = {ICCV},
  year          = {2021},
  eprint        = {2011.09980},
  archivePrefix = {arXiv}
}""",
    questions=(
        "Whether fMoW shares places or images with EuroSAT, RESISC45, SpaceNet or DOTA is unknown.",
        "The authors' code has no licence file; their Zenodo record is CC-BY-4.0.",
        "The paper does not say which of the four published checkpoints it used; this is the one with both ideas.",
    ),
)
