"""ImageNet, supervised: the four baselines of the paper, from pinned tags of timm.

The paper does not say which checkpoints it used. The bare names of timm mean newer recipes than these.
"""

from rsbench.methods._places import UNPINNED, hub

from rsbench import Method, Preprocess, Url, Weights

_HALF = (0.5, 0.5, 0.5)

imagenet = Method(
    name="imagenet",
    title="ImageNet Pre.",
    paradigm="supervised",
    variants={
        "resnet50": Weights(
            architecture="resnet50",
            backbone="ResNet50",
            preprocess=Preprocess(size=224),
            source=Url(
                ("https://download.pytorch.org/models/resnet50-0676ba61.pth",),
                "resnet50-0676ba61.pth",
                page="https://huggingface.co/timm/resnet50.tv_in1k",
            ),
            sha256="0676ba61b6795bbe1773cffd859882e5e297624d384b6993f7c9e683e722fb8a",
            size_bytes=102_530_333,
            licence="BSD-3-Clause",
            pretraining_data=("imagenet-1k",),
            note="timm resnet50.tv_in1k, torchvision's IMAGENET1K_V1 (top-1 76.1 on ImageNet).",
            cites=("he2016resnet",),
        ),
        "vit_b": Weights(
            architecture="vit_b",
            backbone="ViT-B",
            kwargs={"pool": "token"},
            preprocess=Preprocess(size=224, mean=_HALF, std=_HALF, interpolation="bicubic"),
            source=Url(
                (
                    hub(
                        "timm/vit_base_patch16_224.augreg_in21k_ft_in1k",
                        "b5b38b8f7dd93ce67d12e356a8771556b95c8cf9",
                        "model.safetensors",
                    ),
                ),
                "vit_base_patch16_224.augreg_in21k_ft_in1k.safetensors",
            ),
            licence="Apache-2.0",
            pretraining_data=("imagenet-21k", "imagenet-1k"),
            note="timm vit_base_patch16_224.augreg_in21k_ft_in1k: has seen ImageNet-21k, unlike ResNet-50 and Swin-B.",
            cites=("steiner2022augreg",),
        ),
        "vit_l": Weights(
            architecture="vit_l",
            backbone="ViT-L",
            kwargs={"pool": "token"},
            preprocess=Preprocess(size=224, mean=_HALF, std=_HALF, interpolation="bicubic"),
            source=Url(
                (hub("timm/vit_large_patch16_224.augreg_in21k_ft_in1k", "main", "model.safetensors"),),
                "vit_large_patch16_224.augreg_in21k_ft_in1k.safetensors",
            ),
            licence="Apache-2.0",
            pretraining_data=("imagenet-21k", "imagenet-1k"),
            note="timm vit_large_patch16_224.augreg_in21k_ft_in1k: has seen ImageNet-21k, unlike ResNet-50 and Swin-B. "
            + UNPINNED,
            cites=("steiner2022augreg",),
        ),
        "swin_b": Weights(
            architecture="swin_b",
            backbone="Swin-B",
            kwargs={"image_size": 224, "window": 7},
            preprocess=Preprocess(size=224, interpolation="bicubic"),
            source=Url(
                (hub("timm/swin_base_patch4_window7_224.ms_in1k", "main", "model.safetensors"),),
                "swin_base_patch4_window7_224.ms_in1k.safetensors",
            ),
            layouts=("swin-timm", "swin-microsoft"),
            licence="MIT",
            pretraining_data=("imagenet-1k",),
            note=f"timm swin_base_patch4_window7_224.ms_in1k. {UNPINNED}",
            cites=("liu2021swin",),
        ),
    },
    citation=r"""@inproceedings{he2016resnet,
  title     = {Deep Residual Learning for Image Recognition},
  author    = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  booktitle = {CVPR},
  year      = {2016}
}
@article{steiner2022augreg,
  title   = {How to Train Your {ViT}? Data, Augmentation, and Regularization in Vision Transformers},
  author  = {Steiner, Andreas and Kolesnikov, Alexander and Zhai, Xiaohua and Wightman, Ross and Uszkoreit, Jakob
             and Beyer, Lucas},
  journal = {Transactions on Machine Learning Research},
  year    = {2022},
  url     = {https://openreview.net/forum?id=4nPswr1KcP}
}
@inproceedings{liu2021swin,
  title         = {Swin Transformer: Hierarchical Vision Transformer using Shifted Windows},
  author        = {Liu, Ze and Lin, Yutong and Cao, Yue and Hu, Han and Wei, Yixuan and Zhang, Zheng and Lin,
                   Stephen and Guo, Baining},
  booktitle     = {ICCV},
  year          = {2021},
  eprint        = {2103.14030},
  archivePrefix = {arXiv}
}""",
    questions=(
        "Which ImageNet checkpoints the paper used is not stated.",
        "ViT-L and Swin-B have no pinned commit and no known digest: theirs are recorded on first use.",
        "timm evaluates ResNet-50 and the others on a centre crop (0.875 and 0.9); here the whole image is resized.",
    ),
)
