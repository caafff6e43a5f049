"""The formats of a table, and what all of them write in a cell."""

from __future__ import annotations

from collections.abc import Sequence

from rsbench.errors import UserError, near_miss
from rsbench.reporting.cells import Cell, Table

FORMATS = ("markdown", "latex", "csv", "html", "json")


def render(table: Table, form: str) -> str:
    """Returns ``table`` in the format ``form``, one of ``FORMATS``.

    Raises:
        UserError: there is no such format.
    """
    if form == "markdown":
        from rsbench.reporting.markdown import markdown

        return markdown(table)
    if form == "latex":
        from rsbench.reporting.latex import latex

        return latex(table)
    if form == "csv":
        from rsbench.reporting.csv_format import comma_separated

        return comma_separated(table)
    if form == "html":
        from rsbench.reporting.html import html

        return html(table)
    if form == "json":
        from rsbench.reporting.json_format import json_text

        return json_text(table)
    raise UserError(f"There is no format {form!r}.", near_miss(form, FORMATS))


def join(value: str, interval: str, small: Sequence[str]) -> str:
    """Returns the parts of a cell in one line.

    >>> cell = Cell("91.20", status="done", low="90.45", high="91.96", sd="0.11", seeds=(0, 1, 2), size=64)
    >>> join(cell.value, interval_text(cell), small_texts(cell))
    '91.20 [90.45, 91.96] ± 0.11 · 3 seeds · 64 px'
    """
    details = " · ".join(small)
    gap = (" " if details.startswith("±") else " · ") if details else ""
    return f"{value}{' ' if interval else ''}{interval}{gap}{details}"


def no_value(cell: Cell) -> str:
    """Returns what stands in a cell without a number: the verdict if there is one, for it says why."""
    if cell.verdict is not None:
        return cell.verdict.short
    return "not comparable" if cell.status == "derived" else cell.status


def interval_text(cell: Cell) -> str:
    """Returns the interval in brackets, or nothing."""
    return f"[{cell.low}, {cell.high}]" if cell.low else ""


def small_texts(cell: Cell) -> list[str]:
    """Returns what stands small beside or below a measured number: spread, seeds and input size; then the verdict."""
    if cell.status != "done":
        return []
    parts = [f"± {cell.sd}"] if cell.sd else []
    parts.append(f"{len(cell.seeds)} seed{'s' if len(cell.seeds) != 1 else ''}")
    if cell.size is not None:
        parts.append(f"{cell.size} px")
    return [" · ".join(parts)] + ([cell.verdict.short] if cell.verdict else [])
