"""Tables as CSV for machines: one line per row, every part of a measured cell in a column of its own."""

from __future__ import annotations

import csv
import io

from rsbench.reporting.table import Cell, Column, Table

_LEAD = ("section", "group", "method", "backbone", "variant")
_PARTS = ("mean", "lo", "hi", "sd", "seeds", "input_size", "status", "runs", "note")


def comma_separated(table: Table) -> str:
    """Returns the table as CSV (RFC 4180, but for lines that end in a bare newline).

    A published column has its own name; a measured one gives ``<column> mean``, ``<column> lo`` and so on. Lists
    (seeds, runs) have spaces between their items.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_LEAD, *(name for column in table.columns for name in _names(column))])
    for section in table.sections:
        for row in section.rows:
            lead = [section.title or "published", row.group, row.method, row.backbone, row.variant]
            cells = zip(table.columns, row.cells, strict=True)
            writer.writerow([*lead, *(value for pair in cells for value in _values(table, *pair))])
    return buffer.getvalue()


def _names(column: Column) -> list[str]:
    return [column.key] if column.published else [f"{column.key} {part}" for part in _PARTS]


def _values(table: Table, column: Column, cell: Cell | None) -> list[str]:
    if cell is None:
        return [""] * len(_names(column))
    if column.published:
        return [cell.value]
    return [
        cell.value, cell.low, cell.high, cell.sd, " ".join(map(str, cell.seeds)),
        "" if cell.size is None else str(cell.size), cell.status, " ".join(cell.runs),
        table.footnotes[cell.note - 1] if cell.note else "",
    ]  # fmt: skip
