"""Tables as LaTeX with booktabs, for a paper: every number is a macro, which the text of the paper can use too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from rsbench.reporting.cells import Cell, Footnote, Row, Section, Table
from rsbench.reporting.latex_macros import Macros, macros
from rsbench.reporting.latex_text import code, escape
from rsbench.reporting.render import no_value, small_texts

_HEAD = r"""% Needs \usepackage{booktabs,graphicx}, and textcomp with a LaTeX older than 2020.
% Every number is a macro, for the text too. Its name: \rsb, table, row, column, and what it is: Published, or Mean,
% Low, High, Sd, Runs, Verdict of what was measured here. What was not measured has none. Digits are spelled out.
\providecommand{\rsbSmall}[1]{{\scriptsize #1}}
\providecommand{\rsbLong}[1]{\parbox[t]{11em}{\raggedleft\scriptsize #1\strut}}
\providecommand{\rsbCell}[2]{\begin{tabular}[t]{@{}r@{}}#1\\[-2pt]#2\end{tabular}}
\providecommand{\rsbFit}[1]{\sbox0{#1}%
  \ifdim\wd0>\textwidth\sbox0{\resizebox{\textwidth}{!}{\usebox0}}\fi
  \ifdim\dimexpr\ht0+\dp0\relax>.8\textheight\sbox0{\resizebox*{!}{.8\textheight}{\usebox0}}\fi\usebox0}"""

_LONG = 28  # characters of small text in one line of a cell
_ROWS = 30  # in one float


def latex(table: Table) -> str:
    r"""Returns the macros, a ``table*`` for each section, and the notes as text, which may break over pages.

    It needs ``booktabs`` and ``graphicx``, which shrinks what is wider or higher than the page. It can be read in
    twice, and beside other tables: the macros are made by ``\def``, and their names have the number of the table.
    """
    names = macros(table)
    label = f"tab:rsbench-{table.number}"
    lines = [f"% Table {table.number}, written by rsbench table.", _HEAD]
    lines += [f"\\def{name}{{{escape(text)}}}" for name, text in names.texts.items()]
    first = [f"\\caption{{{escape(table.caption)}}}", f"\\label{{{label}}}"]
    for section in table.sections:
        for block, start in product(table.blocks(section), range(0, len(section.rows), _ROWS)):
            some = replace(section, rows=section.rows[start : start + _ROWS])
            lines += ["", r"\begin{table*}", r"\centering", *first, r"\rsbFit{%"]
            lines += [*_tabular(table, some, block, names), "}", r"\end{table*}"]
            first = [f"{{\\small Table~\\ref{{{label}}}, continued}}\\par\\smallskip"]
    lines += [
        "",
        r"\begingroup\footnotesize\raggedright\setlength{\parindent}{0pt}",
        f"\\medskip\\textbf{{Notes to Table~\\ref{{{label}}}}}",
    ]
    lines += [f"\\par {line}" for line in _notes(table)]
    return "\n".join([*lines, r"\par\endgroup", ""])


def _tabular(table: Table, section: Section, block: Sequence[int], names: Macros) -> list[str]:
    grouped = any(row.group for row in section.rows)
    left = 3 if grouped else 2
    head = [""] * (left - 2) + ["Method", "Backbone"]
    for column in (table.columns[index] for index in block):
        about = r"\\ ".join(f"\\scriptsize {escape(part)}" for part in column.about)
        head.append(f"\\shortstack[r]{{{escape(column.name)}{_mark(column.note)}\\\\ {about}}}")
    lines = [f"\\begin{{tabular}}{{{'l' * left}{'r' * len(block)}}}", r"\toprule"]
    if section.title:
        lines += [f"\\multicolumn{{{left + len(block)}}}{{l}}{{\\emph{{{escape(section.title)}}}}} \\\\", r"\midrule"]
    lines += [" & ".join(head) + r" \\", r"\midrule"]
    before: Row | None = None
    for row in section.rows:
        new = before is None or row.group != before.group
        if before is not None and (new or row.derived != before.derived):
            lines.append(r"\midrule")
        before = row
        lead = [escape(row.group) if new else ""] if grouped else []
        lead += [escape(row.method), escape(row.backbone)]
        cells = []
        for index in block:
            own = names.of_cell.get((section.kind, row.variant, table.columns[index].key), {})
            cells.append(_cell(row.cells[index], {what: name + "{}" for what, name in own.items()}))
        lines.append(_line([*lead, *cells]))
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def _line(cells: Sequence[str]) -> str:
    """Returns a row, which may not begin with what the row or rule before it would take for its argument."""
    text = " & ".join(cells)
    return ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"


def _cell(cell: Cell | None, names: dict[str, str]) -> str:
    """Returns a cell: the number with its interval, and below it in small letters the rest."""
    if cell is None:
        return ""
    if not cell.value:
        return _small(no_value(cell), names.get("Verdict", escape(no_value(cell))) + _mark(cell.note))
    value = names["Published" if "Published" in names else "Mean"]
    value = f"\\textbf{{{value}}}" if cell.best else f"\\underline{{{value}}}" if cell.second else value
    value += escape(cell.sign)
    value += f" [{names['Low']}, {names['High']}]" if cell.low else ""
    value += _mark(cell.note)
    small = small_texts(cell)
    if not small:
        return value
    texts = [escape(text) for text in small]
    if cell.sd:
        texts[0] = texts[0].replace(cell.sd, names["Sd"], 1)
    if "Verdict" in names:
        texts[-1] = names["Verdict"]
    lines = r"\\[-2pt]".join(map(_small, small, texts))
    return f"\\rsbCell{{{value}}}{{{lines}}}"


def _small(plain: str, text: str) -> str:
    """Returns small letters, on several lines if there are many."""
    return f"\\{'rsbLong' if len(plain) > _LONG else 'rsbSmall'}{{{text}}}"


def _notes(table: Table) -> list[str]:
    signs = table.signs
    said = [r"\textbf{best}"] if signs["best"] else []
    said += [r"\underline{second best}"] if signs["second"] else []
    said += [r"$\dagger$ not ranked"] if signs["left out"] else []
    said += [r"$\approx$ no difference from the best shown"] if signs["level"] else []
    said += ["? not tested against the best"] if signs["untested"] else []
    lines = [", ".join(said) + "."] if said else []
    lines += map(escape, table.notes)
    lines += [r"\textbf{Warning:} " + escape(warning) for warning in table.warnings]
    return lines + [f"{_mark(number)} {_footnote(note)}" for number, note in enumerate(table.footnotes, 1)]


def _footnote(note: Footnote) -> str:
    commands = "; ".join(map(code, note.commands))
    return escape(note.text) + (f" To repeat: {commands}" if commands else "")


def _mark(note: int | None) -> str:
    return f"\\textsuperscript{{{note}}}" if note else ""
