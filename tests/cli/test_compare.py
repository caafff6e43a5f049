"""``rsbench compare``: the difference of two runs on the same items, of every kind of task."""

import importlib.util
import json
from pathlib import Path

import detection_cases as cases
import numpy as np
import pyarrow as pa
import pytest
import scipy.stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from rsbench.cli import _main
from rsbench.detection.detections import Detections
from rsbench.detection.metrics import evaluate, paired_differences
from rsbench.detection.prediction_writer import write_predictions
from rsbench.records import Store
from rsbench.segmentation.metrics import score_array, scores
from rsbench.segmentation.predictions import PredictionWriter, confusions
from rsbench.statistics import paired_bootstrap, paired_score_difference

_spec = importlib.util.spec_from_file_location("made_up", Path(__file__).parents[1] / "records" / "conftest.py")
_made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_made_up)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


@pytest.fixture
def put(store):
    """Writes a run and returns its id."""

    def call(metrics, predictions=None, **changes):
        fields = {"dataset": {"fingerprint": "f" * 64, "split_sha256": "5" * 64}, **changes}
        record = _made_up.make(metrics=metrics, intervals={}, **fields)
        store.write(record, predictions)
        return record.id

    return call


@pytest.fixture
def call(store, capsys):
    def run(*runs_and_options):
        capsys.readouterr()
        code = _main(["compare", *runs_and_options, "--results", str(store.root)])
        return code, *capsys.readouterr()

    return run


def top1(seed, share, turned=False):
    right = (np.random.default_rng(seed).random(300) < share).astype(float)
    order = slice(None, None, -1) if turned else slice(None)
    items = [f"{n:03d}.jpg" for n in range(300)]
    return right, pa.table({"part": ["val"] * 300, "item": items[order], "top1": right[order]})


def classified(put, seed, share, turned=False, **changes):
    right, table = top1(seed, share, turned)
    return right, put({"val/top1": 100 * right.mean()}, table, seed=seed, task="eurosat", **changes)


def test_top1_is_compared_item_by_item_whatever_their_order(call, put):
    (first, a), (second, b) = classified(put, 0, 0.8), classified(put, 1, 0.6, turned=True)
    code, out, _ = call(a, b, "--json")
    found, own = json.loads(out), paired_bootstrap(first, second)
    assert code == 0
    assert found["difference"] == pytest.approx(100 * own.mean)
    assert found["interval"] == pytest.approx([100 * own.low, 100 * own.high])
    assert (found["shown"], found["metric"]) == (True, "val/top1")


def test_a_difference_that_may_be_none_is_said_to_be_not_shown(call, put):
    (_, a), (_, b) = classified(put, 0, 0.7), classified(put, 4, 0.7)
    lines = call(a, b, "--metric", "val/top1")[1].splitlines()
    assert lines[3].startswith("95 % interval over items in pairs [")
    assert lines[4].startswith("McNemar test on the same items: p = ")
    assert lines[5] == "no difference shown"
    assert lines[6] == "note: one seed on a side: nothing here says what another seed would give"
    assert [line[:2] for line in lines[:2]] == ["a:", "b:"]
    assert "no difference shown" not in call(a, classified(put, 2, 0.3)[1])[1]


