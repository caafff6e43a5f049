"""Confusion matrices of runs: counts like scikit-learn's, what is written in the cells, and what is refused."""

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from sklearn.metrics import confusion_matrix

from rsbench.cli import _main
from rsbench.errors import UserError
from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.figures.confusion import Confusion, confusion_of, draw_confusion
from rsbench.reporting.figures.style import DOUBLE, SINGLE
from rsbench.segmentation.predictions import PredictionWriter

EUROSAT = load().task("eurosat").classes


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def guesses(labels, predicted, parts):
    return pa.table({"part": parts, "item": [f"{n}.jpg" for n in range(len(labels))], "label": labels,
                     "prediction": predicted})  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(["val", "test"])), min_size=1))
def test_counts_are_those_of_scikit_learn(pairs, make, tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("runs"))
    record = make()
    store.write(record, guesses(*map(list, zip(*pairs, strict=True))))
    for part in {part for *_, part in pairs}:
        found = confusion_of(store, record.id, part, EUROSAT)
        labels, predicted = zip(*[(a, b) for a, b, of in pairs if of == part], strict=True)
        assert found.what == "images" and found.classes == EUROSAT
        assert np.array_equal(found.counts, confusion_matrix(labels, predicted, labels=range(10)))
        own = confusion_matrix(labels, predicted, labels=range(10), normalize="true")
        absent = found.counts.sum(axis=1) == 0
        assert found.shares[~absent] == pytest.approx(100 * own[~absent])
        assert np.isnan(found.shares[absent]).all()


def test_pixels_of_a_segmentation_are_summed_over_tiles_under_the_names_of_the_file(store, make, tmp_path):
    record = make(task="spacenet-rio", kind="segmentation", metrics={"val/mIoU": 30.0})
    rng = np.random.default_rng(0)
    true, guess = (rng.integers(0, 2, (3, 8, 9)).astype(np.uint8) for _ in range(2))
    true[0, :2] = 255  # not counted
    with PredictionWriter(tmp_path / "p.parquet", ["land", "roof"]) as writer:
        for n in range(3):
            writer.add("val", f"{n}", true[n], guess[n])
    store.write(record, tmp_path / "p.parquet")
    found = confusion_of(store, record.id, "")
    counted = true != 255
    assert np.array_equal(found.counts, confusion_matrix(true[counted], guess[counted]))
    assert (found.classes, found.what, found.part) == (("land", "roof"), "pixels", "val")


def made(counts, make, classes=None):
    counts = np.asarray(counts)
    return Confusion(counts, tuple(classes or (f"class {n}" for n in range(len(counts)))), "images", "val", make())


def cells(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_cells_say_count_and_share_and_a_class_that_is_not_there_has_no_share(make):
    found = made([[9990, 10, 0], [0, 0, 0], [25000, 0, 75000]], make)
    assert cells(draw_confusion(found)) == [
        *("9990\n99.9 %", "10\n0.1 %", "0"), *["\N{EN DASH}"] * 3, *("25k\n25.0 %", "0", "75k\n75.0 %"),
    ]  # fmt: skip
    shares = cells(draw_confusion(made([[99990, 10], [1, 0]], make), normalise=True))
    assert shares == [">99.9", "<0.1", "100", "0"]  # what is not nothing does not look like it


def extents(figure, texts):
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer) for text in texts]


@pytest.mark.parametrize(("task", "numbers"), [("eurosat", 100), ("resisc45", 0), ("spacenet-rio", 4), ("dota", 225)])
def test_names_and_numbers_do_not_touch_each_other_and_nothing_is_cut_off(task, numbers, make):
    classes = load().task(task).classes
    counts = np.random.default_rng(0).integers(0, 5000, (len(classes), len(classes)))
    figure = draw_confusion(made(counts, make, classes), heading="A heading that is rather long " * 4)
    axes = figure.axes[0]
    rows = extents(figure, axes.get_yticklabels())
    columns = extents(figure, axes.get_xticklabels())
    assert [text.get_text() for text in axes.get_yticklabels()] == list(classes)
    assert all(above.y0 >= below.y1 - 1 for above, below in itertools.pairwise(rows))
    assert all(left.x1 <= right.x0 + 1 for left, right in itertools.pairwise(columns))
    assert len(axes.texts) == numbers
    cell = axes.get_window_extent().width / len(classes)
    assert all(box.width <= cell for box in extents(figure, axes.texts))
    wide, high = figure.get_size_inches() * figure.dpi
    everything = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    for box in extents(figure, everything):
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= wide + 1 and box.y1 <= high + 1


