"""Precision over recall: point by point that of pycocotools, and AP as the record has it."""

import detection_cases as cases
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rsbench.cli import _main
from rsbench.detection.detections import Detections
from rsbench.detection.matching import THRESHOLDS
from rsbench.detection.metrics import evaluate
from rsbench.detection.prediction_writer import write_predictions
from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.figures.precision_recall import Line, draw_precision_recall, lines_of, precision_at_recalls
from rsbench.reporting.figures.style import DOUBLE


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10**6), kind=st.sampled_from(["bbox", "segm"]), ties=st.booleans(),
    crowd=st.sampled_from([0.0, 0.15, 0.6]), classes=st.integers(1, 4), max_dets=st.sampled_from([3, 100]),
)  # fmt: skip
def test_each_point_is_that_of_pycocotools(seed, kind, ties, crowd, classes, max_dets):
    truth, found = cases.case(seed, crowd=crowd, ties=ties, classes=classes)
    matches = evaluate(truth, found, kind, max_dets).matches
    theirs = cases.oracle(truth.coco(kind), cases.coco_results(truth, found, kind), kind, max_dets).eval["precision"]
    order = [sorted(truth.category_ids).index(number) for number in truth.category_ids]
    for threshold in range(len(THRESHOLDS)):
        own = precision_at_recalls(matches, threshold)
        expected = theirs[threshold, :, order, 0, -1]
        assert own == pytest.approx(np.where(expected < 0, np.nan, expected), nan_ok=True, abs=1e-12)


@pytest.fixture(scope="module")
def truth():
    return cases.case(8, images=30, crowd=0.05, even=True, classes=2)[0]


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture
def write(store, make, truth, tmp_path):
    """Writes the run of one seed, with the metrics that its detections have."""

    def call(seed=0, kinds=("bbox",), spread=3.0, **changes):
        rng = np.random.default_rng(seed)
        found = {}
        for item, one in zip(truth.items, truth.objects, strict=True):
            boxes = np.abs(one.boxes + rng.normal(0, spread, one.boxes.shape)).astype(np.float32).astype(np.float64)
            scores = rng.random(len(one)).astype(np.float32).astype(np.float64)
            found[item] = Detections(boxes, one.labels, scores, tuple(cases.ellipses(boxes)))
        scored = [evaluate(truth, found, kind) for kind in kinds]
        metrics = {}
        for one in scored:
            head = "box" if one.kind == "bbox" and len(kinds) == 2 else ""
            metrics |= {f"val/{head}{name}": 100 * value for name, value in one.values.items()}
        path = tmp_path / "predictions.parquet"
        write_predictions(path, {"val": (found, scored)})
        kind = "detection" if kinds == ("bbox",) else "instance-segmentation"
        about = {"task": "dota", "kind": kind, "split": "tiles", "title": "Made, up", "settings": {"max_dets": 100}}
        record = make(**{**about, "seed": seed, "metrics": metrics, **changes})
        store.write(record, path)
        return record

    return call


def test_the_mean_of_a_line_is_the_average_precision_of_the_record(store, write, truth):
    record = write(kinds=("segm", "bbox"))
    for iou, name in ((0.5, "AP50"), (0.75, "AP75")):
        for boxes, head in ((False, ""), (True, "box")):
            [line], _ = lines_of(store, [record.id], "val", (), iou, boxes)
            assert line.average == pytest.approx(record.metrics[f"val/{head}{name}"])
            lines, _ = lines_of(store, [record.id], "val", truth.classes, iou, boxes)
            for line, one in zip(lines, truth.classes, strict=True):
                assert line.average == pytest.approx(record.metrics[f"val/{head}{name}_{one.replace(' ', '_')}"])


