"""The paper on the page: its tables with verdicts, and the audit of its claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rsbench.records import Store
from rsbench.reporting.audit import audit
from rsbench.reporting.json_format import as_dict
from rsbench.reporting.table import build_table

TABLES = range(1, 6)


def paper(store: Store) -> dict[str, Any]:
    """Returns the published tables with what was measured beside them, and the findings of the audit.

    Args:
        store: of runs; it may be empty.
    """
    return {
        "tables": [_table(as_dict(build_table(number, store))) for number in TABLES],
        "audit": [{**asdict(one), "cells": list(one.cells)} for one in audit()],
    }


def _table(table: Mapping[str, Any]) -> dict[str, Any]:
    """Keeps the rows of the paper: others stand in the leaderboard."""
    published = [column for column in table["columns"] if column["published"]]
    rows = [row for row in table["rows"] if row["section"] == "published"]
    return {
        "number": table["table"],
        "caption": table["caption"],
        "source": table["source"],
        "tolerance": table["tolerance"],
        "columns": [column["title"].removesuffix(" (published)") for column in published],
        "rows": [
            {name: row[name] for name in ("group", "method", "backbone", "variant")}
            | {"cells": [_cell(row["cells"], column, table["columns"]) for column in published]}
            for row in rows
        ],
    }


def _cell(cells: Mapping[str, Any], column: Mapping[str, Any], columns: list[dict[str, Any]]) -> dict[str, Any] | None:
    own = cells.get(column["key"])
    if own is None:
        return None
    measured = []
    for other in columns:
        found = cells.get(other["key"])
        if other["published"] or other["of"] != column["of"] or not found or not found["runs"]:
            continue
        verdict = found["verdict"] or {}
        measured.append(
            {
                "title": other["title"],
                "text": found["text"] or found["status"],
                "low": found["low"],
                "high": found["high"],
                "runs": found["runs"],
                "verdict": verdict.get("text", ""),
            }
        )
    verdict = own["verdict"] or {}
    return {
        "text": own["text"],
        "best": own["rank"] == 1,
        "kind": verdict.get("kind", ""),
        "verdict": verdict.get("text", ""),
        "measured": measured,
    }
