"""COCO figures: equal to pycocotools, to a case worked out by hand, and to draws of images that are evaluated."""

from dataclasses import replace

import detection_cases as cases
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rsbench.datasets.detection import Objects, no_objects
from rsbench.detection import metrics
from rsbench.detection.detections import Detections
from rsbench.detection.metrics import bootstrap_scores, evaluate, paired_differences, score_names, scores_of
from rsbench.detection.truth import Truth, truth_of
from rsbench.errors import RunError

SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def same(ours, theirs, tolerance=1e-12):
    assert ours.keys() == theirs.keys()
    assert max((abs(ours[name] - theirs[name]) for name in ours), default=0.0) < tolerance


@SOME
@given(
    seed=st.integers(0, 10**6), kind=st.sampled_from(["bbox", "segm"]), ties=st.booleans(),
    max_dets=st.sampled_from([1, 3, 10, 100]), crowd=st.sampled_from([0.0, 0.15, 0.6]), classes=st.integers(1, 4),
)  # fmt: skip
def test_random_cases_equal_pycocotools(seed, kind, ties, max_dets, crowd, classes):
    truth, found = cases.case(seed, crowd=crowd, ties=ties, classes=classes)
    same(evaluate(truth, found, kind, max_dets).values, cases.oracle_scores(truth, found, kind, max_dets))


def test_many_objects_and_detections_of_one_class_equal_pycocotools():
    truth, found = cases.case(7, images=6, most=80, dets=200, classes=1, crowd=0.05, masks=False)
    assert max(map(len, found.values())) > 100
    same(evaluate(truth, found, "bbox").values, cases.oracle_scores(truth, found, "bbox"))


def hand_case(fifth=False):
    """One image. A: 4 objects, found with IoU 1, 0.6, 0.4 and not; B: 2, with 0.8 and 0.55 (at a score of 0.001);
    C: none; D: 1, not found; E: 1, found at rank 101 behind 100 wrong ones."""

    def narrowed(box, iou):
        return [box[0], box[1], box[2] * iou, box[3]]

    there = {"A": [[100.0 * n, 0, 50, 50] for n in range(4)], "B": [[100.0 * n, 100, 50, 50] for n in range(2)]}
    there |= {"D": [[0.0, 200, 50, 50]]} | ({"E": [[0.0, 300, 50, 50]]} if fifth else {})
    guessed = [("A", there["A"][0], 1.0, 0.9), ("A", there["A"][1], 0.6, 0.8), ("A", there["A"][2], 0.4, 0.7)]
    guessed += [("B", there["B"][0], 0.8, 0.9), ("B", there["B"][1], 0.55, 0.001), ("C", [500, 0, 9, 9], 1.0, 0.5)]
    if fifth:
        guessed += [("E", [500.0, 300 + n, 20, 20], 1.0, 0.9) for n in range(100)]
        guessed += [("E", there["E"][0], 1.0, 0.1)]
    classes = ("A", "B", "C", "D", "E") if fifth else ("A", "B", "C", "D")
    labels = np.array([classes.index(name) for name, boxes in there.items() for _ in boxes])
    boxes = np.array([box for boxes in there.values() for box in boxes])
    objects = Objects(boxes, labels, boxes[:, 2] * boxes[:, 3], np.zeros(len(boxes), bool))
    truth = Truth(("x",), (1,), ((600, 600),), (objects,), classes, tuple(range(1, len(classes) + 1)))
    found = Detections(
        np.array([narrowed(box, iou) for _, box, iou, _ in guessed], np.float64),
        np.array([classes.index(name) for name, *_ in guessed]),
        np.array([score for *_, score in guessed]),
    )
    return truth, {"x": found}


def test_recall_at_one_threshold_is_that_of_the_case_worked_out_by_hand():
    found = evaluate(*hand_case(), "bbox").values
    assert (found["AR50"], found["AR75"]) == (0.5, 0.25)  # (2/4 + 2/2 + 0) / 3, (1/4 + 1/2 + 0) / 3
    assert (found["AR50_A"], found["AR75_A"], found["AR50_B"], found["AR75_B"]) == (0.5, 0.25, 1.0, 0.5)
    assert found["AR50_D"] == 0.0
    assert not [name for name in found if name.endswith("_C")]  # no object: not zero, but absent


def test_max_dets_cuts_what_stands_behind_a_hundred_others():
    case = hand_case(fifth=True)
    at_100, at_101 = (evaluate(*case, "bbox", count).values for count in (100, 101))
    assert (at_100["AR50"], at_100["AR75"], at_100["AR_E"]) == (0.375, 0.1875, 0.0)
    assert (at_101["AR50"], at_101["AR_E"]) == (0.625, 1.0)