def readable(figure):
    """Nothing is cut off, and no name stands on another; returns the names of the rows."""
    axes = figure.axes[0]
    rows, columns = extents(figure, axes.get_yticklabels()), extents(figure, axes.get_xticklabels())
    assert all(above.y0 >= below.y1 - 1 for above, below in itertools.pairwise(rows))
    assert all(left.x1 <= right.x0 + 1 for left, right in itertools.pairwise(columns))
    wide, high = figure.get_size_inches() * figure.dpi
    everything = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    for box in extents(figure, everything):
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= wide + 1 and box.y1 <= high + 1
    assert axes.get_window_extent().width > 0.35 * wide
    return [text.get_text() for text in axes.get_yticklabels()]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("width", [SINGLE, DOUBLE, 0.0])
@pytest.mark.parametrize("count", [2, 15])
def test_long_names_are_shortened_in_the_middle_and_the_figure_says_so(count, width, make):
    classes = [f"{'long ' * 19}{n:05}" for n in range(count)]
    figure = draw_confusion(made(np.eye(count, dtype=int), make, classes), heading="heading", width=width)
    names = readable(figure)
    assert len(set(names)) == count and all("\N{HORIZONTAL ELLIPSIS}" in name for name in names)
    assert all(name.endswith(full[-3:]) for name, full in zip(names, classes, strict=True))
    assert "heading; names of classes shortened" in " ".join(figure.get_suptitle().split())


@pytest.mark.filterwarnings("error")
def test_names_that_would_be_shortened_alike_stay_different(make):
    classes = [f"{'x' * 40}{n}{'y' * 40}" for n in range(6)]
    assert len(set(readable(draw_confusion(made(np.eye(6, dtype=int), make, classes))))) == 6


@pytest.mark.filterwarnings("error")
def test_more_classes_than_one_column_has_room_for_are_refused_with_the_remedy(make):
    classes = load().task("resisc45").classes
    counts = np.eye(45, dtype=int)
    with pytest.raises(UserError, match=r"45 classes cannot be read in a figure of 3\.5 inches") as caught:
        draw_confusion(made(counts, make, classes), width=SINGLE)
    assert "--width double" in caught.value.hint
    figure = draw_confusion(made(counts, make, classes), width=DOUBLE)
    assert readable(figure) == list(classes) and figure.get_suptitle() == ""


@pytest.mark.filterwarnings("error")
def test_classes_that_no_figure_has_room_for_are_numbered(make):
    figure = draw_confusion(made(np.eye(180, dtype=int), make), width=DOUBLE)
    names = readable(figure)
    assert names[0] == "1" and len(names) > 50 and all(name.isdigit() for name in names)
    assert "classes by number" in figure.get_suptitle()


def test_numbers_are_light_on_dark_and_dark_on_light(make):
    figure = draw_confusion(made([[998, 2], [500, 500]], make), normalise=True)
    colours = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert colours["99.8"] == "white" and colours["0.2"] == "black"


def test_the_command_writes_both_files_and_says_what_is_drawn(store, make, tmp_path, capsys):
    record = make(data="demo")
    store.write(record, guesses([0, 1, 1], [0, 1, 2], ["val"] * 3))
    given = ["figure", "confusion", record.id, "--results", str(store.root)]
    assert _main([*given, "--out", str(tmp_path / "out")]) == 0
    names = capsys.readouterr().out.split()
    assert [name.rsplit("/", 1)[1] for name in names] == [f"confusion-{record.id}.{e}" for e in ("pdf", "png")]
    assert _main([*given, "--out", str(tmp_path / "a.png"), "--normalise", "--width", "single"]) == 0
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "out" / f"confusion-{record.id}.png").read_bytes()
    for wrong, says in ((["--part", "tset"], "tset"), (["--width", "wide"], "wide"), (["--results", "none"], "none")):
        assert _main([*given, "--out", str(tmp_path / "b"), *wrong]) == 2
        assert says in capsys.readouterr().err


def test_runs_without_a_confusion_matrix_are_named_with_the_reason_and_a_remedy(store, make):
    detection = make(task="vhr10-det", kind="detection", metrics={"val/AP": 1.0})
    bare, failed = make(seed=1), make(seed=2, status="failed")
    strange, odd = make(seed=3), make(seed=4)
    for record in (detection, bare, failed):
        store.write(record)
    store.write(strange, guesses([0], [10], ["val"]))
    store.write(odd, pa.table({"part": ["val"], "item": ["a"], "top1": [1]}))
    for record, reason in (
        (detection, "one of detection"), (bare, "left no predictions"), (failed, "is failed"),
        (strange, "not one of the 10 classes"), (odd, "left no label, prediction"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=reason) as caught:
            confusion_of(store, record.id, "", EUROSAT)
        assert record.id in caught.value.message and caught.value.hint