def test_the_command_draws_several_runs_with_names_that_tell_them_apart(store, write, tmp_path, capsys):
    runs = [write(seed, title="A" if seed < 2 else "B").id for seed in range(3)]
    lines, _ = lines_of(store, [*runs, runs[0]], "val", (), 0.5)  # the same run twice is one line
    assert [line.name for line in lines] == ["A, seed 0", "A, seed 1", "B, seed 2"]
    given = [
        "figure",
        "precision-recall",
        *runs,
        "--results",
        str(store.root),
        "--out",
        str(tmp_path / "out" / "a.pdf"),
    ]
    assert _main(given) == 0
    assert (tmp_path / "out" / "a.png").is_file() and len(capsys.readouterr().out.split()) == 2
    assert _main([*given, "--class", "ship 0", "--class", "tennis court 1", "--iou", "0.75", "--width", "double"]) == 0
    lines, _ = lines_of(store, runs, "val", ("ship 0", "tennis court 1"), 0.75)
    assert [line.name for line in lines][:2] == ["A, seed 0, ship 0", "A, seed 0, tennis court 1"]


def test_runs_that_cannot_stand_in_one_figure_are_refused_with_their_names(store, write, make):
    first, other = write(0), write(1, dataset={"fingerprint": "other"})
    fewer, masks = write(2, settings={"max_dets": 10}), write(3, ("segm", "bbox"), task="spacenet-vegas")
    flat, bare, failed = make(seed=9), make(kind="detection", seed=8), make(kind="detection", seed=7, status="failed")
    for record in (flat, bare, failed):
        store.write(record)
    for runs, more, reason in (
        ([first.id, other.id], {}, "different images or labels"), ([first.id, fewer.id], {}, "different maxDets"),
        ([first.id, masks.id], {}, "different tasks"), ([flat.id], {}, "one of classification"),
        ([bare.id], {}, "left no predictions"), ([failed.id], {}, "is failed"), ([first.id], {"iou": 0.52}, "0.52"),
        ([first.id], {"classes": ("shp 0",)}, "no class 'shp 0'"), ([first.id], {"part": "tset"}, "part 'tset'"),
        ([first.id], {"boxes": True}, "boxes alone"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=reason) as caught:
            lines_of(store, runs, **{"part": "val", "classes": (), "iou": 0.5, **more})
        assert caught.value.hint


def test_a_low_curve_fills_the_figure_and_lines_carry_marker_and_style(tmp_path):
    lines = [Line(f"line {n}", np.linspace(0.04, 0.0, 101) * (n + 1) / 4) for n in range(4)]
    for width in (3.5, DOUBLE):
        figure = draw_precision_recall(lines, 0.5, "heading", width)
        [axes] = figure.axes
        assert axes.get_ylim()[1] == pytest.approx(0.051)
        assert len({(line.get_marker(), str(line.get_linestyle())) for line in axes.lines}) == 4
        [legend] = figure.legends
        figure.canvas.draw()
        assert [text.get_text() for text in legend.get_texts()][3] == "line 3: 2.0"
        assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    with pytest.raises(UserError, match="36 lines"):
        draw_precision_recall([Line(str(n), np.zeros(101)) for n in range(36)], 0.5)


def test_the_figure_says_whether_it_shows_boxes_or_masks(store, write, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("rsbench.reporting.figures.style.save", lambda figure, _: drawn.append(figure) or [])
    masks, boxes = write(0, ("segm", "bbox"), task="vhr10-seg"), write(1, task="vhr10-det")
    given = ["figure", "precision-recall", "--results", str(store.root), "--out", str(tmp_path)]
    for run, more, title, heading in (
        (masks, [], "mask AP at IoU 0.50", "(val, mean over classes)"),
        (masks, ["--boxes"], "box AP at IoU 0.50", "(boxes, val, mean over classes)"),
        (boxes, [], "box AP at IoU 0.50", "(val, mean over classes)"),
    ):
        assert _main([*given, run.id, *more]) == 0
        [legend] = drawn[-1].legends
        assert legend.get_title().get_text() == title
        above = " ".join(drawn[-1].get_suptitle().split())
        assert above.endswith(heading)
