"""Scores against torchmetrics and plain loops; what is absent has no score."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassJaccardIndex

from rsbench.segmentation.metrics import bootstrap_scores, confusion, score_array, score_names, scores
from rsbench.statistics import percentile_interval, resampled_scores

IGNORE = 255
NAMES = tuple(f"class{number}" for number in range(40))


@st.composite
def scenes(draw, most=40):
    """(labels, predicted, classes) of a small scene: some classes may be absent, some pixels ignored, or all."""
    classes = draw(st.integers(2, most))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    true, found = (draw(st.integers(1, classes)) for _ in range(2))
    labels, predicted = (rng.integers(0, top, shape).astype(np.uint8) for top in (true, found))
    labels[rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = IGNORE
    return labels, predicted, classes


@given(scenes())
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_torchmetrics(scene):
    labels, predicted, classes = scene
    oracle = MulticlassConfusionMatrix(classes, ignore_index=IGNORE)
    oracle.update(torch.from_numpy(predicted), torch.from_numpy(labels).long())
    found = confusion(*scene)
    assert found.dtype == np.int64
    assert np.array_equal(found, oracle.compute().numpy())


@given(scenes(most=12))
@settings(max_examples=60, deadline=None)
def test_scores_are_those_of_torchmetrics_where_a_class_has_one(scene):
    labels, predicted, classes = scene
    matrix = confusion(*scene)
    found = scores(matrix, NAMES[:classes])
    pair = torch.from_numpy(predicted), torch.from_numpy(labels).long()

    def oracle(kind, average):
        metric = kind(classes, average=average, ignore_index=IGNORE)
        metric.update(*pair)
        return metric.compute().numpy()

    true, either = matrix.sum(1) > 0, matrix.sum(0) + matrix.sum(1) > 0
    iou, accuracy = oracle(MulticlassJaccardIndex, "none"), oracle(MulticlassAccuracy, "none")
    expected = {f"IoU_{NAMES[c]}": iou[c] for c in range(classes) if either[c]}
    expected |= {f"Acc_{NAMES[c]}": accuracy[c] for c in range(classes) if true[c]}
    if true.any():
        expected["mIoU"] = oracle(MulticlassJaccardIndex, "macro")
        expected["mAcc"] = accuracy[true].mean()
        expected["aAcc"] = oracle(MulticlassAccuracy, "micro")
    assert found == pytest.approx({name: float(value) for name, value in expected.items()}, abs=1e-6)


@given(scenes())
@settings(max_examples=60, deadline=None)
def test_mean_accuracy_is_never_below_mean_iou(scene):
    found = scores(confusion(*scene), NAMES[: scene[2]])
    assert found.get("mAcc", 0.0) >= found.get("mIoU", 0.0) - 1e-12
    assert all(0 <= value <= 1 for value in found.values())


def test_scores_of_the_whole_are_not_means_over_tiles():
    small, large = np.array([[0, 1], [0, 1]]), np.array([[90, 0], [0, 8]])
    whole = scores(small + large, ["background", "building"])
    assert whole["IoU_building"] == pytest.approx(9 / 10)
    assert whole["IoU_background"] == pytest.approx(90 / 91)
    assert whole["mIoU"] == pytest.approx((9 / 10 + 90 / 91) / 2)


def test_absent_classes_have_no_score_and_do_not_enter_the_means():
    matrix = np.array([[5, 0, 1], [0, 0, 0], [0, 0, 0]])
    found = scores(matrix, ["a", "b", "c"])
    assert found == pytest.approx(
        {"mIoU": (5 / 6 + 0) / 2, "mAcc": 5 / 6, "aAcc": 5 / 6, "IoU_a": 5 / 6, "IoU_c": 0.0, "Acc_a": 5 / 6}
    )
    assert scores(np.zeros((2, 2), int), ["a", "b"]) == {}


@given(st.lists(scenes(most=3).map(lambda scene: confusion(scene[0], scene[1], 3)), min_size=1, max_size=6))
@settings(max_examples=30, deadline=None)
def test_many_matrices_at_once_score_as_one_by_one(matrices):
    names = score_names(NAMES[:3])
    for matrix, row in zip(matrices, score_array(np.array(matrices)), strict=True):
        one = scores(matrix, NAMES[:3])
        assert one == {name: value for name, value in zip(names, row, strict=True) if not np.isnan(value)}


@pytest.mark.parametrize("classes", [2, 3, 19, 254, 255])
def test_every_pair_of_classes_has_its_own_count(classes):
    labels, predicted = np.indices((classes, classes)).astype(np.uint8)
    assert np.array_equal(confusion(labels, predicted, classes), np.ones((classes, classes)))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("spoil", ["predicted", "label", "shape", "type", "ignore"])
def test_what_cannot_be_counted_is_refused(classes, spoil):
    labels, predicted, ignore = np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), IGNORE
    if spoil == "predicted":
        predicted[0, 0] = classes
    elif spoil == "label":
        labels[0, 0] = classes
    elif spoil == "shape":
        predicted = predicted[1:]
    elif spoil == "type":
        predicted = predicted.astype(np.int64)
    else:
        ignore = classes - 1
    with pytest.raises(ValueError, match=r"class|label|uint8"):
        confusion(labels, predicted, classes, ignore)


def test_names_of_classes_become_names_of_metrics():
    assert "IoU_low_vegetation" in score_names(["low vegetation", "clutter/background"])
    assert "Acc_clutter_background" in score_names(["low vegetation", "clutter/background"])
    with pytest.raises(ValueError, match="same name"):
        score_names(["a b", "a_b"])


def tiles(number, classes=2, seed=0):
    """Matrices of tiles that differ in size and difficulty."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(50, 500, (number, 1, 1))
    return np.round(sizes * rng.dirichlet(np.r_[3.0, np.ones(classes**2 - 1)], number).reshape(-1, classes, classes))


def test_the_interval_over_tiles_holds_the_score_of_the_whole():
    counts = tiles(60).astype(np.int64)
    whole, bounds = scores(counts.sum(axis=0), NAMES[:2]), bootstrap_scores(counts, NAMES[:2])
    assert set(bounds) == set(whole)
    assert all(low < whole[name] < high for name, (low, high) in bounds.items())
    assert bounds == bootstrap_scores(counts, NAMES[:2])
    assert bounds != bootstrap_scores(counts, NAMES[:2], seed=1)


def test_each_draw_of_several_seeds_is_the_mean_of_its_scores_on_the_same_tiles():
    seeds = np.stack([tiles(40, seed=seed) for seed in range(3)]).astype(np.int64)
    one_by_one = [resampled_scores(counts, lambda sums: score_array(sums)[:, 0]) for counts in seeds]
    assert bootstrap_scores(seeds, NAMES[:2])["mIoU"] == pytest.approx(percentile_interval(np.mean(one_by_one, axis=0)))
    same = np.stack([seeds[0], seeds[0]])
    assert bootstrap_scores(same, NAMES[:2]) == bootstrap_scores(seeds[0], NAMES[:2])


def test_a_class_in_one_tile_alone_has_no_interval_and_one_in_many_has():
    counts = np.zeros((20, 3, 3), np.int64)
    counts[:, 0, 0] = 90
    counts[:, 1, 1] = 10
    counts[3, 2, 1] = 5  # a third of the draws lack this tile
    bounds = bootstrap_scores(counts, NAMES[:3])
    assert {"mIoU", "mAcc", "aAcc", "IoU_class0", "IoU_class1"} <= set(bounds)
    assert not {"IoU_class2", "Acc_class2"} & set(bounds)
