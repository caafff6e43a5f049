"""SimMIM pretrained on remote-sensing images: CtxMIM without its context branch (the paper's "- C-E")."""

from rsbench import Method, Preprocess, Shipped, User, Weights

simmim_rs = Method(
    name="simmim-rs",
    title="SimMIM (CtxMIM without C-E)",
    paradigm="masked",
    reimplemented=True,
    variants={
        "nano": Weights(
            architecture="nano",
            backbone="nano",
            preprocess=Preprocess(size=128),
            source=Shipped("simmim_nano.safetensors"),
            licence="MIT",
            pretraining_data=("eurosat/train",),
            note="Pretrained on the 16,200 EuroSAT train images, without labels.",
        ),
        "swin_b": Weights(
            architecture="swin_b",
            backbone="Swin-B",
            kwargs={"image_size": 192, "window": 6},
            preprocess=Preprocess(size=192),
            source=User("Make them with: rsbench pretrain --method simmim --variant swin_b --images DIR."),
        ),
    },
    paper="https://arxiv.org/abs/2111.09886",
    code="https://github.com/microsoft/SimMIM",
    citation="""@inproceedings{xie2022simmim,
  title     = {{SimMIM}: A Simple Framework for Masked Image Modeling},
  author    = {Xie, Zhenda and Zhang, Zheng and Cao, Yue and Lin, Yutong and Bao, Jianmin and Yao, Zhuliang and
               Dai, Qi and Hu, Han},
  booktitle = {CVPR},
  pages     = {9653--9663},
  year      = {2022}
}""",
)
