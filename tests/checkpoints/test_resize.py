"""Fitting relative-position tables to another window: the grid, the spline, and where it is allowed."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import resize_rel_pos_bias_table
from upstream import FAKES

from rsbench import UserError
from rsbench.checkpoints.load import load
from rsbench.checkpoints.read import read_tensors
from rsbench.checkpoints.resize import geometric_grid, resize_bias_table
from rsbench.plugins import load as load_plugins


def table(window, heads, seed=0):
    """A smooth table, as training leaves them: a few waves over the offsets."""
    random = np.random.default_rng(seed)
    side = np.linspace(-1, 1, 2 * window - 1)
    rows, columns = np.meshgrid(side, side, indexing="ij")
    waves = [a * np.cos(2 * rows + b) + c * np.sin(2 * columns + d) for a, b, c, d in random.normal(size=(heads, 4))]
    return torch.from_numpy(np.stack(waves, -1).reshape(-1, heads)).float()


@given(st.integers(2, 13), st.integers(2, 13))
def test_the_grid_is_symmetric_and_its_steps_grow_evenly(window, other):
    grid = geometric_grid(2 * window - 1, 2 * other - 1)
    np.testing.assert_allclose(grid, -grid[::-1])
    steps = np.diff(grid[window - 1 :])
    assert steps[0] == 1
    np.testing.assert_allclose(steps[1:] / steps[:-1], steps[1] if window > 2 else 1)


@pytest.mark.parametrize(("window", "other"), [(6, 7), (7, 8), (6, 8)])
def test_the_outermost_offset_stays_outermost(window, other):
    grid = geometric_grid(2 * window - 1, 2 * other - 1)
    assert grid[-1] == pytest.approx(other - 1, abs=1e-4)
    source = table(window, 3)
    resized = resize_bias_table(source, ((2 * other - 1) ** 2, 3))
    torch.testing.assert_close(resized[0], source[0], rtol=0, atol=1e-3)
    centre, old = (2 * other - 1) ** 2 // 2, (2 * window - 1) ** 2 // 2
    torch.testing.assert_close(resized[centre], source[old], rtol=1e-5, atol=1e-5)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=16, max_size=16))
def test_a_cubic_surface_is_reproduced(coefficients):
    grid = geometric_grid(11, 13)
    surface = np.polynomial.polynomial.polygrid2d(grid / 6, grid / 6, np.reshape(coefficients, (4, 4)))
    fitted = resize_bias_table(torch.from_numpy(surface.reshape(-1, 1)), (169, 1))
    side = np.arange(-6, 7) / 6
    wanted = np.polynomial.polynomial.polygrid2d(side, side, np.reshape(coefficients, (4, 4)))
    np.testing.assert_allclose(fitted.numpy().reshape(13, 13), wanted, atol=1e-4)


def test_it_is_near_timms_linear_interpolation_on_the_same_grid():
    source = table(6, 4)
    theirs = resize_rel_pos_bias_table(source, new_window_size=(7, 7), new_bias_shape=(169, 4))
    assert (resize_bias_table(source, (169, 4)) - theirs).abs().max() < 0.03 * source.abs().max()


def small(name, fake, **kwargs):
    method, variant = load_plugins().method(name)
    return method.replaced(variant, kwargs={**method.weights(variant).kwargs, **fake.kwargs, **kwargs}), variant


def test_a_variant_for_another_window_says_what_it_resized(tmp_path):
    fake = FAKES["gfm/swin_b"](tmp_path, 0)
    loaded = load(*small("gfm/swin_b_224", fake, image_size=224, window=7), fake.file)
    blocks = sum(fake.kwargs["depths"])
    assert loaded.about()["resized"] == {"window": blocks}
    shapes = {shapes.wanted for shapes, _ in loaded.account.resized.values()}
    assert all(rows == 169 for rows, _ in shapes)
    source = read_tensors(fake.file).tensors["encoder.layers.0.blocks.0.attn.relative_position_bias_table"]
    ours = loaded.backbone.model.layers[0].blocks[0].attn.relative_position_bias_table
    torch.testing.assert_close(ours, resize_bias_table(source, tuple(ours.shape)))


def test_no_table_is_resized_where_the_variant_does_not_say_so(tmp_path):
    fake = FAKES["gfm/swin_b"](tmp_path, 0)
    with pytest.raises(UserError, match="of another shape"):
        load(*small("gfm/swin_b", fake, image_size=224, window=7), fake.file)
