"""Tables as LaTeX with booktabs, for a paper."""

from __future__ import annotations

from rsbench.reporting.render import cell_text
from rsbench.reporting.table import Cell, Section, Table

_MARKS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "±": r"$\pm$", "·": r"$\cdot$", '"': "''",
}  # fmt: skip


def latex(table: Table) -> str:
    r"""Returns a ``table*`` environment; it needs ``\usepackage{booktabs}`` and, for its width, ``graphicx``."""
    grouped = any(row.group for section in table.sections for row in section.rows)
    left = 3 if grouped else 2
    head = [""] * (left - 2) + ["Method", "Backbone"]
    head += [escape(column.title) + _mark(column.note) for column in table.columns]
    lines = [
        f"% Table {table.number}; needs \\usepackage{{booktabs,graphicx}}",
        r"\begin{table*}",
        r"\centering",
        f"\\caption{{{escape(table.caption)}}}",
        f"\\label{{tab:rsbench-{table.number}}}",
        r"\resizebox{\textwidth}{!}{%",
        f"\\begin{{tabular}}{{{'l' * left}{'r' * len(table.columns)}}}",
        r"\toprule",
        " & ".join(head) + r" \\",
    ]
    for section in table.sections:
        lines += _section(table, section, grouped)
    lines += [r"\bottomrule", r"\end{tabular}}", r"\par\medskip\footnotesize\raggedright"]
    lines += [escape(note) + r"\par" for note in table.notes]
    lines += [r"\textbf{Warning:} " + escape(warning) + r"\par" for warning in table.warnings]
    lines += [f"{_mark(number)} {escape(text)}\\par" for number, text in enumerate(table.footnotes, 1)]
    return "\n".join([*lines, r"\end{table*}", ""])


def _section(table: Table, section: Section, grouped: bool) -> list[str]:
    lines = [r"\midrule"]
    if section.title:
        width = len(table.columns) + (3 if grouped else 2)
        lines += [f"\\multicolumn{{{width}}}{{l}}{{\\emph{{{escape(section.title)}}}}} \\\\", r"\midrule"]
    group = None
    for row in section.rows:
        if group is not None and row.group != group:
            lines.append(r"\midrule")
        lead = [escape(row.group) if row.group != group else ""] if grouped else []
        group = row.group
        cells = [*lead, escape(row.method), escape(row.backbone), *map(_cell, row.cells)]
        lines.append(" & ".join(cells) + r" \\")
    return lines


def _cell(cell: Cell | None) -> str:
    if cell is None:
        return ""
    text = escape(cell_text(cell))
    return (f"\\textbf{{{text}}}" if cell.best else text) + _mark(cell.note)


def _mark(note: int | None) -> str:
    return f"\\textsuperscript{{{note}}}" if note else ""


def escape(text: str) -> str:
    """Returns ``text`` so that LaTeX prints it as it is.

    >>> escape("swept* 50 %, a_b")
    'swept* 50 \\\\%, a\\\\_b'
    """
    return "".join(_MARKS.get(mark, mark) for mark in " ".join(text.split()))
