"""BibTeX of what runs use beside methods and datasets: the paper of the protocol, architectures, heads, libraries.

The entries are those that the authors of each library ask for, and the published papers of the rest.
"""

from __future__ import annotations

CTXMIM = """@article{zhang2023ctxmim,
  title   = {{CtxMIM}: Context-Enhanced Masked Image Modeling for Remote Sensing Image Understanding},
  author  = {Zhang, Mingming and Liu, Qingjie and Wang, Yunhong},
  journal = {arXiv preprint arXiv:2310.00022},
  year    = {2023}
}"""
"""Source of the protocol ``paper`` of all tasks that come with rsbench."""

PARTS: dict[tuple[str, str], tuple[str, str]] = {
    ("head", "psanet"): (
        "PSANet",
        """@inproceedings{zhao2018psanet,
  title     = {{PSANet}: Point-wise Spatial Attention Network for Scene Parsing},
  author    = {Zhao, Hengshuang and Zhang, Yi and Liu, Shu and Shi, Jianping and Loy, Chen Change and Lin, Dahua and
               Jia, Jiaya},
  booktitle = {ECCV},
  year      = {2018}
}""",
    ),
    ("head", "upernet"): (
        "UPerNet",
        """@inproceedings{xiao2018upernet,
  title     = {Unified Perceptual Parsing for Scene Understanding},
  author    = {Xiao, Tete and Liu, Yingcheng and Zhou, Bolei and Jiang, Yuning and Sun, Jian},
  booktitle = {ECCV},
  year      = {2018}
}""",
    ),
    ("detector", "retinanet"): (
        "RetinaNet",
        r"""@inproceedings{lin2017focal,
  title     = {Focal Loss for Dense Object Detection},
  author    = {Lin, Tsung-Yi and Goyal, Priya and Girshick, Ross and He, Kaiming and Doll{\'a}r, Piotr},
  booktitle = {ICCV},
  year      = {2017}
}""",
    ),
    ("detector", "mask-rcnn"): (
        "Mask R-CNN",
        r"""@inproceedings{he2017maskrcnn,
  title     = {Mask {R-CNN}},
  author    = {He, Kaiming and Gkioxari, Georgia and Doll{\'a}r, Piotr and Girshick, Ross},
  booktitle = {ICCV},
  year      = {2017}
}""",
    ),
    ("pyramid", "fpn"): (
        "feature pyramid",
        r"""@inproceedings{lin2017fpn,
  title     = {Feature Pyramid Networks for Object Detection},
  author    = {Lin, Tsung-Yi and Doll{\'a}r, Piotr and Girshick, Ross and He, Kaiming and Hariharan, Bharath and
               Belongie, Serge},
  booktitle = {CVPR},
  year      = {2017}
}""",
    ),
    ("pyramid", "simple"): (
        "feature pyramid of a plain transformer",
        """@inproceedings{li2022vitdet,
  title     = {Exploring Plain Vision Transformer Backbones for Object Detection},
  author    = {Li, Yanghao and Mao, Hanzi and Girshick, Ross and He, Kaiming},
  booktitle = {ECCV},
  year      = {2022}
}""",
    ),
}
"""By what a record says: (setting or choice, value) to a name and BibTeX."""

RESNET = """@inproceedings{he2016resnet,
  title     = {Deep Residual Learning for Image Recognition},
  author    = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  booktitle = {CVPR},
  year      = {2016}
}"""
SWIN = """@inproceedings{liu2021swin,
  title         = {Swin Transformer: Hierarchical Vision Transformer using Shifted Windows},
  author        = {Liu, Ze and Lin, Yutong and Cao, Yue and Hu, Han and Wei, Yixuan and Zhang, Zheng and Lin,
                   Stephen and Guo, Baining},
  booktitle     = {ICCV},
  year          = {2021},
  eprint        = {2103.14030},
  archivePrefix = {arXiv}
}"""
SWIN_V2 = """@inproceedings{liu2022swinv2,
  title     = {Swin Transformer {V2}: Scaling Up Capacity and Resolution},
  author    = {Liu, Ze and Hu, Han and Lin, Yutong and Yao, Zhuliang and Xie, Zhenda and Wei, Yixuan and Ning, Jia and
               Cao, Yue and Zhang, Zheng and Dong, Li and Wei, Furu and Guo, Baining},
  booktitle = {CVPR},
  year      = {2022}
}"""
VIT = """@inproceedings{dosovitskiy2021vit,
  title     = {An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale},
  author    = {Dosovitskiy, Alexey and Beyer, Lucas and Kolesnikov, Alexander and Weissenborn, Dirk and Zhai, Xiaohua
               and Unterthiner, Thomas and Dehghani, Mostafa and Minderer, Matthias and Heigold, Georg and Gelly,
               Sylvain and Uszkoreit, Jakob and Houlsby, Neil},
  booktitle = {ICLR},
  year      = {2021},
  url       = {https://openreview.net/forum?id=YicbFdNTTy}
}"""

