"""Names for every number of a table, so that the text of a paper and its table cannot disagree.

A name is ``\\rsb``, the number of the table, the row, the column and what is meant: ``\\rsbTableOneCtxmimSwinBEurosat
Published`` in one word. TeX wants letters only: digits are spelled out, other marks part words.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass

from rsbench.reporting.cells import Cell, Table

_DIGITS = ("Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")

Key = tuple[str, str, str]
"""Kind of section, variant of the row, key of the column."""


@dataclass(frozen=True)
class Macros:
    """The macros of a table.

    Args:
        texts: what each name stands for, as plain text.
        of_cell: names by what they mean (``Published``, ``Mean``, ``Low``, ``High``, ``Sd``, ``Runs``, ``Verdict``)
            for each cell that has any.
    """

    texts: dict[str, str]
    of_cell: dict[Key, dict[str, str]]


def macros(table: Table) -> Macros:
    """Returns the macros of a table; what a cell does not have, such as an interval, has none.

    Should two cells come to the same letters, both names get eight more that follow from what they name, so that
    neither can be taken for the other.
    """
    cells: dict[Key, dict[str, str]] = {
        (section.kind, row.variant, column.key): _texts(cell, column.published)
        for section in table.sections
        for row in section.rows
        for column, cell in zip(table.columns, row.cells, strict=True)
        if cell is not None
    }
    stems = {key: _stem(table.number, key) for key in cells}
    wanted = Counter(stems[key] + what for key, texts in cells.items() for what in texts)
    texts: dict[str, str] = {}
    of_cell: dict[Key, dict[str, str]] = {}
    for key, own in cells.items():
        for what, text in own.items():
            name = stems[key] + what
            if wanted[name] > 1:
                name += _letters("/".join((*key, what)))
            texts[name] = text
            of_cell.setdefault(key, {})[what] = name
    return Macros(texts, of_cell)


def words(text: str) -> str:
    """Returns ``text`` in letters only, a capital at the start of each word.

    >>> words("ctxmim/swin_b"), words("AP50")
    ('CtxmimSwinB', 'ApFiveZero')
    """
    found = re.findall(r"[A-Za-z]+|[0-9]", text)
    return "".join(_DIGITS[int(word)] if word.isdigit() else word.capitalize() for word in found)


def _stem(number: int, key: Key) -> str:
    kind, variant, column = key
    return f"\\rsbTable{words(str(number))}{'Demo' if kind == 'demo' else ''}{words(variant)}{words(column)}"


def _texts(cell: Cell, published: bool) -> dict[str, str]:
    if published:
        return {"Published": cell.value}
    found = {"Mean": cell.value, "Low": cell.low, "High": cell.high, "Sd": cell.sd, "Runs": ", ".join(cell.runs)}
    found["Verdict"] = cell.verdict.short if cell.verdict and cell.runs else ""
    return {what: text for what, text in found.items() if text}


def _letters(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(chr(ord("a") + byte % 26) for byte in digest[:8])
