"""Panels of reconstructions: what stands where, and that the command and its older sister draw the same."""

import itertools

import numpy as np
import pytest
import torch
from PIL import Image

from rsbench.cli import _main
from rsbench.pretraining.images import ImageFolder
from rsbench.pretraining.model import MaskedImageModel
from rsbench.pretraining.options import make_options
from rsbench.pretraining.reconstruct import GREY, load_model, panels
from rsbench.reporting.figures.reconstruction import draw_reconstruction
from rsbench.reporting.figures.style import DOUBLE, SINGLE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)).save(root / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A checkpoint of a model that was never trained: it fills in something."""
    options = make_options("simmim", "nano", "simmim-recipe", {"image_size": "64", "mask_patch": "16"})
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("run") / "checkpoint.pt"
    identity = {"options": options.model_dump(mode="json")}
    torch.save({"identity": identity, "module": MaskedImageModel(options).state_dict()}, path)
    return path


def test_panels_hold_the_original_then_masked_and_filled_at_each_ratio(folder, checkpoint):
    found = panels(load_model(checkpoint), ImageFolder.find(folder), (0.5, 0.75), 3)
    assert found.pictures.shape == (3, 5, 64, 64, 3) and found.names == ("0.png", "2.png", "4.png")
    assert found.titles[1::2] == ("50% masked\n(8 of 16 cells)", "75% masked\n(12 of 16 cells)")
    for column, cells in ((1, 8), (3, 12)):
        whole, masked, filled = found.pictures[0, 0], found.pictures[0, column], found.pictures[0, column + 1]
        hidden = (masked == GREY).all(-1) & (whole != GREY).any(-1)
        assert hidden.sum() >= cells * 16 * 16 - 20
        assert np.array_equal(whole[~hidden], masked[~hidden]) and np.array_equal(whole[~hidden], filled[~hidden])
        assert (filled[hidden] != whole[hidden]).any()


@pytest.mark.parametrize(("width", "count"), [(SINGLE, 2), (DOUBLE, 1), (DOUBLE, 5)])
def test_pictures_are_square_inside_the_figure_and_titles_do_not_touch(folder, checkpoint, width, count):
    ratios = (0.7, 0.75, 0.8, 0.85) if width == DOUBLE else (0.6,)
    figure = draw_reconstruction(panels(load_model(checkpoint), ImageFolder.find(folder), ratios, count), width)
    figure.canvas.draw()
    assert len(figure.axes) == count * (1 + 2 * len(ratios))
    for axes in figure.axes:
        box = axes.get_window_extent()
        assert box.width == pytest.approx(box.height, rel=1e-6)
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1 + 1e-6 and 0 <= box.y0 <= box.y1 <= figure.bbox.y1
    *titles, heading = [text for text in figure.texts if text.get_rotation() == 0]
    assert heading.get_text() == "SimMIM, nano"
    assert len(titles) == len(ratios) * 2 + 1
    assert all(heading.get_window_extent().y0 >= text.get_window_extent().y1 for text in titles)
    boxes = sorted((text.get_window_extent() for text in titles), key=lambda box: box.x0)
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))


def test_both_commands_draw_the_same_and_name_what_is_wrong(folder, checkpoint, tmp_path, capsys):
    given = ["--checkpoint", str(checkpoint), "--images", str(folder), "--count", "1", "--ratios", "0.5"]
    assert _main(["figure", "reconstruction", *given, "--out", str(tmp_path / "a.pdf")]) == 0
    assert _main(["reconstruct", *given, "--output", str(tmp_path / "b.png")]) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.pdf").is_file() and not (tmp_path / "b.pdf").exists()
    for command, out, more, says in (
        ("figure reconstruction", "--out", ["--ratios", "0.5,x"], "0.5,x"),
        ("figure reconstruction", "--out", ["--ratios", "1.5"], "1.5"),
        ("figure reconstruction", "--out", ["--width", "wide"], "wide"),
        ("figure reconstruction", "--out", ["--images", str(tmp_path / "none")], "none"),
        ("reconstruct", "--output", ["--output", "c.jpg"], "c.jpg"),
    ):
        assert _main([*command.split(), *given, out, str(tmp_path / "c.png"), *more]) == 2
        assert says in capsys.readouterr().err
    assert not (tmp_path / "c.png").exists()
