"""Masks as run lengths: against pycocotools on whole pictures, and against bilinear sampling by torch."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from rsbench.datasets.run_lengths import decode, encode_window
from rsbench.detection.masks import paste


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_window_codes_as_the_whole_picture_does(data):
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    h, w = data.draw(st.integers(0, height)), data.draw(st.integers(0, width))
    top, left = data.draw(st.integers(0, height - h)), data.draw(st.integers(0, width - w))
    window = data.draw(arrays(bool, (h, w)))
    whole = np.zeros((height, width), np.uint8)
    whole[top : top + h, left : left + w] = window
    assert encode_window(window, (top, left), (height, width)) == coco.encode(np.asfortranarray(whole))


def sampled(square: np.ndarray, box: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Probabilities at the centres of all pixels of the image, by torch in double precision."""
    x = (torch.arange(size[1], dtype=torch.float64) + 0.5 - box[0]) / box[2] * 2 - 1
    y = (torch.arange(size[0], dtype=torch.float64) + 0.5 - box[1]) / box[3] * 2 - 1
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
    return F.grid_sample(torch.from_numpy(square).double()[None, None], grid, align_corners=False)[0, 0].numpy()


@settings(max_examples=60, deadline=None)
@given(
    corner=st.tuples(st.floats(-30, 60), st.floats(-30, 50)),
    extent=st.tuples(st.floats(0.05, 90), st.floats(0.05, 90)),
    seed=st.integers(0, 999),
)
def test_masks_are_the_bilinear_samples_that_reach_the_threshold(corner, extent, seed):
    size = (50, 60)
    square = np.random.default_rng(seed).random((28, 28)).astype(np.float32)
    box = np.array([*corner, *extent])
    [mask] = paste(square[None], box[None], size)
    inside = decode([mask], size)[0].astype(bool)
    x, y = np.arange(size[1]) + 0.5, np.arange(size[0]) + 0.5
    covered = ((x > box[0] - 1) & (x < box[0] + box[2] + 1))[None] & ((y > box[1] - 1) & (y < box[1] + box[3] + 1))[
        :, None
    ]
    assert not inside[~covered].any()
    values = sampled(square, box, size)
    clear = np.abs(values - 0.5) > 1e-4  # of fp32 against fp64
    near = ((x > box[0]) & (x < box[0] + box[2]))[None] & ((y > box[1]) & (y < box[1] + box[3]))[:, None]
    assert np.array_equal(inside[clear & near], values[clear & near] >= 0.5)


def test_a_box_beside_the_image_has_an_empty_mask():
    masks = paste(np.ones((2, 28, 28), np.float32), np.array([[70.0, 5, 10, 10], [-20, -20, 5, 5]]), (50, 60))
    assert coco.area(list(masks)).tolist() == [0, 0]


def test_masks_of_nothing_have_the_size_of_the_image():
    assert decode([], (7, 9)).shape == (0, 7, 9)
    assert paste(np.zeros((0, 28, 28), np.float32), np.zeros((0, 4)), (7, 9)) == []


@pytest.mark.parametrize("height", [1, 5])
def test_a_mask_of_all_pixels_is_one_run(height):
    code = encode_window(np.ones((height, 4), bool), (0, 0), (height, 4))
    assert coco.area(code) == 4 * height
    assert code == coco.encode(np.ones((height, 4), np.uint8, order="F"))
