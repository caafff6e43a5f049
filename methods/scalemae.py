"""Scale-MAE (Reed et al., ICCV 2023): masked autoencoding on fMoW with positions in units of ground resolution."""

from rsbench.methods._places import hub

from rsbench import Method, Preprocess, Url, Weights

_REPOSITORY, _COMMIT = "vit_large_patch16_224_fmow_rgb_scalemae", "9dc7f569424baeb780698352cf6e87638c882123"
_FILE = "vit_large_patch16_224_fmow_rgb_scalemae-98ed9821.pth"  # the digits in its name are not those of its sha256

scalemae = Method(
    name="scalemae",
    title="ScaleMAE",
    paradigm="masked",
    variants={
        "vit_l": Weights(
            architecture="scalemae_l",
            backbone="ViT-L",
            kwargs={"res": 1.0, "pool": "token"},
            preprocess=Preprocess(size=224),
            source=Url(
                (hub(f"torchgeo/{_REPOSITORY}", _COMMIT, _FILE), hub(f"isaaccorley/{_REPOSITORY}", _COMMIT, _FILE)),
                _FILE,
                page="https://github.com/bair-climate-initiative/scale-mae/releases/tag/base-800",
            ),
            layouts=("timm",),
            # the stored table of positions is not used by the authors either: theirs follow from `res`
            drop=("pos_embed", "decoder_", "fpn", "fcn_"),
            sha256="386989c9cf349a5045c2ac76f7d0225ae3a54b2a2c158fa87e5df5103e5d9ed9",
            size_bytes=1_213_304_038,
            licence="CC-BY-NC-4.0",
            terms="CC-BY-NC-4.0: non-commercial use only.",
            pretraining_data=("fmow-rgb",),
        ),
    },
    paper="https://arxiv.org/abs/2212.14532",
    code="https://github.com/bair-climate-initiative/scale-mae",
    licence="CC-BY-NC-4.0",
    citation=r"""@inproceedings{reed2023scalemae,
  title     = {{Scale-MAE}: A Scale-Aware Masked Autoencoder for Multiscale Geospatial Representation Learning},
  author    = {Reed, Colorado J and Gupta, Ritwik and Li, Shufan and Brockman, Sarah and Funk, Christopher and
               Clipp, Brian and Keutzer, Kurt and Candido, Salvatore and Uyttendaele, Matt and Darrell, Trevor},
  booktitle = {ICCV},
  pages     = {4088--4099},
  year      = {2023}
}""",
    questions=(
        "Whether fMoW shares places or images with EuroSAT, RESISC45, SpaceNet or DOTA is unknown.",
        "`res` is not metres per pixel in practice: 1.0 is the default, and the sensor's 10 m cost eight points "
        "of k-NN on EuroSAT (0.954 to 0.876; issue 1 of the authors' repository). `--set backbone.res=N` changes it.",
        "Which `res` and which pooled feature the paper used is not stated.",
        "The paper reports 86.12 on EuroSAT; k-NN with the right `res` gave others 95.4 to 96.1.",
    ),
)
