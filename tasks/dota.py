"""DOTA v1.0: fifteen classes of objects in aerial pictures, as horizontal boxes on tiles (Xia et al., CVPR 2018)."""

from rsbench.datasets.classes import DOTA as CLASSES
from rsbench.detection.protocols import DOTA
from rsbench.task import Lazy, Split, Task

dota = Task(
    name="dota",
    title="DOTA v1.0",
    kind="detection",
    open=Lazy("rsbench.datasets.dota:open_dota"),
    demo=Lazy("rsbench.datasets.demo.dota_writer:write_dota"),
    prepare=Lazy("rsbench.datasets.dota_prepare:prepare"),
    splits=(
        Split(
            name="official",
            draw=Lazy("rsbench.datasets.dota_splits:official"),
            origin="The published train and val parts; test has no public labels.",
        ),
        Split(
            name="present",
            draw=Lazy("rsbench.datasets.dota_splits:present"),
            origin="The images that are there, three to train for one to val, in the order of a draw.",
        ),
    ),
    protocols=DOTA,
    metrics=(
        "AP", "AP50", "AP75", "APs", "APm", "APl", "AR", "AR50", "AR75", "ARs", "ARm", "ARl", "F1", "F1_75",
    ),
    report=("val",),
    rank="val/AP",
    classes=CLASSES,
    citation="""@inproceedings{xia2018dota,
  title     = {{DOTA}: A Large-Scale Dataset for Object Detection in Aerial Images},
  author    = {Xia, Gui-Song and Bai, Xiang and Ding, Jian and Zhu, Zhen and Belongie, Serge and Luo, Jiebo and
               Datcu, Mihai and Pelillo, Marcello and Zhang, Liangpei},
  booktitle = {CVPR},
  year      = {2018}
}""",
    licence="academic use only, no commercial use",
    url="https://captain-whu.github.io/DOTA/dataset.html",
    note="The CtxMIM paper names neither the part it tests on nor the overlap of tiles nor maxDets; GeRSP, whose "
    "protocol it follows, trains on train and tests on val, in tiles of 800 px with a stride of 640 px.",
)  # fmt: skip
