"""CtxMIM: context-enhanced masked image modelling (Zhang, Liu, Wang; arXiv 2310.00022).

The authors published neither code nor weights. What is here was re-implemented from the paper and pretrained by
rsbench; the decisions that the paper leaves open are in docs/pretraining.md.
"""

from rsbench import Method, Preprocess, Shipped, User, Weights

ctxmim = Method(
    name="ctxmim",
    title="CtxMIM",
    paradigm="masked",
    reimplemented=True,
    variants={
        "nano": Weights(
            architecture="nano",
            backbone="nano",
            preprocess=Preprocess(size=128),
            source=Shipped("ctxmim_nano.safetensors"),
            licence="MIT",
            pretraining_data=("eurosat/train",),
            note="Pretrained on the 16,200 EuroSAT train images, without labels.",
        ),
        "swin_b": Weights(
            architecture="swin_b",
            backbone="Swin-B",
            kwargs={"image_size": 192, "window": 6},
            preprocess=Preprocess(size=192),
            source=User("Make them with: rsbench pretrain --method ctxmim --variant swin_b --images DIR."),
        ),
    },
    paper="https://arxiv.org/abs/2310.00022",
    citation="""@article{zhang2023ctxmim,
  title   = {{CtxMIM}: Context-Enhanced Masked Image Modeling for Remote Sensing Image Understanding},
  author  = {Zhang, Mingming and Liu, Qingjie and Wang, Yunhong},
  journal = {arXiv preprint arXiv:2310.00022},
  year    = {2023}
}""",
)
