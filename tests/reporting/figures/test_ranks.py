"""The critical-difference diagram: its scale, its bars, and that nothing is cut off or on top of another name."""

import re
import string
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text

from rsbench.cli import _main
from rsbench.errors import UserError
from rsbench.plugins import load
from rsbench.records import Store
from rsbench.reporting.figures.ranks import draw_ranks, ranking_of
from rsbench.reporting.figures.style import DOUBLE, SINGLE
from rsbench.statistics import Ranking, rank_methods

NAMES = st.lists(st.text(string.ascii_letters + " ,-.$^_", min_size=1, max_size=60).map(str.strip).filter(bool),
                 min_size=2, max_size=14, unique=True)  # fmt: skip


def texts(figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_text().strip()]


def boxes(figure, found):
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer) for text in found]


@settings(max_examples=15, deadline=None)
@given(names=NAMES, tasks=st.integers(2, 8), seed=st.integers(0, 999), width=st.sampled_from([SINGLE, DOUBLE]))
def test_nothing_is_cut_off_and_no_name_stands_on_another(names, tasks, seed, width):
    ranking = rank_methods(np.random.default_rng(seed).normal(size=(tasks, len(names))), names)
    columns = [f"Task {n} with a title, a protocol, a split val, top1" for n in range(tasks)]
    figure = draw_ranks(ranking, width, "demo scenes", columns)
    found = texts(figure)
    labels = [text for text in found if re.search(r"\(\d+\.\d\d\)$", text.get_text())]
    said = ["".join(text.get_text().split()) for text in labels]  # lines are broken where names are long
    assert said == [
        "".join(f"{name}({rank:.2f})".split()) for name, rank in zip(ranking.names, ranking.mean_ranks, strict=True)
    ]
    wide, high = figure.get_size_inches() * figure.dpi
    for box in boxes(figure, found):
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= wide + 1 and box.y1 <= high + 1
    for side in ("left", "right"):
        ordered = sorted(boxes(figure, [t for t in labels if t.get_ha() == side]), key=lambda box: box.y0)
        assert all(low.y1 <= above.y0 + 1 for low, above in pairwise(ordered))
    [below] = [text for text in found if text.get_text().startswith("Ranked over")]
    said = " ".join(below.get_text().split())
    assert said == f"Ranked over {'; '.join(columns)}. Demo scenes."
    [box] = boxes(figure, [below])
    assert all(box.y1 <= other.y0 + 1 for other in boxes(figure, labels))


@pytest.mark.parametrize("width", [SINGLE, DOUBLE])
@pytest.mark.parametrize("count", [2, 9, 20, 40])
def test_numbers_of_the_scale_do_not_touch(count, width):
    names = tuple(f"Method number {n} with long title, ViT-L" for n in range(count))
    ranking = Ranking(names, tuple(float(n + 1) for n in range(count)), 5, 0.01, 1.2, 0.05, ((0, 1),))
    figure = draw_ranks(ranking, width)
    numbers = [text for text in texts(figure) if text.get_text().isdigit()]
    assert numbers[0].get_text() == "1" and len(numbers) >= 2
    assert all(left.x1 + 2 <= right.x0 for left, right in pairwise(boxes(figure, numbers)))


def lines(figure, width):
    return [line for line in figure.axes[0].lines if line.get_linewidth() == width]


