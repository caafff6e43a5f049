"""Tables as JSON, with everything that a program could want to know of them.

Keys, which stay as they are within a ``schema_version``; what is absent is null, or an empty list:

- ``schema_version``: 1.
- ``table``, ``caption``, ``source``: number in the paper, its caption, the paper.
- ``tolerance``: of the verdicts, in percentage points. ``tests``: whether ranked rows were to be tested against the
  best one of their column.
- ``columns``: ``key`` (unique), ``of`` (key of the paper's column), ``title``, ``published`` (the paper's numbers, else
  measured here), ``task``, ``metric``, ``part``, ``protocol``, ``split``, ``changed``, ``version``, ``size``,
  ``decimals``. Protocol and split of a published column are those of runs that may be compared with it; the split is
  null if none may.
- ``rows``: ``section`` (``published``, ``measured`` or ``demo``), ``group``, ``method``, ``backbone``, ``variant``,
  ``derived`` (its numbers are differences of two other rows), ``cells``: by key of the column; a cell without anything
  to say is not there.
- a published cell: ``text`` (the digits as printed), ``value`` (the same as a number), ``rank`` (1 is the best; equal
  digits share one), ``verdict``.
- a measured cell: ``status`` (``done``, ``failed``, ``interrupted``, ``not run``, ``derived``), ``text``, ``mean``,
  ``low``, ``high``, ``sd``, ``seeds``, ``size``, ``precision``, ``runs``, ``commands``, ``rank``, ``not_ranked`` (why),
  ``against_best``, ``untested`` (a test was to be made, and the runs left too little for one), ``verdict``,
  ``remarks``. Numbers are in percent and rounded as printed.
- ``against_best``, or null where nothing was tested: ``difference`` (the row's mean minus the best one's), ``low``,
  ``high`` (95 % interval over items), ``p`` (over items), ``p_seeds`` (Welch's test over seeds; null where a row
  has one seed, or no seed changes anything), ``corrected`` (the larger p after Holm), ``test`` (the name of that over
  items), ``shown`` (at 5 %).
- a verdict, or null: ``kind`` (``reproduced``, ``differs``, ``not comparable``, ``not run``), ``text``, ``why``,
  ``difference`` (measured minus published), ``column`` (of a published cell: the measured column that it is from).
- ``notes``, ``warnings``: sentences.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rsbench.reporting.cells import Cell, Column, Table
from rsbench.reporting.verdicts import Verdict

if TYPE_CHECKING:
    from rsbench.reporting.significance import Against

SCHEMA_VERSION = 1


def as_dict(table: Table) -> dict[str, Any]:
    """Returns the table as plain objects; see above for the keys."""
    return {
        "schema_version": SCHEMA_VERSION,
        "table": table.number,
        "caption": table.caption,
        "source": table.source,
        "tolerance": float(table.tolerance),
        "tests": table.tests,
        "columns": [_column(column) for column in table.columns],
        "rows": [
            {
                "section": section.kind,
                "group": row.group,
                "method": row.method,
                "backbone": row.backbone,
                "variant": row.variant,
                "derived": row.derived,
                "cells": {
                    column.key: _published(cell) if column.published else _measured(cell)
                    for column, cell in zip(table.columns, row.cells, strict=True)
                    if cell is not None
                },
            }
            for section in table.sections
            for row in section.rows
        ],
        "notes": list(table.notes),
        "warnings": list(table.warnings),
    }


def json_text(table: Table) -> str:
    """Returns the table as indented JSON."""
    return json.dumps(as_dict(table), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _column(column: Column) -> dict[str, Any]:
    names = ("key", "of", "title", "published", "task", "metric", "part", "protocol")
    return {name: getattr(column, name) for name in names} | {
        "split": column.split or None,
        "changed": column.changed or None,
        "version": column.version or None,
        "size": column.size,
        "decimals": column.decimals,
    }


def _published(cell: Cell) -> dict[str, Any]:
    return {"text": cell.value, "value": _number(cell.value), "rank": cell.rank, "verdict": _verdict(cell.verdict)}


def _measured(cell: Cell) -> dict[str, Any]:
    return {
        "status": cell.status,
        "text": cell.value or None,
        "mean": _number(cell.value),
        "low": _number(cell.low),
        "high": _number(cell.high),
        "sd": _number(cell.sd),
        "seeds": list(cell.seeds),
        "size": cell.size,
        "precision": cell.precision or None,
        "runs": list(cell.runs),
        "commands": list(cell.commands),
        "rank": cell.rank,
        "not_ranked": cell.left_out or None,
        "against_best": _against(cell.against),
        "untested": cell.untested,
        "verdict": _verdict(cell.verdict),
        "remarks": list(cell.remarks),
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {
        "kind": verdict.kind,
        "text": verdict.text,
        "why": verdict.why or None,
        "difference": _number(verdict.difference),
        "column": verdict.column or None,
    }


def _against(against: Against | None) -> dict[str, Any] | None:
    if against is None:
        return None
    difference, test = against.difference, against.test
    return {
        "difference": round(difference.mean, 4),
        "low": round(difference.low, 4),
        "high": round(difference.high, 4),
        "p": test.p,
        "p_seeds": against.seeds,
        "corrected": against.corrected,
        "test": test.name,
        "shown": against.shown,
    }


def _number(text: str) -> float | None:
    return float(text) if text else None
