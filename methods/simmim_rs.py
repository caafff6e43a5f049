"""SimMIM pretrained on remote-sensing images: CtxMIM without its context branch (the paper's "- C-E")."""

from rsbench.methods._own import own_weights

from rsbench import Method

simmim_rs = Method(
    name="simmim-rs",
    title="SimMIM (CtxMIM without C-E)",
    paradigm="masked",
    reimplemented=True,
    variants=own_weights("simmim", sha256="ee905b00f567b010bac328c434ba2d698f928c70f15dc6bb3b97b5fc426f733b"),
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
