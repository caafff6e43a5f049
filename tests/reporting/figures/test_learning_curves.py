"""Learning curves: what is averaged over seeds, pretrainings that are done or at work, and what is refused."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rsbench.cli import _main
from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.figures.learning_curves import Curve, curves_of, draw_learning_curves
from rsbench.reporting.figures.log_scale import log_ticks


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def losses(seed, epochs=4, start=2.0):
    return [{"loss": start / (epoch + 1) + seed, "lr": 0.1, "seconds": 1.0} for epoch in range(epochs)]


@pytest.fixture
def write(store, make):
    def call(seed, history=None, **changes):
        record = make(seed=seed, history=losses(seed) if history is None else history, **changes)
        store.write(record)
        return record.id

    return call


def test_seeds_of_one_subject_are_one_curve_in_a_band_from_lowest_to_highest(store, write):
    runs = [write(seed) for seed in (3, 0, 1)]
    other = write(0, method="seco/resnet50", title="SeCo, ResNet50")
    found = curves_of(store, [*runs, other, runs[0]], ("loss",))
    assert [curve.name for curve in found.curves] == ["Made, up (3 seeds)", "SeCo, ResNet50"]
    assert found.heading.split("\u00a0\N{MIDDLE DOT} ") == ["eurosat", "protocol paper"]
    assert curves_of(store, [*runs, other], ("loss",), {"eurosat": "EuroSAT"}).heading.startswith("EuroSAT\u00a0")
    expected = np.array([[epoch["loss"] for epoch in losses(seed)] for seed in (0, 1, 3)])
    assert found.curves[0].values["loss"] == pytest.approx(expected)
    figure = draw_learning_curves(found.curves)
    line, alone = figure.axes[0].lines
    assert line.get_xdata().tolist() == [1, 2, 3, 4] and line.get_ydata() == pytest.approx(expected.mean(axis=0))
    [band] = figure.axes[0].collections  # one curve of one seed has no band
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(expected.min()) and corners[:, 1].max() == pytest.approx(expected.max())
    assert (line.get_marker(), line.get_linestyle()) != (alone.get_marker(), alone.get_linestyle())


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": "finetune"}, {"settings": {"lr": 0.5}}, {"input_size": 224}, {"data": "demo"},
        {"dataset": {"fingerprint": "other"}}, {"weights": {"source": "checkpoint", "digest": "abcdef0123"}},
        {"precision": "bf16"}, {"history": losses(0, epochs=3)},
    ],
)  # fmt: skip
def test_what_differs_in_more_than_the_seed_is_not_averaged(store, write, change):
    shorter = "history" in change  # a run of fewer epochs under one identity: cut short by hand
    runs = [write(0), write(1, **change, **({} if shorter else {"identity": {"other": str(change)}}))]
    found = curves_of(store, runs, ("loss",))
    assert len(found.curves) == 2
    names = [curve.name for curve in found.curves]
    assert names == ["Made, up, epochs=4", "Made, up, epochs=3"] if shorter else len(set(names)) == 2


def test_one_seed_twice_is_two_curves(store, write):
    runs = [write(0), write(0, identity={"machine": "other"})]
    found = curves_of(store, runs, ("loss",))
    assert [len(curve.values["loss"]) for curve in found.curves] == [1, 1]
    assert len({curve.name for curve in found.curves}) == 2


def pretraining(folder, seed=0, epochs=3, objective="ctxmim", **options):
    folder.mkdir()
    history = [{"loss": 3.0 / (e + 1) + seed, "L_Re": 1.0 / (e + 1), "lr": 0.1, "seconds": 2.0} for e in range(epochs)]
    about = {"options": {"objective": objective, "variant": "nano", "seed": seed, **options},
             "data": {"sha256": "a"}, "losses_per_epoch": history}  # fmt: skip
    (folder / "provenance.json").write_text(json.dumps(about))
    return folder


def test_pretrainings_that_differ_in_the_seed_are_averaged_and_their_losses_have_panels(tmp_path):
    folders = [str(pretraining(tmp_path / f"p{seed}", seed)) for seed in range(2)]
    other = str(pretraining(tmp_path / "other", objective="simmim"))
    found = curves_of(None, [*folders, other], ("loss", "L_Re"))
    assert [curve.name for curve in found.curves] == ["CtxMIM, re-implemented, nano (2 seeds)", "SimMIM, nano"]
    assert found.curves[0].values["loss"].shape == (2, 3)
    figure = draw_learning_curves(found.curves, found.heading, logarithmic=True)
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "L_Re"]
    assert {axes.get_yscale() for axes in figure.axes} == {"log"}
    figure.canvas.draw()
    [heading] = [text for text in figure.texts if text.get_text() == "pretraining"]
    assert all(heading.get_window_extent().y0 >= axes.get_window_extent().y1 for axes in figure.axes)


def test_pretrainings_of_one_name_say_what_differs_or_where_they_lie(tmp_path):
    (tmp_path / "deep").mkdir()
    ratios = [str(pretraining(tmp_path / f"m{n}", mask_ratio=0.01 * n, crop=1)) for n in (60, 75)]
    assert [curve.name for curve in curves_of(None, ratios, ("loss",)).curves] == [
        "CtxMIM, re-implemented, nano, mask_ratio=0.6", "CtxMIM, re-implemented, nano, mask_ratio=0.75"
    ]  # fmt: skip
    longer = [str(pretraining(tmp_path / f"e{n}", epochs=n)) for n in (3, 4)]
    assert [curve.name[-8:] for curve in curves_of(None, longer, ("loss",)).curves] == ["epochs=3", "epochs=4"]
    twice = [str(pretraining(tmp_path / name)) for name in ("one", "deep/one", "two")]  # one seed, one set of options
    assert [curve.name.rpartition(", ")[2] for curve in curves_of(None, twice, ("loss",)).curves] == [
        f"{tmp_path.name}/one", "deep/one", f"{tmp_path.name}/two"
    ]  # fmt: skip
    many = [str(pretraining(tmp_path / f"o{n}", **dict.fromkeys("abcdef", n))) for n in range(2)]
    assert [curve.name.rpartition(", ")[2] for curve in curves_of(None, many, ("loss",)).curves] == ["o0", "o1"]


def test_a_history_that_lacks_a_loss_or_holds_no_numbers_is_the_users_error(store, write, tmp_path):
    ragged = write(0, history=[*losses(0), {"lr": 0.1}])
    with pytest.raises(UserError, match=r"no loss 'loss' in epoch 5"):
        curves_of(store, [ragged], ("loss",))
    for number, epochs in enumerate(([1], [{"loss": "low"}], [{"loss": None}], {"loss": 1}, [[1.0]])):
        folder = pretraining(tmp_path / f"p{number}")
        about = json.loads((folder / "provenance.json").read_text())
        (folder / "provenance.json").write_text(json.dumps({**about, "losses_per_epoch": epochs}))
        with pytest.raises(UserError, match="not what rsbench pretrain writes"):
            curves_of(None, [str(folder)], ("loss",))


def drawn(figure):
    """Numbers of both axes that are seen, with their places."""
    figure.canvas.draw()
    axes = figure.axes[0]
    return [
        [(text.get_text(), text.get_window_extent()) for text in axis.get_ticklabels(which="both") if text.get_text()
         and axis.get_view_interval()[0] <= text.get_position()[n] <= axis.get_view_interval()[1]]
        for n, axis in enumerate((axes.xaxis, axes.yaxis))
    ]  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(low=st.floats(1e-6, 10), span=st.floats(1.0005, 1e7), down=st.integers(1, 3))
def test_numbers_of_a_logarithmic_scale_do_not_touch(low, span, down):
    values = {f"loss{n}": np.geomspace(low, low * span, 9)[None] for n in range(down)}
    labels = drawn(draw_learning_curves([Curve("a", values)], "heading", logarithmic=True))[1]
    assert len(labels) >= 2 or span > 1e4
    places = sorted((box for _, box in labels), key=lambda box: box.y0)
    assert all(below.y1 <= above.y0 for below, above in pairwise(places))


def test_ticks_of_a_logarithmic_scale_are_round_and_within_it():
    for low, high in ((0.09, 3.2), (0.9, 1.2), (1e-4, 1e4), (3.0, 3.01)):
        found = log_ticks(low, high, 0.12)
        assert 2 <= len(found) <= 9 and all(low <= tick <= high for tick in found)
        assert all(len(f"{tick:g}") <= 6 for tick in found)


def test_epochs_are_whole_and_one_alone_stands_in_the_middle():
    for epochs, expected in ((1, ["1"]), (2, ["1", "2"]), (3, ["1", "2", "3"])):
        figure = draw_learning_curves([Curve("a", {"loss": np.linspace(2, 1, epochs)[None]})])
        assert [text for text, _ in drawn(figure)[0]] == expected
    assert draw_learning_curves([Curve("a", {"loss": np.ones((1, 1))})]).axes[0].get_xlim() == (0.5, 1.5)


def test_names_that_are_wider_than_the_figure_are_folded():
    curves = [Curve(f"CtxMIM, re-implemented, nano, a_long_option={n}, another_option=12345 (3 seeds)",
                    {"loss": np.ones((1, 3))}) for n in range(4)]  # fmt: skip
    figure = draw_learning_curves(curves)
    figure.canvas.draw()
    [legend] = figure.legends
    assert legend.get_window_extent().x0 >= 0 and legend.get_window_extent().x1 <= figure.bbox.x1
    assert not legend.get_window_extent().overlaps(figure.axes[0].get_tightbbox())


def test_a_pretraining_at_work_is_drawn_up_to_its_last_whole_epoch(tmp_path):
    (tmp_path / "p").mkdir()
    lines = [{"epoch": e, "step": 3 * e + s + 1, "loss": float(10 * e + s), "lr": 1.0, "seconds": 1.0}
             for e in range(3) for s in range(3)]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines[:-1]) + json.dumps(lines[-1])[:20]
    (tmp_path / "p" / "log.jsonl").write_text(text)  # the last step is half-written
    [curve] = curves_of(None, [str(tmp_path / "p")], ("loss",)).curves
    assert curve.values["loss"].tolist() == [[1.0, 11.0]] and "unfinished" in curve.name
    (tmp_path / "p" / "log.jsonl").write_text(json.dumps(lines[0]) + "\n")
    with pytest.raises(UserError, match="no whole epoch"):
        curves_of(None, [str(tmp_path / "p")], ("loss",))


def test_what_has_no_learning_curve_is_named_with_the_reason_and_a_remedy(store, write, tmp_path, make):
    run, bare, failed = write(0), write(1, history=[]), make(seed=2, status="failed")
    store.write(failed)
    other, empty, torn = pretraining(tmp_path / "p"), tmp_path / "empty", tmp_path / "torn"
    empty.mkdir()
    torn.mkdir()
    (torn / "provenance.json").write_text('{"options": ')
    for sources, wanted, reason in (
        ([bare], "loss", "no losses of epochs"), ([failed.id], "loss", "is failed"), ([run], "los", "no loss 'los'"),
        ([run], "lr", "no loss 'lr'"), ([run, str(other)], "loss", "not of one kind"),
        ([str(empty)], "loss", "no pretraining"), ([str(torn)], "loss", "not what rsbench pretrain writes"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=reason) as caught:
            curves_of(store, sources, (wanted,))
        assert caught.value.hint
    below = write(5, history=[{"loss": -1.0}])
    with pytest.raises(UserError, match="not positive"):
        draw_learning_curves(curves_of(store, [below], ("loss",)).curves, logarithmic=True)


def test_the_command_takes_runs_or_folders(store, write, tmp_path, capsys):
    run, folder = write(0), pretraining(tmp_path / "p")
    out = str(tmp_path / "figures")
    assert _main(["figure", "learning-curves", run, "--results", str(store.root), "--out", out]) == 0
    assert (tmp_path / "figures" / "learning-curves.pdf").is_file()
    nowhere = str(tmp_path / "nowhere")
    given = ["figure", "learning-curves", str(folder), "--results", nowhere, "--loss", "L_Re", "--out"]
    assert _main([*given, str(tmp_path / "b.png"), "--width", "double", "--log"]) == 0
    assert (tmp_path / "b.pdf").is_file()
    assert _main(["figure", "learning-curves", run, "--results", nowhere, "--out", out]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err
    assert _main(["figure", "learning-curves", run, str(folder), "--results", nowhere, "--out", out]) == 2
    assert "nowhere does not exist" in capsys.readouterr().err
    assert _main(["figure", "learning-curves", str(tmp_path), "--results", nowhere, "--out", out]) == 2
    assert "is no pretraining" in capsys.readouterr().err
