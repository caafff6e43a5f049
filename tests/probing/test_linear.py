"""Stacked heads against a plain PyTorch loop; held-out choice; k-NN against scikit-learn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from rsbench.errors import RunError, UserError
from rsbench.probing.knn import knn_predict
from rsbench.probing.linear import Recipe, Standardiser, epoch_order, fit_heads, initial_head
from rsbench.probing.protocols import PAPER, SWEPT
from rsbench.probing.solve import SOLVERS, Problem, hold_out


def plain_loop(features, labels, classes, lr, weight_decay, recipe, seed):
    """A linear head trained batch by batch with autograd and torch.optim.SGD: the reference."""
    head = nn.Linear(features.shape[1], classes)
    weight, bias = initial_head(classes, features.shape[1], seed)
    head.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})
    optimizer = torch.optim.SGD(head.parameters(), lr=lr, momentum=recipe.momentum, weight_decay=weight_decay)
    milestones = [int(share * recipe.epochs) for share in recipe.milestones]
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, recipe.gamma)
    x, y = torch.from_numpy(features), torch.from_numpy(labels)
    for epoch in range(recipe.epochs):
        for batch in torch.from_numpy(epoch_order(len(x), seed, epoch)).split(recipe.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(head(x[batch]), y[batch]).backward()
            optimizer.step()
        schedule.step()
    return head.weight.detach().numpy(), head.bias.detach().numpy()


def data(count=300, dimension=40, classes=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    centres = rng.normal(size=(classes, dimension))
    return (centres[labels] + rng.normal(scale=1.5, size=(count, dimension))).astype(np.float32), labels


PAPER_RECIPE = Recipe(epochs=100, batch_size=64, momentum=0.9, milestones=(0.6, 0.8), gamma=0.1)


def test_the_papers_recipe_follows_a_plain_loop_to_1e_5():
    features, labels = data()
    heads = fit_heads(features, labels, 5, [1e-4], [5e-4], PAPER_RECIPE, seed=3)
    weight, bias = plain_loop(features, labels, 5, 1e-4, 5e-4, PAPER_RECIPE, seed=3)
    np.testing.assert_allclose(heads.weight[0], weight, rtol=0, atol=1e-5)
    np.testing.assert_allclose(heads.bias[0], bias, rtol=0, atol=1e-5)


@settings(deadline=None, max_examples=12)
@given(
    count=st.integers(9, 90),
    batch_size=st.integers(2, 40),
    classes=st.integers(2, 6),
    lrs=st.lists(st.sampled_from([1e-3, 1e-2, 0.1]), min_size=1, max_size=4),
    decay=st.sampled_from([0.0, 5e-4, 0.05]),
    milestones=st.sampled_from([(0.6, 0.8), (0.5,), ()]),
    seed=st.integers(0, 1000),
)
def test_stacked_heads_each_follow_a_plain_loop(count, batch_size, classes, lrs, decay, milestones, seed):
    features, labels = data(count, 12, classes, seed)
    recipe = Recipe(epochs=7, batch_size=batch_size, momentum=0.9, milestones=milestones, gamma=0.1)
    heads = fit_heads(features, labels, classes, lrs, [decay] * len(lrs), recipe, seed)
    for k, lr in enumerate(lrs):
        if batch_size > count:
            recipe = Recipe(epochs=7, batch_size=count, momentum=0.9, milestones=milestones, gamma=0.1)
        weight, bias = plain_loop(features, labels, classes, lr, decay, recipe, seed)
        np.testing.assert_allclose(heads.weight[k], weight, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(heads.bias[k], bias, rtol=1e-4, atol=1e-5)


def problem(seed=0):
    features, labels = data(900, 30, 4, seed)
    cut = {"train": slice(0, 500), "val": slice(500, 700), "test": slice(700, 900)}
    return Problem(
        {part: features[rows] for part, rows in cut.items()},
        {part: labels[rows] for part, rows in cut.items()},
        4,
        "train",
    )


def test_the_choice_of_the_sweep_does_not_see_the_reported_parts():
    quick = SWEPT.with_settings({"epochs": "10"})
    honest = problem()
    scrambled = Problem(
        {**honest.features, "val": honest.features["val"][::-1].copy() * 7, "test": honest.features["test"] * -1},
        {**honest.labels, "val": np.roll(honest.labels["val"], 1), "test": np.zeros(200, dtype=np.int64)},
        4,
        "train",
    )
    assert SOLVERS["swept"](honest, quick, 0).selected == SOLVERS["swept"](scrambled, quick, 0).selected


def test_the_sweep_takes_the_best_of_the_held_out_grid_and_flags_its_edge():
    solution = SOLVERS["swept"](problem(), SWEPT.with_settings({"epochs": "10"}), 0)
    grid = solution.selected["grid_top1"]
    assert len(grid) == 13 * 3
    assert solution.selected["held_out_top1"] == pytest.approx(max(grid.values()), abs=1e-3)
    narrow = SWEPT.with_settings({"epochs": "10", "lrs": "1e-5,1e-4", "weight_decays": "0"})
    flags = SOLVERS["swept"](problem(), narrow, 0).flags
    assert flags == ["learning rate 0.0001 at the edge of the grid"]


def test_a_diverged_head_loses_the_sweep_and_fails_the_papers_recipe():
    wild = SWEPT.with_settings({"epochs": "10", "lrs": "1e-2,1e30", "weight_decays": "0"})
    assert SOLVERS["swept"](problem(), wild, 0).selected["lr"] == 1e-2
    with pytest.raises(RunError, match="diverged"):
        SOLVERS["sgd"](problem(), PAPER.with_settings({"lr": "1e30", "epochs": "5"}), 0)
    with pytest.raises(RunError, match="Every head"):
        SOLVERS["swept"](problem(), wild.with_settings({"lrs": "1e30", "weight_decays": "5e-4"}), 0)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 4), min_size=10, max_size=80), st.floats(0.02, 0.9), st.integers(0, 99))
def test_hold_out_is_a_stratified_partition(labels, share, seed):
    labels = np.concatenate([np.array(labels), np.repeat(np.unique(labels), 2)])
    kept, held = hold_out(labels, share, seed)
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for label in np.unique(labels):
        total, taken = (labels == label).sum(), (labels[held] == label).sum()
        assert 1 <= taken < total
        assert abs(taken - share * total) <= 1
    assert all(np.array_equal(a, b) for a, b in zip(hold_out(labels, share, seed), (kept, held), strict=True))


def test_hold_out_refuses_a_class_with_one_image():
    with pytest.raises(UserError, match="one training image"):
        hold_out(np.array([0, 0, 1]), 0.1, 0)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30), st.integers(0, 10_000))
def test_knn_equals_scikit_learn(k, seed):
    features, labels = data(120, 8, 4, seed)
    train, queries = features[:90], features[90:]
    reference = KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(train, labels[:90])
    assert (knn_predict(train, labels[:90], queries, k, 4) == reference.predict(queries)).all()


def test_knn_survives_a_zero_vector_and_refuses_too_many_neighbours():
    assert knn_predict(np.zeros((2, 3), np.float32), np.array([1, 1]), np.zeros((1, 3), np.float32), 1, 2) == [1]
    from rsbench.probing.protocols import KNN

    with pytest.raises(UserError, match="k=501"):
        SOLVERS["knn"](problem(), KNN.with_settings({"k": "501"}), 0)


def test_standardised_training_features_have_mean_zero_and_spread_one():
    features, _ = data()
    features[:, 3] = 2.5
    out = Standardiser.fit(features)(features)
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.delete(out.std(0), 3), 1, atol=1e-4)
    assert (out[:, 3] == 0).all()
