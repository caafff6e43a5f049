"""Tables as CSV for machines: one line per row, every part of a cell in a column of its own."""

from __future__ import annotations

import csv
import io

from rsbench.reporting.cells import Cell, Column, Table

_LEAD = ("section", "group", "method", "backbone", "variant", "tolerance")
_PUBLISHED = ("rank", "verdict", "difference", "verdict_column")
_MEASURED = (
    "mean", "lo", "hi", "sd", "seeds", "input_size", "precision", "status", "rank", "not_ranked",
    "against_best", "against_best_p", "against_best_shown", "verdict", "difference", "runs", "note", "commands",
)  # fmt: skip


def comma_separated(table: Table) -> str:
    """Returns the table as CSV (RFC 4180, but for lines that end in a bare newline).

    A published column has its own name, and beside it ``<column> rank``, ``<column> verdict``, ``<column> difference``
    and ``<column> verdict_column``, the measured column that the verdict is from; a measured one gives
    ``<column> mean``, ``<column> lo`` and so on. ``<column> against_best`` is the row's mean minus that of the best
    row, with the p-value after Holm's correction and whether a difference is shown. Lists (seeds, runs) have spaces
    between their items, commands newlines. ``tolerance`` is that of all verdicts in percentage points. Runs that cannot
    be read come last, in rows of the section ``warning`` whose ``method`` says why.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    head = [*_LEAD, *(name for column in table.columns for name in _names(column))]
    writer.writerow(head)
    for section in table.sections:
        for row in section.rows:
            lead = [section.title or "published", row.group, row.method, row.backbone, row.variant, table.tolerance]
            cells = zip(table.columns, row.cells, strict=True)
            writer.writerow([*lead, *(value for pair in cells for value in _values(table, *pair))])
    for warning in table.warnings:
        writer.writerow(["warning", "", warning, *[""] * (len(head) - 3)])
    return buffer.getvalue()


def _names(column: Column) -> list[str]:
    if column.published:
        return [column.key, *(f"{column.key} {part}" for part in _PUBLISHED)]
    return [f"{column.key} {part}" for part in _MEASURED]


def _values(table: Table, column: Column, cell: Cell | None) -> list[str]:
    if cell is None:
        return [""] * len(_names(column))
    rank = "" if cell.rank is None else str(cell.rank)
    said = [cell.verdict.text, cell.verdict.difference] if cell.verdict else ["", ""]
    if column.published:
        return [cell.value, rank, *said, cell.verdict.column if cell.verdict else ""]
    return [
        cell.value, cell.low, cell.high, cell.sd, " ".join(map(str, cell.seeds)),
        "" if cell.size is None else str(cell.size), cell.precision, cell.status, rank, cell.left_out,
        *_against(cell), *said,
        " ".join(cell.runs), table.footnotes[cell.note - 1].text if cell.note else "", "\n".join(cell.commands),
    ]  # fmt: skip


def _against(cell: Cell) -> list[str]:
    if cell.against is None:
        return ["", "", ""]
    one = cell.against
    return [f"{one.difference.mean:+.4f}", f"{one.corrected:.4g}", "yes" if one.shown else "no"]