def test_two_runs_have_mcnemars_test_and_several_seeds_a_permutation_test(call, put):
    sides = [[classified(put, seed, share) for seed in seeds] for seeds, share in (((0, 1), 0.8), ((2, 3), 0.7))]
    one = json.loads(call(sides[0][0][1], sides[1][0][1], "--json")[1])
    (first, _), (second, _) = sides[0][0], sides[1][0]
    table = [[np.sum((first == x) & (second == y)) for y in (0, 1)] for x in (0, 1)]
    assert one["test"] == "McNemar"
    assert one["p"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    several = json.loads(call(*(",".join(run for _, run in side) for side in sides), "--json")[1])
    means = [np.mean([right for right, _ in side], axis=0) for side in sides]
    assert several["difference"] == pytest.approx(100 * (means[0] - means[1]).mean())
    assert several["sd_over_seeds_a"] == pytest.approx(np.std([100 * r.mean() for r, _ in sides[0]], ddof=1))
    oracle = scipy.stats.permutation_test(
        means, lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=4000, vectorized=False, rng=0
    )
    assert (several["test"], several["permutations"]) == ("permutation", 9999)
    assert several["p"] == pytest.approx(oracle.pvalue, abs=0.02)


def test_seeds_that_vary_more_than_the_methods_show_no_difference(call, put):
    shares = {"a": (0.70, 0.90, 0.80), "b": (0.60, 0.78, 0.72)}
    runs = {n: [classified(put, 10 * k + len(n), x, method=n) for k, x in enumerate(xs)] for n, xs in shares.items()}
    found = json.loads(call(*(",".join(run for _, run in side) for side in runs.values()), "--json")[1])
    means = [[100 * right.mean() for right, _ in side] for side in runs.values()]
    assert found["p"] < 0.001
    assert found["p_seeds"] == pytest.approx(scipy.stats.ttest_ind(*means, equal_var=False).pvalue)
    assert found["p_holm"] == found["p_seeds"] > 0.05
    assert not found["shown"]


def test_a_checkpoint_of_the_user_is_noted(call, put):
    (_, a), (_, b) = (
        classified(put, 0, 0.8),
        classified(put, 1, 0.7, weights={"source": "checkpoint", "digest": "abcdef0123"}),
    )
    assert (
        "note: sources of the weights differ: the method's own and a checkpoint of the user, abcdef01" in call(a, b)[1]
    )


def test_several_runs_are_compared_in_pairs_and_corrected_for_their_number(call, put):
    runs = [classified(put, seed, share)[1] for seed, share in ((0, 0.9), (1, 0.85), (2, 0.5))]
    found = [json.loads(line) for line in call(*runs, "--json")[1].splitlines()]
    assert [(one["a"], one["b"]) for one in found] == [(runs[0], runs[1]), (runs[0], runs[2]), (runs[1], runs[2])]
    expected = multipletests([one["p"] for one in found], method="holm")[1]
    assert [one["p_holm"] for one in found] == pytest.approx(expected)
    assert [one["shown"] for one in found] == (expected <= 0.05).tolist() == [False, True, True]
    assert call(*runs)[1].count("corrected for 3 pairs after Holm") == 3


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        (["a,a2", "b"], "differ in more than the seed (method)"),
        (["a,a3", "b"], "differ in more than the seed (protocol, settings)"),
        (["a,", "b"], "An id of a run is empty"),
        (["a,a", "b"], "two have the same seed"),
        (["a"], "One run cannot be compared"),
    ],
)
def test_sides_that_are_none_are_refused(call, put, sides, reason):
    runs = {
        "a": classified(put, 0, 0.8)[1],
        "a2": classified(put, 1, 0.8, method="other/one")[1],
        "a3": classified(put, 1, 0.8, protocol="swept", settings={"lr": 3.0})[1],
        "b": classified(put, 2, 0.7)[1],
    }
    code, out, err = call(*(",".join(runs.get(name, name) for name in side.split(",")) for side in sides))
    assert (code, out) == (2, "")
    assert reason in err


@pytest.fixture
def segmented(put, tmp_path):
    """Writes a run of segmentation; returns the counts of its tiles and the id."""

    def call(seed, wrong):
        path = tmp_path / f"{seed}.parquet"
        with PredictionWriter(path, ("background", "building")) as writer:
            for tile in range(25):
                labels = (np.random.default_rng([7, tile]).random((20, 20)) < 0.3).astype(np.uint8)
                spoiled = np.random.default_rng([seed, tile]).random((20, 20)) < wrong
                writer.add("val", f"img{tile:02d}", labels, labels ^ spoiled)
        counts = confusions(path, "val")[1]
        values = scores(counts.sum(0), ("background", "building"))
        metrics = {f"val/{name}": 100 * value for name, value in values.items()}
        return counts, put(
            metrics, path, seed=seed, kind="segmentation", task="spacenet-rio", method=f"noise-{wrong}/x"
        )

    return call


def test_miou_is_compared_over_tiles(call, segmented):
    counts, ids = zip(segmented(0, 0.1), segmented(1, 0.12), strict=True)
    found = json.loads(call(*ids, "--metric", "val/mIoU", "--json")[1])
    own = paired_score_difference(*counts, lambda sums, whole: score_array(sums, whole)[..., 0])
    assert found["difference"] == pytest.approx(100 * own.mean)
    assert found["interval"] == pytest.approx([100 * own.low, 100 * own.high])
    assert found["p"] == pytest.approx(swapped(*counts, lambda one: score_array(one)[0], own.mean), abs=0.02)


def test_miou_of_several_seeds_is_compared_by_its_mean_and_tiles_change_sides_in_all_of_them(call, segmented):
    a, b = ([segmented(seed, wrong) for seed in range(2)] for wrong in (0.1, 0.11))
    found = json.loads(
        call(*(",".join(run for _, run in side) for side in (a, b)), "--metric", "val/mIoU", "--json")[1]
    )
    sides = [np.stack([counts for counts, _ in side], axis=1) for side in (a, b)]

    def mean(sums):
        return np.mean([score_array(one)[0] for one in sums])

    difference = mean(sides[0].sum(0)) - mean(sides[1].sum(0))
    assert found["difference"] == pytest.approx(100 * difference)
    assert found["p"] == pytest.approx(swapped(*sides, mean, difference), abs=0.03)
    assert found["interval"][0] < found["difference"] < found["interval"][1]