ARCHITECTURES: dict[str, str] = {
    "resnet50": RESNET, "swin_b": SWIN, "nano": SWIN, "swin_v2_b": SWIN_V2, "vit_b": VIT, "vit_l": VIT,
    "scalemae_l": VIT, "crossscale_b": VIT, "crossscale_l": VIT, "spectralgpt_b": VIT,
}  # fmt: skip
"""BibTeX by the name of an architecture of ``rsbench.backbones``: of the family, as the method's paper has the rest."""

LIBRARIES: dict[str, str] = {
    "torch": """@inproceedings{paszke2019pytorch,
  title     = {{PyTorch}: An Imperative Style, High-Performance Deep Learning Library},
  author    = {Paszke, Adam and Gross, Sam and Massa, Francisco and Lerer, Adam and Bradbury, James and Chanan, Gregory
               and Killeen, Trevor and Lin, Zeming and Gimelshein, Natalia and Antiga, Luca and Desmaison, Alban and
               Kopf, Andreas and Yang, Edward and DeVito, Zachary and Raison, Martin and Tejani, Alykhan and
               Chilamkurthy, Sasank and Steiner, Benoit and Fang, Lu and Bai, Junjie and Chintala, Soumith},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {32},
  year      = {2019}
}""",
    "torchvision": """@misc{torchvision2016,
  title  = {{TorchVision}: {PyTorch}'s Computer Vision library},
  author = {{TorchVision maintainers and contributors}},
  year   = {2016},
  url    = {https://github.com/pytorch/vision}
}""",
    "timm": """@misc{rw2019timm,
  title  = {{PyTorch} Image Models},
  author = {Wightman, Ross},
  year   = {2019},
  doi    = {10.5281/zenodo.4414861},
  url    = {https://github.com/huggingface/pytorch-image-models}
}""",
    "lightning": """@misc{falcon2019lightning,
  title  = {{PyTorch} Lightning},
  author = {Falcon, William and {The PyTorch Lightning team}},
  year   = {2019},
  doi    = {10.5281/zenodo.3828935},
  url    = {https://www.pytorchlightning.ai}
}""",
    "segmentation-models-pytorch": """@misc{iakubovskii2019smp,
  title  = {Segmentation Models {PyTorch}},
  author = {Iakubovskii, Pavel},
  year   = {2019},
  url    = {https://github.com/qubvel-org/segmentation_models.pytorch}
}""",
    "pycocotools": r"""@inproceedings{lin2014coco,
  title     = {Microsoft {COCO}: Common Objects in Context},
  author    = {Lin, Tsung-Yi and Maire, Michael and Belongie, Serge and Hays, James and Perona, Pietro and
               Ramanan, Deva and Doll{\'a}r, Piotr and Zitnick, C. Lawrence},
  booktitle = {ECCV},
  year      = {2014}
}""",
    "faster-coco-eval": """@misc{mixaill2024fastercocoeval,
  title  = {{Faster-COCO-Eval}: Faster and Enhanced {COCO} Evaluation Library},
  author = {{MiXaiLL76}},
  year   = {2024},
  url    = {https://github.com/MiXaiLL76/faster_coco_eval}
}""",
    "detectron2": """@misc{wu2019detectron2,
  title  = {Detectron2},
  author = {Wu, Yuxin and Kirillov, Alexander and Massa, Francisco and Lo, Wan-Yen and Girshick, Ross},
  year   = {2019},
  url    = {https://github.com/facebookresearch/detectron2}
}""",
}
"""By the name of the package."""
