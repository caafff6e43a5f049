"""Rows that are derived from two others: what a part of a method gains, as published and as measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from rsbench.reporting.cells import Cell, Column, Footnote, Row, Section
from rsbench.reporting.published import Gain
from rsbench.reporting.verdicts import difference


def with_gains(gain: Gain, section: Section, columns: Sequence[Column], note: Callable[[Footnote], int]) -> Section:
    """Returns the section with a row for each backbone on which both methods stand, at its end.

    Args:
        gain: which method over which.
        section: of the table.
        columns: of the table.
        note: adds a footnote and returns its number.
    """
    rows = {row.variant: row for row in section.rows}
    found = []
    for variant, row in rows.items():
        method, _, backbone = variant.partition("/")
        other = rows.get(f"{gain.over}/{backbone}")
        if method == gain.of and other is not None:
            cells = tuple(
                _difference(column, a, b, note) for column, a, b in zip(columns, row.cells, other.cells, strict=True)
            )
            if any(cells):
                variant = f"{row.variant} - {other.variant}"
                found.append(Row("", gain.title, row.backbone, variant, cells, derived=True))
    return replace(section, rows=(*section.rows, *found))


def _difference(column: Column, a: Cell | None, b: Cell | None, note: Callable[[Footnote], int]) -> Cell | None:
    if a is None or b is None or not a.value or not b.value:
        return None
    value = difference(a.value, b.value, column.decimals)
    if column.published:
        return Cell(value, "derived")
    unequal = [
        f"{of_a} and {of_b}"
        for of_a, of_b in ((f"{a.size} px", f"{b.size} px"), (a.precision, b.precision))
        if of_a != of_b
    ]
    if unequal:
        why = f"not comparable: {', '.join(unequal)}"
        return Cell("", "derived", remarks=(why,), note=note(Footnote(f"{why}.")))
    said = f"{a.value} ({_seeds(a)}) minus {b.value} ({_seeds(b)})"
    footnote = Footnote(f"Derived: {said}; the notes of the two rows hold.")
    return Cell(value, "derived", size=a.size, precision=a.precision, remarks=(said,), note=note(footnote))


def _seeds(cell: Cell) -> str:
    return f"{len(cell.seeds)} seed{'s' if len(cell.seeds) != 1 else ''}"
