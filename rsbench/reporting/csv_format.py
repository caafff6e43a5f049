"""Tables as CSV for machines: one line per row, every part of a cell in a column of its own."""

from __future__ import annotations

import csv
import io

from rsbench.reporting.cells import Cell, Column, Table

_LEAD = ("section", "group", "method", "backbone", "variant", "tolerance")
_PUBLISHED = ("rank", "verdict", "difference", "verdict_column")
_MEASURED = (
    "mean", "lo", "hi", "sd", "seeds", "input_size", "precision", "status", "rank", "not_ranked",
    "against_best", "against_best_p_seeds", "against_best_p", "against_best_shown", "untested", "verdict",
    "difference", "runs", "note", "commands",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def comma_separated(table: Table) -> str:
    """Returns the table as CSV (RFC 4180, but for lines that end in a bare newline).

    A published column has its own name, and beside it ``<column> rank``, ``<column> verdict``, ``<column> difference``
    and ``<column> verdict_column``, the measured column that the verdict is from; a measured one gives ``<column>
    mean``, ``<column> lo`` and so on. ``<column> against_best`` is the row's mean minus that of the best row, with the
    p-value of Welch's test over seeds where both have several, the p-value of both tests after Holm's correction and
    whether a difference is shown; ``untested`` is ``yes`` where no test could be made, ``no`` at other ranked numbers,
    and empty where no tests were asked for. Lists (seeds, runs) have spaces between their items, commands newlines.
    ``tolerance`` is that of all verdicts in percentage points. Runs that cannot be read come last, in rows of the
    section ``warning`` whose ``method`` says why.

    A text that a spreadsheet would take for a formula has an apostrophe before it; numbers stay as they are.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    head = [*_LEAD, *(name for column in table.columns for name in _names(column))]
    writer.writerow(head)
    for section in table.sections:
        for row in section.rows:
            names = map(_text, (section.title or "published", row.group, row.method, row.backbone, row.variant))
            cells = zip(table.columns, row.cells, strict=True)
            writer.writerow([*names, table.tolerance, *(value for pair in cells for value in _values(table, *pair))])
    for warning in table.warnings:
        writer.writerow(["warning", "", _text(warning), *[""] * (len(head) - 3)])
    return buffer.getvalue()


def _names(column: Column) -> list[str]:
    if column.published:
        return [column.key, *(f"{column.key} {part}" for part in _PUBLISHED)]
    return [f"{column.key} {part}" for part in _MEASURED]


def _values(table: Table, column: Column, cell: Cell | None) -> list[str]:
    if cell is None:
        return [""] * len(_names(column))
    rank = "" if cell.rank is None else str(cell.rank)
    untested = "" if cell.rank is None or not table.tests else "yes" if cell.untested else "no"
    said = [_text(cell.verdict.text), cell.verdict.difference] if cell.verdict else ["", ""]
    if column.published:
        return [cell.value, rank, *said, _text(cell.verdict.column) if cell.verdict else ""]
    return [
        cell.value, cell.low, cell.high, cell.sd, " ".join(map(str, cell.seeds)),
        "" if cell.size is None else str(cell.size), _text(cell.precision), cell.status, rank,
        _text(cell.left_out), *_against(cell), untested, *said,
        _text(" ".join(cell.runs)), _text(table.footnotes[cell.note - 1].text if cell.note else ""),
        _text("\n".join(cell.commands)),
    ]  # fmt: skip


def _against(cell: Cell) -> list[str]:
    if cell.against is None:
        return ["", "", "", ""]
    one = cell.against
    seeds = "" if one.seeds is None else f"{one.seeds:.4g}"
    return [f"{one.difference.mean:+.4f}", seeds, f"{one.corrected:.4g}", "yes" if one.shown else "no"]


def _text(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula, by the rule of the leaderboard's export."""
    return f"'{text}" if text.startswith(_FORMULA) else text