def test_f1_is_the_harmonic_mean_of_ap_and_ar():
    found = evaluate(*cases.case(2), "bbox").values
    for end, ap, ar in (("F1", "AP", "AR"), ("F1_75", "AP75", "AR75")):
        assert found[end] == pytest.approx(2 * found[ap] * found[ar] / (found[ap] + found[ar]), abs=1e-12)
    assert evaluate(*hand_case(), "bbox").values["F1_D"] == 0.0


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_without_detections_all_is_zero_and_nothing_is_not_a_number(kind):
    truth, _ = cases.case(4)
    found = evaluate(truth, {}, kind).values
    assert found
    assert set(found.values()) == {0.0}


def test_without_objects_there_are_no_scores():
    truth, found = cases.case(4)
    empty = replace(truth, objects=tuple(no_objects(True) for _ in truth.items))
    assert evaluate(empty, found, "bbox").values == {}
    assert bootstrap_scores(evaluate(empty, found, "bbox").matches) == {}


def test_areas_of_masks_are_those_of_the_masks_and_not_of_their_boxes():
    """An object of 60 x 60 px whose mask has 900: small, though its box is medium."""
    window = np.zeros((160, 160), np.uint8, order="F")
    window[10:70, 10:25] = 1
    mask = cases.run_lengths.encode(window)
    box = np.array([[10.0, 10, 60, 60]])
    objects = Objects(box, np.array([0]), np.array([900.0]), np.array([False]), (mask,))
    truth = Truth(("x",), (1,), ((160, 160),), (objects,), ("ship",), (1,))
    wrong = Detections(np.array([[90.0, 90, 60, 60]]), np.array([0]), np.array([0.9]), [shifted(window)])
    right = Detections(box, np.array([0]), np.array([0.5]), [mask])
    both = Detections(*(np.concatenate([getattr(one, name) for one in (wrong, right)]) for name in
                        ("boxes", "labels", "scores")), [*wrong.masks, *right.masks])  # fmt: skip
    found = evaluate(truth, {"x": both}, "segm").values
    assert found["APs"] == pytest.approx(0.5)  # the wrong one, small too, comes first
    assert evaluate(truth, {"x": both}, "bbox").values["APs"] == pytest.approx(1.0)  # a medium box does not count


def shifted(window):
    return cases.run_lengths.encode(np.asfortranarray(np.roll(window, 80, axis=(0, 1))))


def test_numbers_begin_at_one_and_the_truth_passes_through_unchanged():
    truth, _ = cases.case(1)
    coco = truth.coco("bbox")
    assert [one["id"] for one in coco["annotations"]] == list(range(1, len(coco["annotations"]) + 1))
    assert {one["id"] for one in coco["images"]} == set(truth.image_ids)
    assert {one["id"]: one["name"] for one in coco["categories"]} == dict(
        zip(truth.category_ids, truth.classes, strict=True)
    )
    expected = [box for found in truth.objects for box in found.boxes.tolist()]
    assert [one["bbox"] for one in coco["annotations"]] == expected
    assert [one["area"] for one in coco["annotations"]] == [a for found in truth.objects for a in found.areas.tolist()]


def test_a_dataset_gives_its_truth():
    import tiny_detection as tiny

    dataset = tiny.tiny_masks.open(None, tiny.demo(None, 0))
    truth = truth_of(dataset, dataset.parts["val"])
    assert truth.items == dataset.parts["val"]
    assert truth.image_ids == tuple(tiny.NUMBERS[key] for key in truth.items)
    assert truth.category_ids == tiny.CATEGORIES
    assert sum(map(len, truth.objects)) == len(truth.coco("segm")["annotations"])


def test_detections_of_an_image_that_is_not_there_are_refused():
    truth, found = cases.case(1)
    with pytest.raises(ValueError, match="nowhere"):
        evaluate(truth, {**found, "nowhere": next(iter(found.values()))}, "bbox")


def test_two_computations_that_disagree_are_an_error(monkeypatch):
    truth, found = cases.case(1)
    right = metrics.scores_of
    monkeypatch.setattr(metrics, "scores_of", lambda matches: {**right(matches), "AP50": right(matches)["AP50"] + 1e-6})
    with pytest.raises(RunError, match="AP50"):
        evaluate(truth, found, "bbox")


def drawn_truth(truth, found, times):
    """The data set in which each image is there as often as it was drawn, under numbers in the same order."""
    order = np.argsort(truth.image_ids)
    rows = [i for i in order for _ in range(times[truth.items[i]])]
    items = tuple(f"{n:03d}" for n in range(len(rows)))
    many = Truth(
        items, tuple(range(1, len(rows) + 1)), tuple(truth.sizes[i] for i in rows),
        tuple(truth.objects[i] for i in rows), truth.classes, truth.category_ids,
    )  # fmt: skip
    return many, {item: found[truth.items[i]] for item, i in zip(items, rows, strict=True) if truth.items[i] in found}


