"""SpaceNet-2, Las Vegas: building footprints in WorldView-3 images of 30 cm (Van Etten et al., 2018)."""

from rsbench.detection.protocols import VEGAS
from rsbench.task import Lazy, Split, Task

spacenet_vegas = Task(
    name="spacenet-vegas",
    title="SpaceNet (Las Vegas)",
    kind="instance-segmentation",
    open=Lazy("rsbench.datasets.vegas:open_vegas"),
    demo=Lazy("rsbench.datasets.demo.vegas_writer:write_vegas"),
    download=Lazy("rsbench.datasets.download:download_vegas"),
    splits=(
        Split(
            name="8-1-1",
            file="spacenet_vegas_8-1-1.txt",
            sha256="8dde83bf1a6fa0ccc77867463a0451d20a2de1d4ef88010bf03d287cf41f6a61",
            counts={"train": 3081, "val": 385, "test": 385},
            origin="Drawn by rsbench (rsbench/datasets/vegas_splits.py); the paper says 8:1:1 at random.",
        ),
        Split(
            name="blocks",
            draw=Lazy("rsbench.datasets.vegas_splits:blocks"),
            origin="Geographic blocks of 1 km: no val tile but those at the rim of a block touches a training tile.",
        ),
        Split(
            name="present",
            draw=Lazy("rsbench.datasets.vegas_splits:present"),
            origin="The labelled tiles that are there, in the order and by the shares of 8-1-1.",
        ),
    ),
    protocols=VEGAS,
    metrics=("AP", "AP50", "AP75", "boxAP", "boxAP50", "boxAP75"),
    report=("val", "test"),
    rank="val/AP",
    classes=("building",),
    citation="""@article{vanetten2018spacenet,
  title   = {{SpaceNet}: A Remote Sensing Dataset and Challenge Series},
  author  = {Van Etten, Adam and Lindenbaum, Dave and Bacastow, Todd M.},
  journal = {arXiv preprint arXiv:1807.01232},
  year    = {2018}
}""",
    licence="CC BY-SA 4.0",
    url="https://spacenet.ai/spacenet-buildings-dataset-v2/",
    note="AP is that of masks; boxAP that of the boxes around them. The CtxMIM paper gives neither its list nor the "
    "product nor how 16 bits became 8: its numbers are on another partition.",
)
