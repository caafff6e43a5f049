"""The style of the figures: grey-scale printing, files, bytes that do not change, settings of the user."""

import os
import re
import subprocess
import sys
import zlib
from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from rsbench.errors import UserError
from rsbench.reporting.figures.style import (
    DOUBLE,
    SEQUENTIAL,
    SINGLE,
    files_of,
    looks,
    new_figure,
    save,
    styled,
    width_of,
)

GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601, what printers and PIL take


def grey_picture(draw) -> np.ndarray:
    """What ``draw(axes)`` looks like on a grey-scale printer, 0 to 255."""
    with styled():
        figure = new_figure(2, 0.5)
        figure.set_layout_engine("none")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.set_axis_off()
        draw(axes)
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] @ GREY


def test_each_two_lines_differ_in_grey_by_more_than_a_shade_where_the_other_draws_anything():
    drawn = [
        grey_picture(lambda axes, look=look: axes.plot(np.linspace(0.1, 0.9, 5), [0.5] * 5, **look.of_line))
        for look in looks(14)
    ]
    for one, other in combinations(drawn, 2):
        ink = (one < 250) | (other < 250)
        differing = np.abs(one - other)[ink] > 60
        assert differing.mean() > 0.1


def test_no_two_of_the_most_lines_share_style_and_marker_and_one_more_is_refused():
    most = looks(35)
    assert len({(str(look.line), look.marker) for look in most}) == 35
    with pytest.raises(UserError, match="36 lines"):
        looks(36)


def test_amounts_grow_darker_all_the_way_in_grey():
    shades = matplotlib.colormaps[SEQUENTIAL](np.linspace(0, 1, 256))[:, :3] @ GREY
    assert (np.diff(shades) < 0).all()
    assert shades[0] - shades[-1] > 0.6


def test_hatches_tell_areas_apart_without_colour():
    hatches = [look.hatch for look in looks(5)]
    assert len(set(hatches)) == 5


PROGRAM = """
import sys
from pathlib import Path
from rsbench.reporting.figures.style import files_of, looks, new_figure, save, styled
with styled():
    figure = new_figure(3.5, 2)
    axes = figure.add_subplot()
    for look in looks(3):
        axes.plot([0, 1, 2], [1, 3, 2], label="Maß: α = 0.05", **look.of_line)
    axes.set_title("searchable")
    axes.legend()
save(figure, files_of(Path(sys.argv[1]), "figure"))
"""


def test_the_same_figure_has_the_same_bytes_in_another_process_and_under_other_settings(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "matplotlibrc").write_text("font.size: 20\npdf.fonttype: 3\nlines.linewidth: 9\n")
    for name, seed in (("a", "0"), ("b", "1")):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        if name == "b":
            environment |= {"MATPLOTLIBRC": str(tmp_path / "b" / "matplotlibrc"), "SOURCE_DATE_EPOCH": "1"}
        subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path / name)], env=environment, check=True, timeout=120)
    for ending in ("pdf", "png"):
        first, second = ((tmp_path / name / f"figure.{ending}").read_bytes() for name in "ab")
        assert first == second


def test_a_pdf_has_its_size_in_inches_true_letters_and_no_date(tmp_path):
    with styled():
        figure = new_figure(SINGLE, 2)
        figure.add_subplot().set_title("searchable")
    pdf, png = save(figure, files_of(tmp_path, "one"))
    raw = pdf.read_bytes()
    whole = raw + b"".join(unpacked(raw))
    assert b"/FontFile2" in whole and b"/Type3" not in whole  # TrueType inside, not drawings of letters
    assert b"CreationDate" not in whole and b"ModDate" not in whole
    [box] = re.findall(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", whole)
    assert float(box[0]) == pytest.approx(72 * SINGLE) and float(box[1]) == pytest.approx(144)
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert b"Software" not in png.read_bytes()


def unpacked(raw: bytes):
    """The streams of a PDF."""
    for found in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL):
        try:
            yield zlib.decompress(found[1])
        except zlib.error:
            continue


def test_a_dollar_in_a_name_is_a_dollar(tmp_path):
    with styled():
        figure = new_figure(2, 1)
        figure.add_subplot().set_title("costs $^$ and $x_1$")  # the first is no formula, and would be an error
    save(figure, files_of(tmp_path, "one"))
    drawn = b"".join(unpacked((tmp_path / "one.pdf").read_bytes()))
    assert b"<0024>" in drawn  # the table of letters has the dollar


def test_the_settings_of_the_process_come_back(tmp_path):
    with matplotlib.rc_context({"font.size": 17}):
        before = dict(matplotlib.rcParams)
        with styled():
            assert matplotlib.rcParams["font.size"] == 8
            figure = new_figure(1, 1)
        save(figure, files_of(tmp_path, "one"))
        assert dict(matplotlib.rcParams) == before


def test_a_name_of_a_pdf_or_png_gives_both_and_any_other_name_is_a_folder(tmp_path):
    for out, stem in (("a.pdf", "a"), ("a.PNG", "a"), ("v1.2", "v1.2/figure"), ("b", "b/figure")):
        found = files_of(tmp_path / out, "figure")
        assert found == {"pdf": tmp_path / f"{stem}.pdf", "png": tmp_path / f"{stem}.png"}
    (tmp_path / "folder.pdf").mkdir()
    assert files_of(tmp_path / "folder.pdf", "figure")["png"] == tmp_path / "folder.pdf" / "figure.png"
    with pytest.raises(UserError, match="PDF and PNG"):
        files_of(tmp_path / "a.svg", "figure")


def test_a_figure_that_cannot_be_written_is_the_users_error_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    with styled():
        figure = new_figure(1, 1)
    with pytest.raises(UserError, match="cannot be written"):
        save(figure, files_of(tmp_path / "file" / "one.pdf", "figure"))
    (tmp_path / "one.png").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        save(figure, {"png": tmp_path / "one.png"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "one.png"]


def test_widths_are_those_of_columns():
    assert width_of("single") == SINGLE < width_of("double") == DOUBLE
    with pytest.raises(UserError, match="triple"):
        width_of("triple")


def test_drawing_takes_no_window_and_no_global_figure():
    code = (
        "import sys, rsbench.cli.figure\n"
        "assert not {'matplotlib', 'torch', 'numpy', 'pyarrow'} & set(sys.modules)\n"
        "from rsbench.reporting.figures.style import new_figure, styled\n"
        "with styled(): new_figure(1, 1).add_subplot()\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).parents[3])
