"""Preprocessing: golden pixels, units, band order, agreement with torchvision and Pillow."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as TF

from rsbench import Preprocess, UserError
from rsbench.preprocessing import Preprocessor


def solid(red, green, blue, size=8):
    return np.full((size, size, 3), (red, green, blue), dtype=np.uint8)


@pytest.mark.parametrize(
    ("preprocess", "expected"),
    [
        (Preprocess(size=8), (2.2489083, 0.2052, -1.8044)),  # ImageNet: (1 - .485) / .229, (.502 - .456) / .224, ...
        (Preprocess(size=8, mean=(0.5,) * 3, std=(0.5,) * 3), (1.0, 0.00392, -1.0)),
        (Preprocess(size=8, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), unit="0-255"),
         (2.2489083, 0.2052, -1.8044)),
        (Preprocess(size=8, bands="BGR", mean=(0.5,) * 3, std=(0.5,) * 3), (-1.0, 0.00392, 1.0)),
    ],
)  # fmt: skip
def test_a_golden_pixel(preprocess, expected):
    out = Preprocessor(preprocess)([solid(255, 128, 0)])
    assert out.shape == (1, 3, 8, 8) and out.dtype == torch.float32
    np.testing.assert_allclose(out[0, :, 3, 3], expected, atol=2e-4)


def test_it_equals_the_naive_normalisation():
    images = [np.random.default_rng(i).integers(0, 256, (64, 64, 3), dtype=np.uint8) for i in range(20)]
    preprocess = Preprocess(size=64)
    naive = torch.stack([TF.to_dtype(torch.from_numpy(image).permute(2, 0, 1), scale=True) for image in images])
    naive = TF.normalize(naive, list(preprocess.mean), list(preprocess.std))
    assert (Preprocessor(preprocess)(images) - naive).abs().max() < 1e-6


@pytest.mark.parametrize(("mode", "pil"), [("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)])
@pytest.mark.parametrize("size", [32, 96])
def test_resizing_is_pillows_within_two_digital_numbers(mode, pil, size):
    coarse = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((64, 64), Image.BICUBIC))
    resized = Preprocessor(Preprocess(size=size, interpolation=mode)).resize(
        torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    )
    reference = np.asarray(Image.fromarray(image).resize((size, size), pil)).astype(int)
    assert np.abs(resized[0].permute(1, 2, 0).numpy().astype(int) - reference).max() <= 2


def test_images_of_several_sizes_make_one_batch():
    images = [solid(10, 20, 30, 8), solid(10, 20, 30, 20)]
    out = Preprocessor(Preprocess(size=16))(images)
    torch.testing.assert_close(out[0], out[1])


def test_mean_and_std_must_fit_their_unit():
    with pytest.raises(UserError, match="do not fit the unit"):
        Preprocess(size=8, mean=(123.0, 116.0, 103.0), std=(58.0, 57.0, 57.0))
    with pytest.raises(UserError, match="do not fit the unit"):
        Preprocess(size=8, unit="0-255")
