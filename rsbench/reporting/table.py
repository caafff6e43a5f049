"""One table of the paper, published and measured side by side, in no particular format.

The renderers print this object and nothing else, and its numbers are text already: so all formats say the same.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from rsbench.errors import UserError, near_miss
from rsbench.records import Record, Store
from rsbench.reporting.measured import Group, Measurement, Place, Predictions, Subject, places, subject
from rsbench.reporting.published import PublishedColumn, PublishedTable, published_table

MEASURED_ONLY = "Measured here, not in the paper"
DEMO = "Demo scenes (not comparable)"


@dataclass(frozen=True)
class Column:
    """One column.

    Args:
        key: unique, for machines: ``EuroSAT`` or ``EuroSAT@swept/seco/val``.
        title: for readers.
        published: whether it holds the paper's numbers; else those measured here.
        note: number of its footnote, or None.
    """

    key: str
    title: str
    published: bool
    note: int | None = None


@dataclass(frozen=True)
class Cell:
    """One cell; numbers are text with the decimals of their column, and absent ones are empty.

    Args:
        value: the published or the mean measured number; empty if the run failed.
        best: the best published number of its column.
        status: ``published``, ``done``, ``failed`` or ``interrupted``.
        low, high: 95 % interval.
        sd: standard deviation over seeds.
        seeds: those averaged.
        size: of the input in pixels.
        runs: ids.
        note: number of its footnote, or None.
    """

    value: str
    best: bool = False
    status: str = "published"
    low: str = ""
    high: str = ""
    sd: str = ""
    seeds: tuple[int, ...] = ()
    size: int | None = None
    runs: tuple[str, ...] = ()
    note: int | None = None


@dataclass(frozen=True)
class Row:
    """One row.

    Args:
        group: of the paper's rows; else empty.
        method, backbone: for readers.
        variant: for machines: ``method/variant``, with ``@`` and the start of the digest of a user's checkpoint.
        cells: in the order of the table's columns, None where there is nothing.
    """

    group: str
    method: str
    backbone: str
    variant: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class Section:
    """Rows under one heading; the paper's own rows have an empty one."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """The whole table; footnote ``n`` is ``footnotes[n - 1]``."""

    number: int
    caption: str
    source: str
    columns: tuple[Column, ...]
    sections: tuple[Section, ...]
    notes: tuple[str, ...]
    footnotes: tuple[str, ...]
    warnings: tuple[str, ...]

    def shown(self, section: Section) -> list[int]:
        """Returns the columns of a section that are worth printing: only the paper's rows have published ones."""
        return [i for i, column in enumerate(self.columns) if not section.title or not column.published]


def build_table(number: int, store: Store, protocols: Collection[str] = ()) -> Table:
    """Builds Table ``number`` from the published numbers and the runs of ``store``.

    Args:
        number: of the table in the paper.
        store: of runs; it may be empty.
        protocols: only these, if any are given.

    Raises:
        UserError: there is no such table, or no run was made by one of ``protocols``.

    >>> table = build_table(1, Store("no/runs/yet"))
    >>> [cell.value for cell in table.sections[0].rows[-1].cells]
    ['98.87', '95.20']
    """
    published = published_table(number)
    records = list(store)
    warnings = tuple(f"{path.name} cannot be read and is left out: {reason}" for path, reason in store.broken)
    for name in protocols:
        known = {record.protocol for record in records}
        if known and name not in known:
            raise UserError(f"No run in {store.root} was made by the protocol {name!r}.", near_miss(name, known))
    tasks = {column.task for column in published.columns}
    wanted = [r for r in records if r.task in tasks and (not protocols or r.protocol in protocols)]
    return _Builder(published, Predictions(store), wanted).build(warnings)


class _Source(NamedTuple):
    """Where a column's cells come from: the paper if ``place`` is None, else the groups of a place."""

    column: PublishedColumn
    place: Place | None
    part: str
    groups: dict[Subject, Group]


