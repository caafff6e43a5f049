"""``rsbench list methods`` and ``rsbench list tasks``."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import typer

from rsbench.cli.common import Plugins, registry
from rsbench.plugins import Registry


def show_list(
    what: Annotated[Literal["methods", "tasks"], typer.Argument(help="methods or tasks", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    plugin: Plugins = None,
) -> None:
    """List what is installed: methods with their variants, or tasks."""
    found = registry(plugin)
    rows = methods(found) if what == "methods" else tasks(found)
    if as_json:
        broken = [{"origin": item.origin, "reason": item.reason} for item in found.broken]
        typer.echo(json.dumps({what: rows, "broken": broken}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = [key for key in (rows[0] if rows else {}) if key not in ("citation", "paper", "settings")]
    for key in shown:
        table.add_column(key.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(row[key]) for key in shown))
    console = Console(soft_wrap=False)
    console.print(table)
    for item in found.broken:
        typer.echo(f"Broken plugin {item.origin}: {item.reason}", err=True)


def methods(found: Registry) -> list[dict[str, Any]]:
    """One row per method and variant."""
    rows = []
    for name, method in sorted(found.methods.items.items()):
        for variant, weights in method.variants.items():
            rows.append(
                {
                    "method": f"{name}/{variant}",
                    "title": method.row_title(variant),
                    "paradigm": method.paradigm,
                    "input": f"{weights.preprocess.size} px",
                    "weights": weights.source.kind,
                    "licence": weights.licence or "unknown",
                    "default": variant == method.default_variant,
                    "pretraining_data": list(weights.pretraining_data),
                    "origin": found.methods.origins[name],
                    "paper": method.paper,
                    "citation": method.citation,
                }
            )
    return rows


def tasks(found: Registry) -> list[dict[str, Any]]:
    """One row per task."""
    return [
        {
            "task": name,
            "title": task.title,
            "kind": task.kind,
            "classes": len(task.classes),
            "splits": [split.name for split in task.splits],
            "protocols": [protocol.name for protocol in task.protocols],
            "ranked_by": task.rank,
            "licence": task.licence or "unknown",
            "origin": found.tasks.origins[name],
            "citation": task.citation,
        }
        for name, task in sorted(found.tasks.items.items())
    ]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(value) if isinstance(value, list) else str(value)
