"""What a table is: columns, rows, cells and what must be said beside them, in no particular format.

The renderers print these objects and nothing else, and their numbers are text already: so all formats say the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from rsbench.reporting.verdicts import Verdict

if TYPE_CHECKING:
    from rsbench.reporting.significance import Against

Kind = Literal["published", "measured", "demo"]

_WIDE = 6  # columns beside each other


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column.

    Args:
        key: unique, for machines: ``EuroSAT`` or ``EuroSAT@swept/seco/val``.
        of: key of the paper's column that it belongs to, its own if it is published.
        name: what it shows: ``EuroSAT Top-1``.
        about: what sets it apart: ``published``, or protocol, split and part, and input size.
        published: whether it holds the paper's numbers; else those measured here.
        decimals: printed.
        task, metric, part: what it measures, and on which part of the split.
        protocol, split: of the measured column; of a published one those of a run that may be compared with it, and
            an empty split if none may.
        changed, version, size: of the place where it was measured, see ``measured.Place``; empty and None of others.
        note: number of its footnote, or None.
    """

    key: str
    of: str
    name: str
    about: tuple[str, ...]
    published: bool
    decimals: int
    task: str
    metric: str
    part: str
    protocol: str
    split: str
    changed: str = ""
    version: str = ""
    size: int | None = None
    note: int | None = None

    @property
    def title(self) -> str:
        """The head of the column in one line."""
        about = ", ".join(self.about)
        return f"{self.name} ({about})" if self.published else f"{self.name}, {about}"


@dataclass(frozen=True)
class Cell:
    """One cell; numbers are text with the decimals of their column, and absent ones are empty.

    Args:
        value: the published or the mean measured number; empty if there is none.
        status: ``published``, ``done``, ``failed``, ``interrupted``, ``not run``, or ``derived`` from other cells.
        rank: among the rows of its column that it may be compared with, 1 is the best; equal digits share a rank. None
            where it is not ranked.
        left_out: why it is not ranked though it has a number and others are there; else empty.
        low, high: 95 % interval.
        sd: standard deviation over seeds.
        seeds: those averaged.
        size: of the input in pixels.
        precision: of the backbone's arithmetic; empty if nothing was measured.
        runs: ids.
        commands: that make the runs again.
        verdict: of a measured cell, what it says about the published number; of a published one, what all measured
            cells say. None where there is no published number.
        remarks: what must be said beside it, without a full stop.
        against: the tests against the best row of its column; None where it is that, or none was made.
        untested: whether a test was asked for and could not be made.
        note: number of its footnote, or None.
    """

    value: str
    status: str = "published"
    rank: int | None = None
    left_out: str = ""
    low: str = ""
    high: str = ""
    sd: str = ""
    seeds: tuple[int, ...] = ()
    size: int | None = None
    precision: str = ""
    runs: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    verdict: Verdict | None = None
    remarks: tuple[str, ...] = ()
    against: Against | None = None
    untested: bool = False
    note: int | None = None

    @property
    def best(self) -> bool:
        """Whether no comparable row of its column has a larger number."""
        return self.rank == 1

    @property
    def second(self) -> bool:
        """Whether exactly one comparable row has a larger number; where two are best there is no second."""
        return self.rank == 2

    @property
    def level_with_best(self) -> bool:
        """Whether a test was made against the best row of its column and shows no difference."""
        return self.against is not None and not self.against.shown

    @property
    def sign(self) -> str:
        """What stands behind the number: ``†`` not ranked, ``≈`` no difference from the best shown, ``?`` untested."""
        return "†" if self.left_out else "≈" if self.level_with_best else "?" if self.untested else ""


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        group: of the paper's rows; else empty.
        method, backbone: for readers.
        variant: for machines: ``method/variant``, with ``@`` and the start of the digest of a user's checkpoint.
        cells: in the order of the table's columns, None where there is nothing to say.
        derived: whether its numbers are differences of those of two other rows.
    """

    group: str
    method: str
    backbone: str
    variant: str
    cells: tuple[Cell | None, ...]
    derived: bool = False


@dataclass(frozen=True)
class Section:
    """Rows under one heading; the paper's own rows have an empty one."""

    kind: Kind
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Footnote:
    """What a number in a cell leads to: runs and remarks, and the commands that make the runs again."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """The whole table; footnote ``n`` is ``footnotes[n - 1]``. ``tests``: whether tests against the best were made."""

    number: int
    caption: str
    source: str
    tolerance: Decimal
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    footnotes: tuple[Footnote, ...]
    warnings: tuple[str, ...]
    tests: bool = False

    def shown(self, section: Section) -> list[int]:
        """Returns the columns of a section that are worth printing.

        Published ones belong to the paper's rows alone; a measured one is left out where no row has a run in it.
        """

        def says(index: int) -> bool:
            cells = (row.cells[index] for row in section.rows)
            return any(cell is not None and cell.status != "not run" for cell in cells)

        return [index for index in range(len(self.columns)) if says(index)]

    def blocks(self, section: Section) -> list[list[int]]:
        """Returns the columns of a section in groups that fit beside each other; a metric is never torn apart."""
        shown = self.shown(section)
        if all(self.columns[index].published for index in shown):
            return [shown]
        metrics: dict[str, list[int]] = {}
        for index in shown:
            metrics.setdefault(self.columns[index].of, []).append(index)
        blocks: list[list[int]] = []
        for columns in metrics.values():
            if blocks and len(blocks[-1]) + len(columns) <= _WIDE:
                blocks[-1] += columns
            else:
                blocks.append(list(columns))
        return blocks

    @property
    def signs(self) -> dict[str, bool]:
        """Which marks the cells have: ``best``, ``second``, ``left out``, ``level``, ``untested``."""
        cells = [cell for section in self.sections for row in section.rows for cell in row.cells if cell]
        return {
            "best": any(cell.best for cell in cells),
            "second": any(cell.second for cell in cells),
            "left out": any(cell.left_out for cell in cells),
            "level": any(cell.level_with_best for cell in cells),
            "untested": any(cell.untested for cell in cells),
        }
