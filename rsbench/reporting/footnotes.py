"""The footnotes of a table: runs, remarks and commands of its cells, said once for all cells of the same runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rsbench.reporting.cells import Cell, Footnote


@dataclass
class Footnotes:
    """The footnotes so far, in the order in which the table needs them; the first has the number 1."""

    notes: list[Footnote] = field(default_factory=list)

    def number(self, note: Footnote) -> int:
        """Returns the number of a footnote, which is added if it is new."""
        if note not in self.notes:
            self.notes.append(note)
        return self.notes.index(note) + 1

    def with_notes(self, cells: Sequence[Cell | None], names: Sequence[str]) -> tuple[Cell | None, ...]:
        """Returns the cells of a row with the numbers of their footnotes; those of the same runs share one.

        Args:
            cells: of the row.
            names: of the columns.
        """
        found = list(cells)
        shared: dict[object, list[tuple[int, Cell]]] = {}
        for index, cell in enumerate(cells):
            if cell is not None and cell.runs:
                shared.setdefault(_told(cell), []).append((index, cell))
        for several in shared.values():
            note = self.number(_footnote([(names[index], cell) for index, cell in several]))
            for index, cell in several:
                found[index] = replace(cell, note=note)
        return tuple(found)


def _told(cell: Cell) -> object:
    """Returns what cells of one footnote have in common."""
    why = cell.verdict.text if cell.verdict and cell.verdict.kind == "not comparable" else ""
    return cell.status, cell.runs, cell.remarks, cell.commands, cell.left_out, why


def _footnote(named: Sequence[tuple[str, Cell]]) -> Footnote:
    """Returns the footnote of cells with the same runs, each with the name of its column."""
    first = named[0][1]
    runs = ", ".join(f"{run} (seed {seed})" for run, seed in zip(first.runs, first.seeds, strict=True))
    said = [f"Run{'s' if len(first.runs) > 1 else ''} {runs}", *first.remarks]
    if first.left_out:
        said.append(f"† not ranked: {first.left_out}")
    if first.verdict and first.verdict.kind == "not comparable":
        gaps = ", ".join(f"{name} {cell.verdict.difference}" for name, cell in named if cell.verdict)
        said.append(f"{first.verdict.text}; difference all the same: {gaps}")
    return Footnote("; ".join(said) + ".", first.commands)
