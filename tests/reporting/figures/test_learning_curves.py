"""Learning curves: what is averaged over seeds, pretrainings that are done or at work, and what is refused."""

import json

import numpy as np
import pytest

from rsbench.cli import _main
from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.reporting.figures.learning_curves import curves_of, draw_learning_curves


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
    assert len({curve.name for curve in found.curves}) == (1 if shorter else 2)


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
    assert run in capsys.readouterr().err