def test_different_numbers_of_seeds_are_compared_and_the_test_takes_equally_many(call, segmented):
    a, b = ([segmented(seed, wrong) for seed in range(count)] for wrong, count in ((0.1, 3), (0.2, 2)))
    found = json.loads(
        call(*(",".join(run for _, run in side) for side in (a, b)), "--metric", "val/mIoU", "--json")[1]
    )
    means = [np.mean([score_array(counts.sum(0))[0] for counts, _ in side]) for side in (a, b)]
    assert found["difference"] == pytest.approx(100 * (means[0] - means[1]))
    assert found["notes"] == ["in the paired test items change sides in the first 2 of 3 and 2 seeds"]
    assert found["shown"]


def swapped(a, b, score, found, draws=1500):
    """The p-value by a plain loop in which items change sides."""
    rng, extreme = np.random.default_rng(1), 0
    for _ in range(draws):
        stays = (rng.random(len(a)) < 0.5).reshape(-1, *[1] * (a.ndim - 1))
        own, other = np.where(stays, a, b), np.where(stays, b, a)
        extreme += abs(score(own.sum(0)) - score(other.sum(0))) >= abs(found) - 1e-12
    return (1 + extreme) / (1 + draws)


@pytest.fixture
def detected(put, tmp_path):
    """Writes runs of detection on one truth; returns the matches of masks and boxes, and the id."""
    truth, _ = cases.case(8, images=30, crowd=0.05, even=True, classes=2)

    def call(seed, spread, **changes):
        rng = np.random.default_rng(seed)
        found = {}
        for item, one in zip(truth.items, truth.objects, strict=True):
            boxes = np.abs(one.boxes + rng.normal(0, spread, one.boxes.shape)).astype(np.float32).astype(np.float64)
            drawn = rng.random(len(one)).astype(np.float32).astype(np.float64)
            found[item] = Detections(boxes, one.labels, drawn, tuple(cases.ellipses(boxes)))
        both = [evaluate(truth, found, kind) for kind in ("segm", "bbox")]
        write_predictions(tmp_path / "p.parquet", {"val": (found, both)})
        metrics = {
            f"val/{head}{name}": 100 * value
            for head, one in zip(("", "box"), both, strict=True)
            for name, value in one.values.items()
        }
        fields = {"task": "vhr10-seg", "kind": "instance-segmentation", "settings": {"max_dets": 100}, **changes}
        return [one.matches for one in both], put(metrics, tmp_path / "p.parquet", seed=seed, **fields)

    return call


def test_ap_is_compared_over_images_of_masks_and_of_boxes(call, detected):
    (first, a), (second, b) = detected(0, 1.0), detected(1, 4.0)
    for n, metric in enumerate(("AP", "boxAP")):
        found = json.loads(call(a, b, "--metric", f"val/{metric}", "--json")[1])
        own = paired_differences(first[n], second[n])["AP"]
        assert found["difference"] == pytest.approx(100 * own.mean)
        assert found["interval"] == pytest.approx([100 * own.low, 100 * own.high])
        assert found["shown"]
    assert call(a, b)[1].splitlines()[2].startswith("vhr10-seg | val/AP: ")  # the metric that ranks the task


def test_what_else_differs_is_noted(call, put):
    (_, a), (_, b) = (
        classified(put, 0, 0.7, protocol="paper", settings={"lr": 1.0, "epochs": 3}),
        classified(put, 1, 0.7, protocol="swept", settings={"lr": 2.0, "epochs": 3}),
    )
    notes = call(a, b)[1].splitlines()[6:]
    assert "note: protocols differ: paper and swept" in notes
    assert "note: settings differ: lr=1.0 and lr=2.0" in notes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task": "resisc45"}, "different tasks: eurosat and resisc45"),
        ({"dataset": {"fingerprint": "f" * 64, "split_sha256": "6" * 64}}, "different splits"),
        ({"dataset": {"fingerprint": "e" * 64, "split_sha256": "5" * 64}}, "different images"),
        ({"settings": {"max_dets": 300}}, "different maxDets: None and 300"),
        ({"metrics": {"val/mIoU": 3.0}}, "has no metric 'val/top1'"),
        ({"metrics": {"val/top1": 3.0}}, "do not give val/top1"),
        ({"predictions": None}, "left nothing"),
        ({"status": "failed", "reason": "It broke.", "metrics": {}}, "is failed: It broke."),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(call, put, changes, reason):
    right, a = classified(put, 0, 0.7)
    given = {"metrics": {"val/top1": 100 * right.mean()}, "predictions": top1(0, 0.7)[1], "task": "eurosat", **changes}
    code, out, err = call(a, put(seed=1, **given))
    assert (code, out) == (2, "")
    assert reason in err


def test_a_run_that_is_not_there_is_named(call, put):
    _, a = classified(put, 0, 0.7)
    assert "There is no run 'nowhere'" in call(a, "nowhere")[2]
