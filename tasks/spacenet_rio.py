"""SpaceNet-1, Rio de Janeiro: building footprints in WorldView-2 images of 50 cm (Van Etten et al., 2018)."""

from rsbench.segmentation.protocols import PROTOCOLS
from rsbench.task import Lazy, Split, Task

spacenet_rio = Task(
    name="spacenet-rio",
    title="SpaceNet (Rio)",
    kind="segmentation",
    open=Lazy("rsbench.datasets.rio:open_rio"),
    demo=Lazy("rsbench.datasets.demo.rio_writer:write_rio"),
    download=Lazy("rsbench.datasets.download:download_rio"),
    splits=(
        Split(
            name="5000-1940",
            file="spacenet_rio_5000-1940.txt",
            sha256="497f277ee5cd0db09315addff13b430266e7ad7cf0d81e2c21b2e2a8ecd817f2",
            counts={"train": 5000, "val": 1940},
            origin="Drawn by rsbench (rsbench/datasets/rio_splits.py) to the counts of SatMAE, which gives no list.",
        ),
        Split(
            name="blocks",
            draw=Lazy("rsbench.datasets.rio_splits:blocks"),
            origin="Geographic blocks of 1 km: no val tile but those at the rim of a block touches a training tile.",
        ),
        Split(
            name="present",
            draw=Lazy("rsbench.datasets.rio_splits:present"),
            origin="The labelled tiles that are there, in the order and by the shares of 5000-1940.",
        ),
    ),
    protocols=PROTOCOLS,
    metrics=("mIoU", "IoU_building", "mAcc", "aAcc"),
    report=("val",),
    rank="val/mIoU",
    classes=("background", "building"),
    citation="""@article{vanetten2018spacenet,
  title   = {{SpaceNet}: A Remote Sensing Dataset and Challenge Series},
  author  = {Van Etten, Adam and Lindenbaum, Dave and Bacastow, Todd M.},
  journal = {arXiv preprint arXiv:1807.01232},
  year    = {2018}
}""",
    licence="CC BY-SA 4.0",
    url="https://spacenet.ai/spacenet-buildings-dataset-v1/",
    note="mIoU is the mean over background and building; the IoU of buildings stands beside it. The CtxMIM paper does "
    "not say which tiles it tests on, nor at what size: its numbers are on another partition.",
)
