"""NWPU VHR-10: ten classes of objects in aerial pictures, boxes and masks (Cheng et al., 2014; Su et al., 2019)."""

from rsbench.datasets.classes import VHR10
from rsbench.detection.protocols import BOXES, MASKS
from rsbench.task import Lazy, Split, Task

_SPLITS = (
    Split(
        name="rsprompter",
        file="vhr10_rsprompter.txt",
        sha256="441554ddca7e150de56f3f937b2a09df587cb4615a3c9caaea2732e54a4115aa",
        counts={"train": 520, "val": 130},
        origin="The images of RSPrompter's two lists (Chen et al., 2024); the dataset itself has no partition.",
        citation="""@article{chen2024rsprompter,
  title   = {{RSPrompter}: Learning to Prompt for Remote Sensing Instance Segmentation Based on Visual Foundation
             Model},
  author  = {Chen, Keyan and Liu, Chenyang and Chen, Hao and Zhang, Haotian and Li, Wenyuan and Zou, Zhengxia and Shi,
             Zhenwei},
  journal = {IEEE Transactions on Geoscience and Remote Sensing},
  volume  = {62},
  year    = {2024},
  doi     = {10.1109/TGRS.2024.3356074}
}""",
    ),
    Split(
        name="present",
        draw=Lazy("rsbench.datasets.vhr10_splits:present"),
        origin="The images that are there, four to train for one to val, in the order of a draw.",
    ),
)
_CITATION = """@article{cheng2014vhr10,
  title   = {Multi-Class Geospatial Object Detection and Geographic Image Classification Based on Collection of Part
             Detectors},
  author  = {Cheng, Gong and Han, Junwei and Zhou, Peicheng and Guo, Lei},
  journal = {ISPRS Journal of Photogrammetry and Remote Sensing},
  volume  = {98},
  pages   = {119--132},
  year    = {2014},
  doi     = {10.1016/j.isprsjprs.2014.10.002}
}
@inproceedings{su2019vhr10,
  title     = {Object Detection and Instance Segmentation in Remote Sensing Imagery Based on Precise Mask {R-CNN}},
  author    = {Su, Hao and Wei, Shunjun and Yan, Min and Wang, Chen and Shi, Jun and Zhang, Xiaoling},
  booktitle = {IGARSS},
  year      = {2019},
  doi       = {10.1109/IGARSS.2019.8898573}
}"""
_NOTE = "The CtxMIM paper has no numbers on it."

vhr10_det = Task(
    name="vhr10-det",
    title="NWPU VHR-10 (boxes)",
    kind="detection",
    open=Lazy("rsbench.datasets.vhr10:open_boxes"),
    demo=Lazy("rsbench.datasets.demo.vhr10_writer:write_vhr10"),
    download=Lazy("rsbench.datasets.download:download_vhr10"),
    splits=_SPLITS,
    protocols=BOXES,
    metrics=("AP", "AP50", "AP75", "AR", "F1", "F1_75"),
    report=("val",),
    rank="val/AP",
    classes=VHR10,
    citation=_CITATION,
    licence="CC-BY-NC-4.0",
    url="https://huggingface.co/datasets/isaaccorley/vhr10",
    note=_NOTE,
)

vhr10_seg = Task(
    name="vhr10-seg",
    title="NWPU VHR-10 (masks)",
    kind="instance-segmentation",
    open=Lazy("rsbench.datasets.vhr10:open_masks"),
    demo=Lazy("rsbench.datasets.demo.vhr10_writer:write_vhr10"),
    download=Lazy("rsbench.datasets.download:download_vhr10"),
    splits=_SPLITS,
    protocols=MASKS,
    metrics=("AP", "AP50", "AP75", "boxAP", "boxAP50", "boxAP75"),
    report=("val",),
    rank="val/AP",
    classes=VHR10,
    citation=_CITATION,
    licence="CC-BY-NC-4.0",
    url="https://huggingface.co/datasets/isaaccorley/vhr10",
    note=_NOTE,
)