@settings(SOME, max_examples=25)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["bbox", "segm"]))
def test_images_that_count_several_times_equal_pycocotools_on_copies_of_them(seed, kind):
    truth, found = cases.case(seed)
    matches = evaluate(truth, found, kind).matches
    weights = np.random.default_rng(seed).integers(0, 4, len(matches.items))
    many, copies = drawn_truth(truth, found, dict(zip(matches.items, weights.tolist(), strict=True)))
    same(scores_of(matches, weights), cases.oracle_scores(many, copies, kind) if many.items else {})


def test_the_bootstrap_is_the_loop_over_draws_that_are_evaluated_anew():
    truth, found = cases.case(11, images=30, classes=2, masks=False, even=True)
    matches = evaluate(truth, found, "bbox").matches
    whole, draws = scores_of(matches), 60
    rng = np.random.default_rng(3)
    weights = rng.multinomial(30, np.full(30, 1 / 30), size=draws)
    rows = []
    for one in weights:
        many, copies = drawn_truth(truth, found, dict(zip(matches.items, one.tolist(), strict=True)))
        rows.append(cases.oracle_scores(many, copies, "bbox"))
    bounds = bootstrap_scores(matches, resamples=draws, seed=3)
    assert {"AP", "AR75", "F1_75", "APm", f"AP_{cases.CLASSES[0]}_0"} <= bounds.keys()
    for name, (low, high) in bounds.items():
        area = {"s": 1, "m": 2, "l": 3}.get(name[2:], 0)
        counts = matches.objects[:, :, area]
        of_all = "_" not in name.replace("F1_75", "")
        lost = ((weights @ counts == 0) & (counts.sum(axis=0) > 0)).any(axis=1) & of_all
        values = [row[name] for row, without in zip(rows, lost, strict=True) if not without and name in row]
        assert (low, high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=1e-12)
        assert low <= whole[name] <= high


def test_a_score_that_many_draws_lack_has_no_interval():
    """The only image of the second class is in 1 - (1 - 1/20)^20 of the draws, about two thirds."""
    box = np.array([[10.0, 10, 50, 50]])
    objects = tuple(Objects(box, np.array([int(n == 0)]), np.array([2500.0]), np.array([False])) for n in range(20))
    items = tuple(f"{n:02d}" for n in range(20))
    truth = Truth(items, tuple(range(1, 21)), ((99, 99),) * 20, objects, ("ship", "harbor"), (1, 2))
    found = {item: Detections(box, np.array([int(n == 0)]), np.array([0.5])) for n, item in enumerate(items)}
    bounds = bootstrap_scores(evaluate(truth, found, "bbox").matches)
    assert bounds["AP_ship"] == pytest.approx((1.0, 1.0))
    assert not {"AP", "AR", "F1", "APm", "AP_harbor"} & bounds.keys()


def noisy(truth, seed, spread):
    """Detections near the objects."""
    rng = np.random.default_rng(seed)
    return {
        item: Detections(
            np.abs(one.boxes + rng.normal(0, spread, one.boxes.shape)), one.labels, rng.random(len(one))
        )
        for item, one in zip(truth.items, truth.objects, strict=True)
    }  # fmt: skip


def test_several_seeds_share_their_draws_and_give_the_interval_of_their_mean():
    truth, _ = cases.case(8, images=40, crowd=0, masks=False, even=True)
    runs = [evaluate(truth, noisy(truth, seed, 3), "bbox").matches for seed in range(3)]
    alone = [bootstrap_scores(one, resamples=300)["AP50"] for one in runs]
    together = bootstrap_scores(runs, resamples=300)["AP50"]
    mean = np.mean([scores_of(one)["AP50"] for one in runs])
    assert together[0] < mean < together[1]
    assert bootstrap_scores([runs[0]] * 3, resamples=300)["AP50"] == pytest.approx(alone[0])
    with pytest.raises(ValueError, match="other images"):
        bootstrap_scores([runs[0], replace(runs[1], items=runs[1].items[::-1])])


def test_a_paired_comparison_is_sharper_than_two_intervals_and_sees_no_difference_of_a_run_to_itself():
    truth, _ = cases.case(8, images=60, crowd=0, masks=False, even=True)
    better, worse = (evaluate(truth, noisy(truth, 1, spread), "bbox").matches for spread in (1.0, 3.0))
    found = paired_differences(better, worse, resamples=400)["AP"]
    assert found.mean == pytest.approx(scores_of(better)["AP"] - scores_of(worse)["AP"])
    assert found.low > 0
    assert found.low < found.mean < found.high
    none = paired_differences(better, better, resamples=100)["AP"]
    assert (none.mean, none.low, none.high) == (0.0, 0.0, 0.0)
    assert paired_differences(worse, better, resamples=400)["AP"].high == pytest.approx(-found.low)


def test_two_classes_that_have_one_name_are_refused():
    assert score_names(["a b"])[-1] == "F1_75_a_b"
    with pytest.raises(ValueError, match="same name"):
        score_names(["a b", "a_b"])
