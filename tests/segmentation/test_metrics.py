"""Scores against torchmetrics and plain loops; what is absent has no score."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.classification import MulticlassAccuracy, MulticlassConfusionMatrix, MulticlassJaccardIndex

from rsbench.segmentation.metrics import bootstrap_scores, confusion, score_array, score_names, scores
from rsbench.statistics import paired_score_difference, percentile_interval, resampled_scores

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
    one_by_one = [resampled_scores(counts, lambda sums, whole: score_array(sums, whole)[:, 0]) for counts in seeds]
    assert bootstrap_scores(seeds, NAMES[:2])["mIoU"] == pytest.approx(percentile_interval(np.mean(one_by_one, axis=0)))
    same = np.stack([seeds[0], seeds[0]])
    assert bootstrap_scores(same, NAMES[:2]) == bootstrap_scores(seeds[0], NAMES[:2])


def test_a_class_in_one_tile_alone_has_no_interval_and_one_in_many_has():
    counts = np.zeros((20, 3, 3), np.int64)
    counts[:, 0, 0] = 90
    counts[:, 1, 1] = 10
    counts[3, 2, 1] = 5  # a third of the draws lack this tile
    bounds = bootstrap_scores(counts, NAMES[:3])
    assert set(bounds) == {"aAcc", "IoU_class0", "IoU_class1", "Acc_class0", "Acc_class1"}


def rare(number, tiles=10, predicted=True):
    """Perfect background; ``number`` of the tiles hold buildings, half of which are found."""
    counts = np.zeros((tiles, 2, 2), np.int64)
    counts[:, 0, 0] = 90
    counts[:number, 1] = [5, 5] if predicted else [10, 0]
    return counts


MIOU = score_names(NAMES[:2]).index("mIoU")


def test_a_mean_over_fewer_classes_than_the_whole_set_has_is_none():
    whole = rare(1).sum(axis=0)
    draw = 10 * rare(0)[0]
    names = score_names(NAMES[:2])
    found = dict(zip(names, score_array(draw, whole), strict=True))
    assert np.isnan([found["mIoU"], found["mAcc"], found["IoU_class1"]]).all()
    assert (found["aAcc"], found["IoU_class0"]) == (1.0, 1.0)
    assert np.array_equal(score_array(draw, draw), score_array(draw), equal_nan=True)
    only_predicted = draw + np.array([[0, 1], [0, 0]])
    found = dict(zip(names, score_array(draw, only_predicted), strict=True))
    assert np.isnan(found["mIoU"])
    assert found["mAcc"] == 1.0  # no accuracy of a class that is not in the truth of the whole set either


@given(st.lists(scenes(most=3).map(lambda scene: confusion(scene[0], scene[1], 3)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_draw_has_the_means_of_plain_loops_or_none(matrices):
    whole = np.sum(matrices, axis=0)
    everything = scores(whole, NAMES[:3])
    for matrix, row in zip(matrices, score_array(np.array(matrices), whole), strict=True):
        own = scores(matrix, NAMES[:3])
        for name, value in zip(score_names(NAMES[:3]), row, strict=True):
            of_classes = {"mIoU": "IoU_", "mAcc": "Acc_"}.get(name, "nothing")
            lost = [key for key in everything if key.startswith(of_classes) and key not in own]
            assert np.isnan(value) if lost or name not in own else value == own[name]


@pytest.mark.parametrize("seeds", [1, 3])
def test_no_interval_mixes_means_over_all_classes_with_means_over_some(seeds):
    few = np.stack([rare(2)] * seeds)  # one draw in ten has no building
    bounds = bootstrap_scores(few, NAMES[:2])
    assert not {"mIoU", "mAcc", "IoU_class1"} & set(bounds)
    assert "aAcc" in bounds
    enough = bootstrap_scores(np.stack([rare(4)] * seeds), NAMES[:2])  # six draws in a thousand
    assert enough["mIoU"][1] < 0.8
    assert enough["mAcc"] == (0.75, 0.75)


def test_one_seed_without_a_class_that_it_has_elsewhere_makes_the_draw_have_none():
    absent = rare(0, tiles=20)
    stray = absent.copy()
    stray[0, 0, 1] = 3  # predicted in one tile, never true
    assert bootstrap_scores(absent, NAMES[:2])["mIoU"] == (1.0, 1.0)
    assert "mIoU" not in bootstrap_scores(stray, NAMES[:2])
    assert "mIoU" not in bootstrap_scores(np.stack([absent, stray]), NAMES[:2])
    assert bootstrap_scores(np.stack([absent, stray]), NAMES[:2])["mAcc"][1] == 1.0  # none is in the truth


def test_a_paired_difference_mixes_no_means_either():
    def miou(sums, whole):
        return score_array(sums, whole)[:, MIOU]

    assert paired_score_difference(rare(2), rare(2, predicted=False), miou) is None
    found = paired_score_difference(rare(4), rare(4, predicted=False), miou)
    assert found.mean == pytest.approx(0.25 + (900 / 920 - 900 / 940) / 2)
    assert 0.2 < found.low <= found.mean <= found.high < 0.3


def test_a_paired_difference_asks_each_run_for_its_own_classes():
    def miou(sums, whole):
        return score_array(sums, whole)[:, MIOU]

    absent = rare(0, tiles=20)
    stray = absent + np.array([[0, 1], [0, 0]])  # a class in every tile that the other run never has
    found = paired_score_difference(absent, stray, miou)
    assert found.mean == pytest.approx(1 - 90 / 91 / 2)
    assert paired_score_difference(stray, stray, miou).mean == 0.0