def test_bars_and_the_critical_difference_are_as_long_as_they_are_on_the_scale():
    ranking = Ranking(("a", "b", "c", "d"), (1.5, 2.0, 2.75, 3.75), 8, 0.004, 1.0, 0.05, ((0, 1), (1, 2), (2, 3)))
    figure = draw_ranks(ranking)
    ticks = {int(t.get_text()): t.get_position()[0] for t in texts(figure) if t.get_text().isdigit()}
    assert sorted(ticks) == [1, 2, 3, 4]
    one = ticks[2] - ticks[1]
    assert np.diff([ticks[n] for n in (1, 2, 3, 4)]) == pytest.approx(one)
    bars = [line.get_xdata() for line in lines(figure, 2.6)]
    spans = [((low - ticks[1]) / one + 1, (high - ticks[1]) / one + 1) for low, high in bars]
    beyond = 0.04 / one
    expected = [(1.5, 2.0), (2.0, 2.75), (2.75, 3.75)]
    assert np.array(spans) == pytest.approx(np.array([(low - beyond, high + beyond) for low, high in expected]))
    heights = [line.get_ydata()[0] for line in lines(figure, 2.6)]
    assert heights[0] != heights[1] != heights[2]  # bars that touch stand in different rows
    difference = [line for line in lines(figure, 0.8) if np.ptp(line.get_xdata()) == pytest.approx(one)]
    assert len(difference) == 1
    [said] = [text.get_text() for text in texts(figure) if text.get_text().startswith("CD")]
    assert "CD = 1.00" in said and "8 tasks" in said and "p = 0.004" in said and "no difference" not in said


def test_a_test_that_shows_nothing_says_so_and_demo_scenes_are_named():
    scores = [[1, 2, 3], [3, 2, 1], [2, 3, 1]]
    [said] = [t.get_text() for t in texts(draw_ranks(rank_methods(scores, "abc"), note="demo scenes"))
              if t.get_text().startswith("CD")]  # fmt: skip
    assert "no difference shown (demo scenes)" in said


@pytest.fixture
def store(tmp_path, make) -> Store:
    store = Store(tmp_path / "runs")
    for task, rank in (("eurosat", "val/top1"), ("resisc45", "val/top1")):
        for place, (method, title) in enumerate((("made/up", "Made"), ("seco/resnet50", "SeCo"), ("cmid/swin_b", "C"))):
            store.write(make(task=task, method=method, title=title, metrics={rank: 40.0 + place}))
    store.write(make(task="eurosat", method="gfm/swin_b", title="GFM", metrics={"val/top1": 10.0}))
    return store


def test_methods_of_a_store_are_ranked_over_their_tasks(store, tmp_path, capsys):
    found = ranking_of(store, list(load().tasks.items.values()), (), "real")
    assert found.ranking.names == ("C", "SeCo", "Made") and found.ranking.mean_ranks == (1.0, 2.0, 3.0)
    assert any("GFM" in note and "resisc45" in note for note in found.notes)
    out = tmp_path / "figures" / "cd.png"
    assert _main(["figure", "ranks", "--results", str(store.root), "--out", str(out)]) == 0
    assert out.is_file() and out.with_suffix(".pdf").is_file()
    printed = capsys.readouterr()
    assert printed.out.split() == [str(out.with_suffix(".pdf")), str(out)]
    assert "ranked over EuroSAT, paper, seco val, top1" in printed.err and "RESISC45, paper" in printed.err


def test_the_figure_names_task_protocol_and_metric_of_what_was_ranked_over(store, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("rsbench.reporting.figures.style.save", lambda figure, _: drawn.append(figure) or [])
    assert _main(["figure", "ranks", "--results", str(store.root), "--out", str(tmp_path)]) == 0
    [below] = [text.get_text() for text in texts(drawn[0]) if text.get_text().startswith("Ranked over")]
    said = " ".join(below.split())
    assert "EuroSAT, paper, seco val, top1; RESISC45, paper, seco val, top1." in said and "Demo" not in said


def test_too_few_tasks_are_refused_with_the_reason(store, tmp_path, capsys):
    tasks = [load().task("eurosat")]
    with pytest.raises(UserError, match="fewer than 2"):
        ranking_of(store, tasks, (), "real")
    assert _main(["figure", "ranks", "--results", str(store.root), "--demo", "--out", str(tmp_path)]) == 2
    assert "no run on demo data" in capsys.readouterr().err
    assert _main(["figure", "ranks", "--results", str(store.root), "--task", "eurosatt", "--out", str(tmp_path)]) == 2
    assert "eurosat" in capsys.readouterr().err
