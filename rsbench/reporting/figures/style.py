"""The one style of all figures: sizes of a journal, colours that colour-blind readers tell apart, and what prints grey.

Figures are drawn with matplotlib's objects inside ``styled()``, which shuts out the settings of the user and leaves
them as they are. No series is told by its colour alone: line style and marker differ, too, so that it survives a
grey-scale printer. The colours are those of Okabe and Ito, Color Universal Design, 2008, without the yellow, which is
too light for a line on white paper.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench.atomic import write_whole
from rsbench.errors import UserError, near_miss

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SINGLE, DOUBLE = 3.5, 7.16
"""Widths of one and of two columns of a journal (IEEE) in inches."""

WIDTHS: Mapping[str, float] = {"single": SINGLE, "double": DOUBLE}
FORMATS = ("pdf", "png")
COLOURS = ("#0072B2", "#E69F00", "#000000", "#009E73", "#D55E00", "#56B4E9", "#CC79A7")
LINES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.3)), (0, (5, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
HATCHES = ("", "////", "\\\\\\\\", "....", "xxxx")
SEQUENTIAL = "Blues"
"""Map of colours for amounts: its luminance falls all the way, so that grey says the same."""

_RC: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#D9D9D9",
    "grid.linewidth": 0.4,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    "figure.titlesize": 8,
    "text.parse_math": False,  # a dollar in the name of a class or method is a dollar
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # letters stay letters: they can be searched, copied and edited
}


@dataclass(frozen=True)
class Look:
    """How one series is drawn.

    Args:
        colour: hexadecimal.
        line: style of the line, as matplotlib takes it.
        marker: of the points.
        hatch: of an area.
    """

    colour: str
    line: Any
    marker: str
    hatch: str

    @property
    def of_line(self) -> dict[str, Any]:
        """Arguments of ``Axes.plot``: markers are white inside, so that the line style stays visible between them."""
        return {"color": self.colour, "linestyle": self.line, "marker": self.marker, "markerfacecolor": "white"}


def looks(count: int) -> list[Look]:
    """Returns how each of several series is drawn; no two share both line style and marker.

    >>> [look.marker for look in looks(3)]
    ['o', 's', '^']

    Raises:
        UserError: there are more than can be told apart.
    """
    most = len(LINES) * len(MARKERS)  # their numbers have no common divisor, so both cycles together repeat this late
    if count > most:
        raise UserError(f"{count} lines cannot be told apart in one figure.", f"Draw at most {most}.")
    return [
        Look(COLOURS[n % len(COLOURS)], LINES[n % len(LINES)], MARKERS[n % len(MARKERS)], HATCHES[n % len(HATCHES)])
        for n in range(count)
    ]


@contextmanager
def styled() -> Iterator[None]:
    """Holds the style while a figure is made or written; the settings of the process come back afterwards."""
    import matplotlib.style

    with matplotlib.style.context(["default", _RC]):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Returns an empty figure of a size in inches, with a canvas and without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def set_heading(figure: Figure, text: str) -> None:
    """Sets a line above a figure, broken where it is wider than that; an empty one sets none."""
    if not text:
        return
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    letters = int(figure.get_figwidth() / 0.055)  # a letter of 7 points is about this wide in inches
    folded = textwrap.fill(text, letters, break_on_hyphens=False)
    if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):  # makes room where no place is given
        figure.suptitle(folded, fontsize=7)
    else:
        figure.suptitle(folded, fontsize=7, y=1 - 0.03 / figure.get_figheight())


def width_of(name: str) -> float:
    """Returns a width in inches; UserError if it is neither ``single`` nor ``double``."""
    if name not in WIDTHS:
        raise UserError(f"There is no width {name!r}.", near_miss(name, WIDTHS))
    return WIDTHS[name]


def files_of(out: Path, stem: str) -> dict[str, Path]:
    """Returns the file of each format: a name that ends in .pdf or .png gives the stem, any other is a folder.

    >>> files_of(Path("a/ranks.pdf"), "figure")["png"].as_posix(), files_of(Path("a"), "figure")["pdf"].as_posix()
    ('a/ranks.png', 'a/figure.pdf')

    Raises:
        UserError: it names a file of another format.
    """
    ending = out.suffix.lower().removeprefix(".")
    if ending in ("svg", "eps", "ps", "jpg", "jpeg", "tif", "tiff", "webp", "gif", "bmp"):
        raise UserError(f"--out {out}: a figure is written as PDF and PNG.", "Name a .pdf or .png, or a folder.")
    base = out.with_suffix("") if ending in FORMATS and not out.is_dir() else out / stem
    return {ending: base.with_name(f"{base.name}.{ending}") for ending in FORMATS}


def save(figure: Figure, files: Mapping[str, Path]) -> list[Path]:
    """Writes a figure and returns the files; the same figure gives the same bytes, so there is no date in them.

    Args:
        figure: drawn inside ``styled()``.
        files: by format, ``pdf`` or ``png``; each appears whole or not at all.

    Raises:
        UserError: a file cannot be written.
    """
    metadata: dict[str, dict[str, Any]] = {
        "pdf": {"CreationDate": None, "Creator": "rsbench"},
        "png": {"Software": None},
    }
    for ending, file in files.items():
        drawn = BytesIO()
        with styled():
            figure.savefig(drawn, format=ending, metadata=metadata[ending])
        try:
            write_whole(file, drawn.getvalue())
        except OSError as error:
            raise UserError(f"The figure cannot be written to {file}: {error.strerror}.", "Check --out.") from None
    return list(files.values())