@dataclass
class _Builder:
    published: PublishedTable
    predictions: Predictions
    records: list[Record]
    footnotes: list[str] = field(default_factory=list)

    def build(self, warnings: tuple[str, ...]) -> Table:
        sources = self._sources()
        columns = tuple(map(self._column, sources))
        printed = {row.variant for row in self.published.rows}
        measured = {subject(record): record for record in self.records}
        rows = []
        for row in self.published.rows:
            own = Subject("real", row.variant)
            cells = self._cells(sources, own, row.values)
            method = row.method.removesuffix(" (ours)")
            if any(cell and cell.status != "published" for cell in cells) and _remade(measured[own]):
                method += " (measured: re-implemented)"
            rows.append(Row(row.group, method, row.backbone, row.variant, cells))
        sections = [Section("", tuple(rows))]
        for title, data in ((MEASURED_ONLY, "real"), (DEMO, "demo")):
            unprinted = sorted(s for s in measured if s.data == data and (data == "demo" or s.variant not in printed))
            found = (self._own_row(sources, one, measured[one]) for one in unprinted)
            if shown := tuple(row for row in found if any(row.cells)):
                sections.append(Section(title, shown))
        table = self.published
        return Table(
            table.number, table.caption, table.source, columns, tuple(sections),
            tuple(self._notes(sources, columns, sections)), tuple(self.footnotes), warnings,
        )  # fmt: skip

    def _sources(self) -> list[_Source]:
        """Every column of the configuration: as the paper has it, if it has it, then the measured ones beside it."""
        found: list[_Source] = []
        by_place = places(self.records)
        for column in self.published.columns:
            if column.published:
                found.append(_Source(column, None, column.part, {}))
            for place in sorted(by_place, key=_order):
                if place.task != column.task:
                    continue
                keys = {key for group in by_place[place].values() for r in group.records for key in r.metrics}
                parts = {part for part, _, metric in (key.partition("/") for key in keys) if metric == column.metric}
                for part in sorted(parts or {column.part}, key=lambda part: (part != column.part, part)):
                    found.append(_Source(column, place, part, by_place[place]))
        return found

    def _column(self, source: _Source) -> Column:
        column, place, part, _ = source
        if place is None:
            return Column(column.key, f"{column.title} (published)", True)
        label = place.protocol + ("*" if place.changed else "")
        size = "" if place.size is None else f", {place.size} px"
        note = self._note(f"* {place.protocol} with {place.changed}.") if place.changed else None
        key = f"{column.key}@{place.protocol}" + (f"[{place.changed}]" if place.changed else "")
        key += f"/{place.split}" + (f"[{place.version}]" if place.version else "")
        key += f"/{part}" + ("" if place.size is None else f"/{place.size}")
        version = f" ({place.version})" if place.version else ""
        return Column(key, f"{column.title}, {label}, {place.split} {part}{version}{size}", False, note)

    def _cells(self, sources: list[_Source], measured: Subject, values: dict[str, str]) -> tuple[Cell | None, ...]:
        cells: list[Cell | None] = []
        for column, place, part, groups in sources:
            if place is None:
                cells.append(self._published(column.key, values[column.key]) if values else None)
                continue
            group = groups.get(measured)
            measurement = group.measure(self.predictions, part, column.metric) if group else None
            cells.append(self._measured(measurement, column.decimals) if measurement else None)
        return tuple(cells)

    def _published(self, key: str, value: str) -> Cell:
        top = max(Decimal(row.values[key]) for row in self.published.rows)
        return Cell(value, best=Decimal(value) == top)

    def _measured(self, m: Measurement, decimals: int) -> Cell:
        def text(value: float | None) -> str:
            return "" if value is None else f"{value:.{decimals}f}"

        runs = ", ".join(f"{run} (seed {seed})" for run, seed in zip(m.runs, m.seeds, strict=True))
        note = self._note("; ".join([f"Run{'s' if len(m.runs) > 1 else ''} {runs}", *m.remarks]) + ".")
        return Cell(text(m.mean), False, m.status, text(m.low), text(m.high), text(m.sd), m.seeds, m.size, m.runs, note)

    def _own_row(self, sources: list[_Source], own: Subject, record: Record) -> Row:
        title = record.title + (f", checkpoint {own.checkpoint}" if own.checkpoint else "")
        return Row("", title, own.method.partition("/")[2], own.variant, self._cells(sources, own, {}))

    def _note(self, text: str) -> int:
        if text not in self.footnotes:
            self.footnotes.append(text)
        return self.footnotes.index(text) + 1

    def _notes(self, sources: list[_Source], columns: tuple[Column, ...], sections: list[Section]) -> list[str]:
        notes = [f"Published numbers: {self.published.source}, as printed; bold is the best published one of a column."]
        if any(not column.published for column in columns):
            notes.append(
                "Measured here: mean over seeds in percent, 95 % interval over items in brackets (bootstrap, "
                "without the variance between seeds), ± standard deviation over seeds, number of seeds, input size. "
                "Measured values are not ranked: protocols, splits and input sizes differ."
            )
        for split in sorted({source.place.split for source in sources if source.place and source.place.version}):
            notes.append(
                f"The split {split} is not one list of the same images in all runs; columns with other brackets are "
                "not comparable."
            )
        own = [column for column in self.published.columns if not column.published]
        for name in (c.title for c in own if any(shown.key.startswith(f"{c.key}@") for shown in columns)):
            notes.append(f"{name} is not in the paper's table: it is measured only.")
        if any(section.title == DEMO for section in sections):
            notes.append("Demo scenes are drawn by a program; their numbers say that the harness runs, nothing else.")
        return notes


def _order(place: Place) -> tuple[str, str, str, str, int]:
    return place.protocol, place.changed, place.split, place.version, place.size or 0


def _remade(record: Record) -> bool:
    return "re-implemented" in record.title or any("re-implemented" in flag for flag in record.flags)
