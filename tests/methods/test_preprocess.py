"""One golden pixel per method: what an 8-bit RGB pixel becomes, worked out by hand from the authors' statistics."""

import numpy as np
import pytest

from rsbench.plugins import load
from rsbench.preprocessing import Preprocessor

PIXEL = (200, 100, 50)  # R, G, B
IMAGENET = (1.3070, -0.2850, -0.9330)  # (200/255 - .485) / .229, (100/255 - .456) / .224, (50/255 - .406) / .225
HALF = (0.56863, -0.21569, -0.60784)  # (200/255 - .5) / .5, ...
PLAIN = (0.78431, 0.39216, 0.19608)  # 200/255, ...
# B4: 200 is above 129 and becomes 255; B3: (100 - 2) / 101 * 255 = 247; B2: (50 - 3) / 85 * 255 = 141; then ImageNet
QUANTILES = (2.24891, 2.28854, 0.65307)
MILLION_AID = (3.28436, 0.23415, -0.98594)  # (200/255 - .33797) / .1359, (100/255 - .3605) / .1352, ...
FMOW = (1.27248, -0.10654, -0.73452)  # (200/255 - .4182) / .2877, (100/255 - .4215) / .2754, ...
CROSS_SCALE = (1.76710, -0.22668, -1.08640)  # (200/255 - .43393) / .19828, ...
OWN_RANGE = (1.0, 1.0, 1.0)  # of an image whose other pixel is black in every band

GOLDEN = {
    "caco/resnet50": IMAGENET,
    "caco/resnet50_100k": IMAGENET,
    "cmid/resnet50": IMAGENET,
    "cmid/swin_b": IMAGENET,
    "crossscalemae/vit_b": CROSS_SCALE,
    "crossscalemae/vit_l": CROSS_SCALE,
    "ctxmim/nano": IMAGENET,
    "ctxmim/swin_b": IMAGENET,
    "geo-aware/resnet50": IMAGENET,
    "gersp/resnet50": IMAGENET,
    "gersp/resnet50_200ep": IMAGENET,
    "gfm/swin_b": IMAGENET,
    "gfm/swin_b_224": IMAGENET,
    "imagenet/resnet50": IMAGENET,
    "imagenet/swin_b": IMAGENET,
    "imagenet/vit_b": HALF,
    "imagenet/vit_l": HALF,
    "random/nano": IMAGENET,
    "random/resnet50": IMAGENET,
    "random/swin_b": IMAGENET,
    "random/vit_b": IMAGENET,
    "random/vit_l": IMAGENET,
    "satlas/resnet50": PLAIN,
    "satlas/resnet50_mi": PLAIN,
    "satlas/swin_b": PLAIN,
    "satlas/swin_b_aerial": PLAIN,
    "satlas/swin_b_aerial_mi": PLAIN,
    "satlas/swin_b_mi": PLAIN,
    "satmaepp/vit_l": IMAGENET,
    "scalemae/vit_l": IMAGENET,
    "seco/resnet50": IMAGENET,
    "seco/resnet50_100k": IMAGENET,
    "simmim-rs/nano": IMAGENET,
    "simmim-rs/swin_b": IMAGENET,
    "simmim/swin_b": IMAGENET,
    "simmim/swin_b_224": IMAGENET,
    "simmim/swin_b_800ep": IMAGENET,
    "spectralgpt/vit_b": OWN_RANGE,
    "spectralgpt/vit_b_plus": OWN_RANGE,
    "tov/resnet50": HALF,
}
ALTERNATIVES = {
    "caco/resnet50 quantiles": QUANTILES,
    "caco/resnet50_100k quantiles": QUANTILES,
    "cmid/resnet50 pretraining": MILLION_AID,
    "cmid/swin_b pretraining": MILLION_AID,
    "satmaepp/vit_l bgr": (-1.26156, -0.28501, 1.68140),  # blue comes first: (50/255 - .485) / .229, ...
    "satmaepp/vit_l fmow": FMOW,
    "seco/resnet50 quantiles": QUANTILES,
    "seco/resnet50_100k quantiles": QUANTILES,
}


def every_weights():
    return {
        f"{name}/{variant}": weights
        for name, method in load().methods.items.items()
        for variant, weights in method.variants.items()
    }


def first_pixel(preprocess, size):
    image = np.zeros((size, size, 3), dtype=np.uint8)
    image[: size // 2] = PIXEL
    return Preprocessor(preprocess)([image])[0, :, 0, 0]


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_golden_pixel(name):
    preprocess = every_weights()[name].preprocess
    np.testing.assert_allclose(first_pixel(preprocess, preprocess.size), GOLDEN[name], atol=2e-4)


@pytest.mark.parametrize("name", sorted(ALTERNATIVES))
def test_a_golden_pixel_of_each_alternative(name):
    method, alternative = name.split()
    preprocess = every_weights()[method].alternatives[alternative]
    np.testing.assert_allclose(first_pixel(preprocess, preprocess.size), ALTERNATIVES[name], atol=2e-4)


def test_no_method_is_without_its_pixel():
    weights = every_weights()
    assert set(GOLDEN) == set(weights)
    assert set(ALTERNATIVES) == {f"{name} {other}" for name, each in weights.items() for other in each.alternatives}
