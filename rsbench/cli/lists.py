"""``rsbench list methods`` and ``rsbench list tasks``: what is installed, and which plugins are broken.

It prints plain text and imports neither torch nor rich, because it is asked often and must answer at once.
"""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from rsbench.checkpoints.state import state
from rsbench.cli.common import Plugins, registry, settings_of_process
from rsbench.plugins import Registry
from rsbench.task import Split

SHOWN: Mapping[str, Sequence[str]] = {
    "methods": ("method", "title", "input", "state", "licence", "default"),
    "tasks": ("task", "title", "kind", "classes", "splits", "protocols", "ranked_by", "licence"),
}
_GAP = "  "


def show_list(
    what: Annotated[Literal["methods", "tasks"], typer.Argument(help="methods or tasks", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything that is known, as JSON.")] = False,
    plugin: Plugins = None,
) -> None:
    """List what is installed: methods with their variants, or tasks."""
    found = registry(plugin)
    rows = methods(found) if what == "methods" else tasks(found)
    if as_json:
        facts = ("origin", "reason", "traceback") if settings_of_process.debug else ("origin", "reason")
        broken = [{fact: getattr(item, fact) for fact in facts} for item in found.broken]
        typer.echo(json.dumps({what: rows, "broken": broken}, indent=2))
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in table(rows, SHOWN[what], width):
            typer.echo(line)
    for item in found.broken:
        typer.echo(f"Broken plugin {item.origin}: {item.reason}", err=True)
        if settings_of_process.debug:
            typer.echo(item.traceback.rstrip(), err=True)


def methods(found: Registry) -> list[dict[str, Any]]:
    """One row per method and variant, the default variant of each method first."""
    rows = []
    for name, method in sorted(found.methods.items.items()):
        for variant, weights in sorted(method.variants.items(), key=lambda item: item[0] != method.default_variant):
            rows.append(
                {
                    "method": f"{name}/{variant}",
                    "title": method.row_title(variant),
                    "paradigm": method.paradigm,
                    "reimplemented": method.reimplemented,
                    "default": variant == method.default_variant,
                    "architecture": weights.architecture_name,
                    "kwargs": dict(weights.kwargs),
                    "layouts": [getattr(layout, "name", layout) for layout in weights.layouts],
                    "input": f"{weights.preprocess.size} px",
                    "preprocess": weights.preprocess.facts(),
                    "alternatives": {key: value.facts() for key, value in weights.alternatives.items()},
                    "weights": weights.source.kind,
                    "state": state(f"{name}/{variant}", weights),
                    "source": asdict(weights.source),
                    "sha256": weights.sha256,
                    "md5": weights.md5,
                    "size_bytes": weights.size_bytes,
                    "licence": weights.licence or "unknown",
                    "terms": weights.terms,
                    "questions": list(method.questions),
                    "pretraining_data": list(weights.pretraining_data),
                    "note": weights.note,
                    "origin": found.methods.origins[name],
                    "paper": method.paper,
                    "code": method.code,
                    "code_licence": method.licence,
                    "citation": method.citation,
                }
            )
    return rows


def _split(split: Split) -> dict[str, Any]:
    rule = getattr(split.draw, "target", None) or getattr(split.draw, "__qualname__", None)
    return {**vars(split), "counts": dict(split.counts), "draw": rule}


def tasks(found: Registry) -> list[dict[str, Any]]:
    """One row per task."""
    return [
        {
            "task": name,
            "title": task.title,
            "kind": task.kind,
            "classes": len(task.classes),
            "class_names": list(task.classes),
            "splits": [split.name for split in task.splits],
            "split_files": [_split(split) for split in task.splits],
            "protocols": [protocol.name for protocol in task.protocols],
            "settings": {
                protocol.name: {"description": protocol.description, **protocol.settings} for protocol in task.protocols
            },
            "assumed": {protocol.name: list(protocol.assumed) for protocol in task.protocols},
            "metrics": list(task.metrics),
            "train": task.train,
            "report": list(task.report),
            "ranked_by": task.rank,
            "licence": task.licence or "unknown",
            "note": task.note,
            "origin": found.tasks.origins[name],
            "url": task.url,
            "citation": task.citation,
        }
        for name, task in sorted(found.tasks.items.items())
    ]


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], width: int | None) -> list[str]:
    """Returns the lines of a table with aligned columns.

    >>> table([{"task": "eurosat", "splits": ["seco", "own"]}], ["task", "splits"], None)
    ['task     splits', 'eurosat  seco, own']

    Args:
        rows: values by column.
        columns: those to show, in order.
        width: of the terminal; a table that is wider has its widest columns folded between words. None never folds.
    """
    cells = [[name.replace("_", " ") for name in columns], *([_cell(row[name]) for name in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    words = [max(len(word) for cell in column for word in cell.split()) for column in zip(*cells, strict=True)]
    while width is not None and sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        room = [have - least for have, least in zip(widths, words, strict=True)]
        if not any(room):  # a table of whole words that is still too wide stays so
            break
        widths[max(range(len(widths)), key=lambda n: (room[n] > 0, widths[n]))] -= 1
    lines = []
    for row in cells:
        folded = [
            textwrap.wrap(cell, size, break_on_hyphens=False) or [""] for cell, size in zip(row, widths, strict=True)
        ]
        for number in range(max(map(len, folded))):
            parts = [part[number] if number < len(part) else "" for part in folded]
            lines.append(_GAP.join(part.ljust(size) for part, size in zip(parts, widths, strict=True)).rstrip())
    return lines


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return ", ".join(value) if isinstance(value, list) else str(value)
