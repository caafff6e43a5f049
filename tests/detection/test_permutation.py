"""The permutation test of AP against a loop that gives images to the other side and scores them with pycocotools."""

import detection_cases as cases
import numpy as np
import pytest

from rsbench.detection.detections import Detections
from rsbench.detection.metrics import evaluate, scores_of
from rsbench.detection.permutation import paired_permutations


def noisy(truth, seed, spread):
    """Detections that stand beside the objects by a given spread in pixels."""
    rng = np.random.default_rng(seed)
    found = {}
    for item, one in zip(truth.items, truth.objects, strict=True):
        boxes = np.abs(one.boxes + rng.normal(0, spread, one.boxes.shape))
        found[item] = Detections(boxes, one.labels, rng.random(len(one)))
    return found


def matches(truth, found):
    return evaluate(truth, found, "bbox").matches


def test_every_draw_is_what_pycocotools_gives_for_images_that_change_sides(monkeypatch):
    truth, _ = cases.case(8, images=8, crowd=0.1, masks=False, even=True)
    runs = [noisy(truth, seed, spread) for seed, spread in ((0, 2.0), (1, 3.0))]
    seen = {}

    def capture(found, score, items, permutations, seed):
        stays = np.random.default_rng(5).random((12, items)) < 0.5
        seen.update(found=found[0], stays=stays, values=score(stays)[:, 0])
        return []

    monkeypatch.setattr("rsbench.detection.permutation.permutation_tests", capture)
    both = [matches(truth, run) for run in runs]
    with pytest.raises(ValueError, match="zip"):  # no test comes back
        paired_permutations(both[:1], both[1:])

    def ap(found):
        return cases.oracle_scores(truth, found, "bbox")["AP"]

    assert seen["found"] == pytest.approx(ap(runs[0]) - ap(runs[1]))
    for stays, value in zip(seen["stays"], seen["values"], strict=True):
        own, other = (
            {item: runs[side ^ (not stay)][item] for item, stay in zip(both[0].items, stays, strict=True)}
            for side in (0, 1)
        )
        assert value == pytest.approx(ap(own) - ap(other))


def test_a_clear_difference_is_shown_and_none_of_a_run_to_itself():
    truth, _ = cases.case(8, images=40, crowd=0, masks=False, even=True)
    better, worse = (matches(truth, noisy(truth, 1, spread)) for spread in (1.0, 3.0))
    assert paired_permutations([better], [worse], 199)["AP"].p == 1 / 200
    assert paired_permutations([better], [better], 199)["AP"].p == 1.0


def test_of_several_seeds_the_means_are_compared():
    truth, _ = cases.case(9, images=30, crowd=0, masks=False, even=True)
    a, b = ([matches(truth, noisy(truth, seed, 2.0)) for seed in seeds] for seeds in ((0, 1), (2, 3)))
    assert scores_of(a[0])["AP"] != scores_of(a[1])["AP"]
    assert paired_permutations(a, b, 199)["AP"] == paired_permutations(b, a, 199)["AP"]
    assert paired_permutations(a, b, 199)["AP"].p > 0.05


def test_different_numbers_of_seeds_are_refused():
    truth, _ = cases.case(9, images=5, masks=False)
    one = matches(truth, noisy(truth, 0, 2.0))
    with pytest.raises(ValueError, match="1 seeds and 2"):
        paired_permutations([one], [one, one])
