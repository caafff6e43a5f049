"""What SeCo and CACo share: ResNet-50 encoders of Sentinel-2 images that were stretched between quantiles."""

from rsbench import Preprocess

IMAGENET = Preprocess(size=224)
# (2, 98) % quantiles of B4, B3, B2 in the digital numbers of the SeCo dataset, stretched to 0 and 255 before ImageNet's
# statistics. For 8-bit RGB images, which were stretched already, the authors' networks get plain ImageNet input.
STRETCHED = Preprocess(size=224, stretch=((0.0, 129.0), (2.0, 103.0), (3.0, 88.0)))
ALTERNATIVES = {"quantiles": STRETCHED}
# MoCo's other halves
DROP = ("encoder_k.", "heads_q.", "heads_k.", "queue")
QUESTIONS = (
    "EuroSAT and RESISC45 come as 8-bit RGB and get ImageNet's statistics; `--set preprocess=quantiles` applies the "
    "stretch of the pretraining data.",
    "The authors' probe on EuroSAT leaves BatchNorm in training mode and does not normalise the images; here the "
    "backbone is frozen.",
    "The images are Sentinel-2 scenes around cities of the whole world; whether EuroSAT's are among them is unknown.",
)
