"""The CtxMIM objective: the five properties that the paper's text implies, and SimMIM's published formula."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from rsbench.pretraining.masks import enlarge, random_mask
from rsbench.pretraining.model import MaskedImageModel, masked_l1, parameter_groups
from rsbench.pretraining.options import Options, make_options


def options(objective="ctxmim", **changes) -> Options:
    return make_options(objective, "nano", changes={"image_size": 64, **changes})


def batch(count=2, size=64, patch=32, seed=0):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8))
    masks = torch.from_numpy(np.stack([random_mask(size // patch, 0.6, rng) for _ in range(count)]))
    return images, masks


def with_predictions(model, y_re, y_pr):
    """The model with its network replaced by given predictions."""
    model.predict = lambda x, masks, context, context_masks=None: (y_re, y_pr if context else None)
    return model


def test_consistency_loss_sends_no_gradient_into_the_context_branch():
    images, masks = batch()
    y_re = torch.randn(2, 3, 64, 64, requires_grad=True)
    y_pr = torch.randn(2, 3, 64, 64, requires_grad=True)
    with_predictions(MaskedImageModel(options()), y_re, y_pr)(images, masks)["L_Cc"].backward()
    assert y_pr.grad is None
    assert y_re.grad.abs().sum() > 0

    y_re.grad = None
    model = MaskedImageModel(options(stop_gradient=False))
    with_predictions(model, y_re, y_pr)(images, masks)["L_Cc"].backward()
    assert torch.equal(y_pr.grad, -y_re.grad)


def test_masking_features_equals_masking_the_loss_at_cells_of_the_encoders_stride():
    images, masks = batch()
    plain, literal = MaskedImageModel(options()), MaskedImageModel(options(feature_mask=True))
    for name, value in plain(images, masks).items():
        torch.testing.assert_close(literal(images, masks)[name], value, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize(("size", "masked", "cells"), [(192, 22, 36), (224, 30, 49), (128, 10, 16)])
def test_counts_of_masked_cells(size, masked, cells):
    chosen = make_options("ctxmim", "nano", changes={"image_size": size})
    assert (chosen.masked_cells, chosen.mask_grid**2) == (masked, cells)
    assert random_mask(chosen.mask_grid, chosen.mask_ratio, np.random.default_rng(1)).sum() == masked


def test_without_context_branch_it_is_exactly_simmim():
    images, masks = batch()
    ctxmim, simmim = MaskedImageModel(options("ctxmim")), MaskedImageModel(options("simmim"))
    losses = simmim(images, masks)
    assert set(losses) == {"loss", "L_Re"}
    torch.testing.assert_close(losses["loss"], ctxmim(images, masks)["L_Re"], rtol=0, atol=1e-6)

    # SimMIM's published formula, on the prediction of the same network
    x = (images.float() / 255 - torch.tensor(options().mean).view(1, 3, 1, 1)) / torch.tensor(options().std).view(
        1, 3, 1, 1
    )
    prediction, _ = simmim.predict(x, masks, context=False)
    mask = masks.repeat_interleave(8, 1).repeat_interleave(8, 2)  # on tokens of 4 px, as SimMIM keeps it
    mask = mask.repeat_interleave(4, 1).repeat_interleave(4, 2).unsqueeze(1).contiguous()
    published = (F.l1_loss(x, prediction, reduction="none") * mask).sum() / (mask.sum() + 1e-5) / 3
    torch.testing.assert_close(losses["loss"], published, rtol=0, atol=1e-6)


def test_overfitting_one_batch_lowers_all_three_losses():
    chosen = options(learning_rate=2e-3, lr_scaling="none")
    model = MaskedImageModel(chosen)
    images, masks = batch()
    images = images[:, :, :4, :4].repeat_interleave(16, 2).repeat_interleave(16, 3)  # coarse: noise takes too long
    optimizer = torch.optim.AdamW(parameter_groups(model, chosen), lr=2e-3)
    history = []
    for _ in range(150):
        optimizer.zero_grad()
        losses = model(images, masks)
        losses["loss"].backward()
        optimizer.step()
        history.append({name: value.item() for name, value in losses.items()})
    # L_Cc starts near zero (both branches predict the same nothing), so it is compared with its peak
    for name in ("L_Re", "L_Pr"):
        assert history[-1][name] < 0.8 * history[0][name], name
    assert history[-1]["L_Cc"] < 0.8 * max(step["L_Cc"] for step in history)


def test_losses_of_a_tiny_case_computed_by_hand():
    # Two pixels, three channels; the first pixel is masked. |d| there: 1, 2, 3.
    a = torch.tensor([[[[1.0, 9.0]], [[2.0, 9.0]], [[3.0, 9.0]]]])
    pixels = torch.tensor([[[[1.0, 0.0]]]])
    assert float(masked_l1(a, torch.zeros_like(a), pixels)) == pytest.approx(6 / 1 / 3, rel=1e-4)
    assert float(masked_l1(a, torch.zeros_like(a), pixels, per_channel=False)) == pytest.approx(6, rel=1e-4)

    model = MaskedImageModel(options())
    model.normalise = lambda images: torch.zeros(1, 3, 64, 64)  # target 0 everywhere
    y_re, y_pr = torch.full((1, 3, 64, 64), 2.0), torch.full((1, 3, 64, 64), -1.0)
    masks = torch.tensor([[[True, False], [False, True]]])
    losses = with_predictions(model, y_re, y_pr)(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), masks)
    assert {name: round(value.item(), 4) for name, value in losses.items()} == {
        "loss": 6.0,  # 2 + 1 + 3
        "L_Re": 2.0,
        "L_Pr": 1.0,
        "L_Cc": 3.0,
    }


def test_one_forward_of_the_doubled_batch_equals_two():
    images, masks = batch()
    once, twice = MaskedImageModel(options()), MaskedImageModel(options(one_forward=False))
    for name, value in once(images, masks).items():
        torch.testing.assert_close(twice(images, masks)[name], value, rtol=1e-5, atol=1e-6)


def test_the_mask_token_hides_what_is_masked():
    images, masks = batch()
    model = MaskedImageModel(options("simmim")).eval()
    hidden = enlarge(masks, 32).unsqueeze(1)
    other = torch.where(hidden, 255 - images, images)
    first, _ = model.predict(model.normalise(images), masks, context=False)
    second, _ = model.predict(model.normalise(other), masks, context=False)
    torch.testing.assert_close(first, second, rtol=0, atol=0)
    shown = torch.where(hidden, images, 255 - images)
    third, _ = model.predict(model.normalise(shown), masks, context=False)
    assert (first - third).abs().max() > 1e-3


@pytest.mark.parametrize(
    "changes",
    [
        {"pr_on": "all"},
        {"cc_on": "all"},
        {"normaliser": "pixels"},
        {"patch_norm": True},
        {"mask_token_at": "pixels"},
        {"mask_patch": 16},
    ],
)
def test_each_option_changes_the_losses(changes):
    images, masks = batch(patch=changes.get("mask_patch", 32))
    torch.manual_seed(0)
    base = MaskedImageModel(options(mask_patch=changes.get("mask_patch", 32)))(images, masks)
    other = MaskedImageModel(options(**changes))(images, masks)
    same = all(torch.equal(base[name], other[name]) for name in base)
    assert same == (changes == {"mask_patch": 16})
    assert all(math.isfinite(float(value.detach())) for value in other.values())


def test_a_mask_of_its_own_for_the_context_branch():
    images, masks = batch(seed=0)
    model = MaskedImageModel(options(shared_mask=False))
    shared, own = model(images, masks, masks), model(images, masks, ~masks)
    assert torch.equal(shared["L_Re"], own["L_Re"])
    assert torch.equal(shared["L_Cc"], own["L_Cc"])
    assert not torch.equal(shared["L_Pr"], own["L_Pr"])


def test_weight_decay_follows_simmims_code_and_its_intention_on_request():
    def without_decay(chosen):
        model = MaskedImageModel(chosen)
        ids = {id(parameter) for parameter in parameter_groups(model, chosen)[1]["params"]}
        return {name for name, parameter in model.named_parameters() if id(parameter) in ids}

    code, intention = without_decay(options()), without_decay(options(decay_position_tables=False))
    assert "mask_token" in code and "encoder.model.norm.bias" in code
    assert not any("relative_position_bias_table" in name for name in code)
    tables = intention - code
    assert len(tables) == 6 and all("relative_position_bias_table" in name for name in tables)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.floats(0.01, 0.99), st.integers(0, 2**32))
def test_masks_have_exactly_the_asked_number_of_cells(grid, ratio, seed):
    mask = random_mask(grid, ratio, np.random.default_rng(seed))
    assert mask.shape == (grid, grid)
    assert mask.sum() == math.ceil(grid * grid * ratio)


def test_every_cell_is_masked_equally_often():
    rng = np.random.default_rng(0)
    share = np.mean([random_mask(6, 0.6, rng) for _ in range(4000)], axis=0)
    assert np.abs(share - 22 / 36).max() < 5 * math.sqrt(22 / 36 * 14 / 36 / 4000)


def test_schedule_warms_up_and_falls_to_the_minimum():
    chosen = make_options("ctxmim", "swin_b")
    assert chosen.peak_lr == pytest.approx(2e-4)
    assert chosen.lr(0, 100) == pytest.approx(1e-6)
    assert chosen.lr(1000, 100) == pytest.approx(2e-4)
    assert chosen.lr(9999, 100) == pytest.approx(1e-5, rel=1e-3)
    assert make_options("ctxmim", "swin_b", "paper", {"batch_size": 64}).peak_lr == 1e-5
