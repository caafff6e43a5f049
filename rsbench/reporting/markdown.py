"""Tables as GitHub-flavoured Markdown."""

from __future__ import annotations

from rsbench.reporting.render import cell_text
from rsbench.reporting.table import Cell, Section, Table


def markdown(table: Table) -> str:
    """Returns the table as Markdown: one pipe table per section, then notes and footnotes."""
    lines = [f"## Table {table.number}. {_escape(table.caption)}", ""]
    for section in table.sections:
        if section.title:
            lines += [f"### {section.title}", ""]
        lines += [*_pipe_table(table, section), ""]
    lines += [line for note in table.notes for line in (_escape(note), "")]
    lines += [line for warning in table.warnings for line in (f"**Warning:** {_escape(warning)}", "")]
    lines += [f"[^{number}]: {_escape(text)}" for number, text in enumerate(table.footnotes, 1)]
    return "\n".join(lines).rstrip() + "\n"


def _pipe_table(table: Table, section: Section) -> list[str]:
    shown = table.shown(section)
    grouped = any(row.group for row in section.rows)
    head = [""] if grouped else []
    head += ["Method", "Backbone"]
    for column in (table.columns[index] for index in shown):
        head.append(_escape(column.title) + (f"[^{column.note}]" if column.note else ""))
    left = len(head) - len(shown)
    lines = [_line(head), _line([":--"] * left + ["--:"] * len(shown))]
    group = None
    for row in section.rows:
        lead = [row.group if row.group != group else ""] if grouped else []
        group = row.group
        lead += [_escape(row.method), _escape(row.backbone)]
        lines.append(_line(lead + [_cell(row.cells[index]) for index in shown]))
    return lines


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    text = _escape(cell_text(cell))
    return (f"**{text}**" if cell.best else text) + (f"[^{cell.note}]" if cell.note else "")


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(text: str) -> str:
    """Keeps Markdown from reading marks into names and reasons."""
    text = " ".join(text.split())
    for mark in ("\\", "|", "*", "_", "<", "`", "~"):
        text = text.replace(mark, "\\" + mark)
    return text
