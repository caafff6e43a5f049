"""EuroSAT, RGB: land use in Sentinel-2 scenes, 10 classes (Helber et al., JSTARS 2019)."""

from rsbench.datasets.layout import EUROSAT
from rsbench.probing.protocols import PROTOCOLS
from rsbench.task import Lazy, Split, Task

eurosat = Task(
    name="eurosat",
    title="EuroSAT",
    kind="classification",
    open=Lazy("rsbench.datasets.classification:open_eurosat"),
    demo=Lazy("rsbench.datasets.demo.writers:write_eurosat"),
    download=Lazy("rsbench.datasets.download:download_eurosat"),
    splits=(
        Split(
            name="seco",
            file="eurosat_seco.txt",
            sha256="a80d061f59ca646a1f15d8418a193db419346075c5b60142cb55467b90db74cc",
            counts={"train": 16200, "val": 5400, "test": 5400},
            origin="The lists that SeCo used, first published with Neumann et al. 2019; EuroSAT has no official split.",
            citation=r"""@article{neumann2019indomain,
  title   = {In-domain representation learning for remote sensing},
  author  = {Neumann, Maxim and Pinto, Andr{\'e} Susano and Zhai, Xiaohua and Houlsby, Neil},
  journal = {arXiv preprint arXiv:1911.06721},
  year    = {2019}
}""",
        ),
    ),
    protocols=PROTOCOLS,
    metrics=("top1", "mean_class_accuracy"),
    report=("val", "test"),
    rank="val/top1",
    classes=EUROSAT.classes,
    citation="""@article{helber2019eurosat,
  title   = {{EuroSAT}: A Novel Dataset and Deep Learning Benchmark for Land Use and Land Cover Classification},
  author  = {Helber, Patrick and Bischke, Benjamin and Dengel, Andreas and Borth, Damian},
  journal = {IEEE Journal of Selected Topics in Applied Earth Observations and Remote Sensing},
  volume  = {12},
  number  = {7},
  pages   = {2217--2226},
  year    = {2019},
  doi     = {10.1109/JSTARS.2019.2918242}
}""",
    licence="MIT",
    url="https://github.com/phelber/EuroSAT",
    note="Ranked on val, the part on which SeCo and the CtxMIM paper report; nothing is chosen on val or test.",
)
