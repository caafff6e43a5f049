"""CtxMIM: context-enhanced masked image modelling (Zhang, Liu, Wang; arXiv 2310.00022).

The authors published neither code nor weights. What is here was re-implemented from the paper and pretrained by
rsbench; the decisions that the paper leaves open are in docs/pretraining.md.
"""

from rsbench.methods._own import own_weights

from rsbench import Method

ctxmim = Method(
    name="ctxmim",
    title="CtxMIM",
    paradigm="masked",
    reimplemented=True,
    variants=own_weights("ctxmim", sha256="cf1c10d23207a75559633f3534c4769f0277b95a75e545e149b3012f9e253178"),
    paper="https://arxiv.org/abs/2310.00022",
    citation="""@article{zhang2023ctxmim,
  title   = {{CtxMIM}: Context-Enhanced Masked Image Modeling for Remote Sensing Image Understanding},
  author  = {Zhang, Mingming and Liu, Qingjie and Wang, Yunhong},
  journal = {arXiv preprint arXiv:2310.00022},
  year    = {2023}
}""",
)
