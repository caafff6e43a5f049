"""NWPU-RESISC45: 45 scene classes in aerial pictures of Google Earth (Cheng et al., Proceedings of the IEEE 2017)."""

from rsbench.datasets.layout import RESISC45
from rsbench.probing.protocols import PROTOCOLS
from rsbench.task import Lazy, Split, Task

_ORIGIN = (
    "Drawn by rsbench with equal shares in every class (rsbench/datasets/resisc45.py); RESISC45 has no official one."
)


resisc45 = Task(
    name="resisc45",
    title="RESISC45",
    kind="classification",
    open=Lazy("rsbench.datasets.classification:open_resisc45"),
    demo=Lazy("rsbench.datasets.demo.writers:write_resisc45"),
    download=Lazy("rsbench.datasets.download:download_resisc45"),
    splits=(
        Split(
            name="60-20-20",
            file="resisc45_60-20-20.txt",
            sha256="fe2d6ad4f05ac0e9dc3ede42551273c4f479ca2e3a0cf229b2e65bb1eed7ca9f",
            counts={"train": 18900, "val": 6300, "test": 6300},
            origin=_ORIGIN,
        ),
        Split(
            name="80-20",
            file="resisc45_80-20.txt",
            sha256="7482395127db4fcc7b8300537fa710b04850a1f9f8fcf10712ac90e73df4672e",
            counts={"train": 25200, "val": 6300},
            origin=_ORIGIN,
        ),
    ),
    protocols=PROTOCOLS,
    metrics=("top1", "mean_class_accuracy"),
    report=("val", "test"),
    rank="val/top1",
    classes=RESISC45.classes,
    citation="""@article{cheng2017resisc45,
  title   = {Remote Sensing Image Scene Classification: Benchmark and State of the Art},
  author  = {Cheng, Gong and Han, Junwei and Lu, Xiaoqiang},
  journal = {Proceedings of the IEEE},
  volume  = {105},
  number  = {10},
  pages   = {1865--1883},
  year    = {2017},
  doi     = {10.1109/JPROC.2017.2675998}
}""",
    licence="CC-BY-NC-4.0",
    url="https://doi.org/10.1109/JPROC.2017.2675998",
    note="Ranked on val: the CtxMIM paper takes the train and val parts of GeRSP, of which neither the images nor the "
    "ratio are published. Its numbers are on another partition.",
)
