"""The formats of a table, and what all of them write in a cell."""

from __future__ import annotations

from rsbench.errors import UserError, near_miss
from rsbench.reporting.table import Cell, Table

FORMATS = ("markdown", "latex", "csv", "html")


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
    raise UserError(f"There is no format {form!r}.", near_miss(form, FORMATS))


def cell_text(cell: Cell) -> str:
    """Returns a cell in one line.

    >>> cell_text(Cell("91.20", status="done", low="90.45", high="91.96", sd="0.11", seeds=(0, 1, 2), size=64))
    '91.20 [90.45, 91.96] ± 0.11 · 3 seeds · 64 px'
    >>> cell_text(Cell("", status="failed", seeds=(0,)))
    'failed'
    """
    if cell.status == "published":
        return cell.value
    detail = detail_text(cell)
    if cell.status != "done":
        return cell.status
    interval = f" [{cell.low}, {cell.high}]" if cell.low else ""
    return f"{cell.value}{interval}{' ' if cell.sd else ' · '}{detail}"


def detail_text(cell: Cell) -> str:
    """Returns what stands small beside a measured number: spread, seeds, input size."""
    parts = [f"± {cell.sd}"] if cell.sd else []
    parts.append(f"{len(cell.seeds)} seed{'s' if len(cell.seeds) != 1 else ''}")
    if cell.size is not None:
        parts.append(f"{cell.size} px")
    return " · ".join(parts)
