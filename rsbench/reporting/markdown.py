"""Tables as GitHub-flavoured Markdown."""

from __future__ import annotations

from rsbench.reporting.cells import Cell, Footnote, Section, Table
from rsbench.reporting.render import interval_text, join, no_value, small_texts


def markdown(table: Table) -> str:
    """Returns the table as Markdown: pipe tables for each section, then notes and footnotes."""
    lines = [f"## Table {table.number}. {escape(table.caption)}", ""]
    for section in table.sections:
        if section.title:
            lines += [f"### {escape(section.title)}", ""]
        for block in table.blocks(section):
            lines += [*_pipe_table(table, section, block), ""]
    lines += [_legend(table), ""]
    lines += [line for note in table.notes for line in (escape(note), "")]
    lines += [line for warning in table.warnings for line in (f"**Warning:** {escape(warning)}", "")]
    lines += [f"[^{number}]: {_footnote(note)}" for number, note in enumerate(table.footnotes, 1)]
    return "\n".join(lines).rstrip() + "\n"


def _pipe_table(table: Table, section: Section, block: list[int]) -> list[str]:
    grouped = any(row.group for row in section.rows)
    head = [""] if grouped else []
    head += ["Method", "Backbone"]
    for column in (table.columns[index] for index in block):
        head.append(escape(column.title) + _reference(column.note))
    left = len(head) - len(block)
    lines = [_line(head), _line([":--"] * left + ["--:"] * len(block))]
    group = None
    for row in section.rows:
        lead = [row.group if row.group != group else ""] if grouped else []
        group = row.group
        lead += [escape(row.method), escape(row.backbone)]
        lines.append(_line(lead + [_cell(row.cells[index]) for index in block]))
    return lines


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    if not cell.value:
        return escape(no_value(cell)) + _reference(cell.note)
    mark = "**" if cell.best else "*" if cell.second else ""
    value = f"{mark}{cell.value}{mark}{cell.sign}"
    return join(value, interval_text(cell), [escape(text) for text in small_texts(cell)]) + _reference(cell.note)


def _legend(table: Table) -> str:
    signs = table.signs
    said = ["**best**"] if signs["best"] else []
    said += ["*second best*"] if signs["second"] else []
    said += ["† not ranked"] if signs["left out"] else []
    said += ["≈ no difference from the best shown"] if signs["level"] else []
    said += ["? not tested against the best"] if signs["untested"] else []
    return ", ".join(said)


def _footnote(note: Footnote) -> str:
    commands = " ".join(_code(command) for command in note.commands)
    return escape(note.text) + (f" To repeat: {commands}" if commands else "")


def _code(text: str) -> str:
    """Returns ``text`` as code, fenced by more backticks than it has in a row."""
    text = " ".join(text.split())
    fence = "`"
    while fence in text:
        fence += "`"
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{text}{space}{fence}"


def _reference(note: int | None) -> str:
    return f"[^{note}]" if note else ""


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escape(text: str) -> str:
    """Keeps Markdown from reading marks into names and reasons."""
    text = " ".join(text.split())
    for mark in ("\\", "|", "*", "_", "<", "`", "~", "[", "]", "$", "&"):
        text = text.replace(mark, "\\" + mark)
    return text
