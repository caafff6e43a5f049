"""Builds a table of the paper, published and measured side by side, from the published numbers and a store of runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from rsbench.errors import UserError, near_miss
from rsbench.records import Record, Store
from rsbench.reporting import gains, notes
from rsbench.reporting.cells import Cell, Column, Footnote, Kind, Row, Section, Table
from rsbench.reporting.footnotes import Footnotes
from rsbench.reporting.intervals import Predictions
from rsbench.reporting.measured import Group, Measurement, Place, Subject, places, subject
from rsbench.reporting.published import Expected, PublishedColumn, PublishedTable, published_table
from rsbench.reporting.ranking import ranks
from rsbench.reporting.standing import Standing, standing
from rsbench.reporting.verdicts import NOT_RUN, TOLERANCE, Verdict, check_tolerance, overall, verdict

__all__ = ["DEMO", "MEASURED_ONLY", "Cell", "Column", "Footnote", "Row", "Section", "Table", "build_table"]

MEASURED_ONLY = "Measured here, not in the paper"
DEMO = "Demo scenes (not comparable)"


def build_table(
    number: int,
    store: Store,
    protocols: Collection[str] = (),
    tolerance: float | Decimal = TOLERANCE,
    tests: bool = False,
) -> Table:
    """Builds Table ``number`` from the published numbers and the runs of ``store``.

    Args:
        number: of the table in the paper.
        store: of runs; it may be empty.
        protocols: only these, if any are given.
        tolerance: percentage points up to which a measured number reproduces a published one.
        tests: test each ranked row against the best one of its column; of detection that takes seconds per metric.

    Raises:
        UserError: there is no such table, no run was made by one of ``protocols``, or the tolerance is none.

    >>> table = build_table(1, Store("no/runs/yet"))
    >>> [cell.value for cell in table.sections[0].rows[-1].cells]
    ['98.87', '95.20']
    """
    published = published_table(number)
    allowed = check_tolerance(tolerance)
    records = list(store)
    warnings = tuple(f"{path.name} is left out: {reason}" for path, reason in store.broken)
    for name in protocols:
        known = {record.protocol for record in records}
        if known and name not in known:
            raise UserError(f"No run in {store.root} was made by the protocol {name!r}.", near_miss(name, known))
    tasks = {column.task for column in published.columns}
    wanted = [r for r in records if r.task in tasks and (not protocols or r.protocol in protocols)]
    if published.gain:
        ablated = (published.gain.of, published.gain.over)
        wanted = [record for record in wanted if record.method.partition("/")[0] in ablated]
    return _Builder(published, Predictions(store), wanted, allowed, tests).build(warnings, protocols)


@dataclass
class _Source:
    """Where a column's cells come from: the paper if ``place`` is None, else the groups of a place."""

    column: PublishedColumn
    place: Place | None = None
    part: str = ""
    groups: Mapping[Subject, Group] = field(default_factory=dict)
    measured: dict[Subject, Measurement] = field(default_factory=dict)
    standing: dict[Subject, Standing] = field(default_factory=dict)

    def text(self, value: float | None) -> str:
        return "" if value is None else f"{value:.{self.column.decimals}f}"


@dataclass
class _Builder:
    published: PublishedTable
    predictions: Predictions
    records: list[Record]
    tolerance: Decimal
    tests: bool
    footnotes: Footnotes = field(default_factory=Footnotes)
    images: dict[tuple[tuple[str, ...], str], int | None] = field(default_factory=dict)

    def build(self, warnings: tuple[str, ...], protocols: Collection[str]) -> Table:
        sources = self._sources()
        columns = tuple(map(self._column, sources))
        records = {subject(record): record for record in self.records}
        printed = {row.variant for row in self.published.rows}
        sections = [Section("published", "", self._published_rows(sources, columns, records))]
        kinds: tuple[tuple[Kind, str], ...] = (("measured", MEASURED_ONLY), ("demo", DEMO))
        for kind, title in kinds:
            own = [s for s in records if (s.data == "demo") == (kind == "demo")]
            own = [s for s in own if kind == "demo" or s.variant not in printed]
            rows = [self._own_row(sources, one, records[one]) for one in sorted(own)]
            if rows := [row for row in rows if any(row.cells)]:
                sections.append(Section(kind, title, tuple(rows)))
        if self.published.gain:
            sections = [
                gains.with_gains(self.published.gain, section, columns, self.footnotes.number) for section in sections
            ]
        table = self.published
        said = tuple(notes.notes(table, columns, sections, self.tolerance, self.tests, protocols))
        return Table(
            table.number, table.caption, table.source, self.tolerance, columns, tuple(sections), said,
            tuple(self.footnotes.notes), warnings, self.tests,
        )  # fmt: skip

    def _sources(self) -> list[_Source]:
        """Every column of the configuration: as the paper has it, if it has it, then the measured ones beside it."""
        found: list[_Source] = []
        by_place = places(self.records)
        for column in self.published.columns:
            if column.published:
                found.append(self._of_paper(column))
            own = [place for place in by_place if place.task == column.task]
            for place in sorted(own, key=lambda place: _order(place, column.expected)):
                keys = {key for group in by_place[place].values() for r in group.records for key in r.metrics}
                parts = {part for part, _, metric in (key.partition("/") for key in keys) if metric == column.metric}
                for part in sorted(parts or {column.part}, key=lambda part: (part != column.part, part)):
                    found.append(self._of_runs(column, place, part, by_place[place]))
        return found

    def _of_paper(self, column: PublishedColumn) -> _Source:
        values = ranks({row.variant: row.values[column.key] for row in self.published.rows})
        return _Source(column, standing={Subject("real", name): Standing(rank) for name, rank in values.items()})

    def _of_runs(self, column: PublishedColumn, place: Place, part: str, groups: Mapping[Subject, Group]) -> _Source:
        source = _Source(column, place, part, groups)
        for one, group in groups.items():
            found = group.measure(self.predictions, part, column.metric)
            if found is not None:
                source.measured[one] = found
        measured, decimals = source.measured, column.decimals
        source.standing = standing(self.predictions, measured, part, column.metric, decimals, self.tests)
        return source

    def _column(self, source: _Source) -> Column:
        column, place, part = source.column, source.place, source.part
        about = ["published"]
        key, note = column.key, None
        if place is not None:
            if place.changed:
                note = self.footnotes.number(Footnote(f"* {place.protocol} with {place.changed}."))
            key += f"@{place.protocol}" + (f"[{place.changed}]" if place.changed else "")
            key += f"/{place.split}" + (f"[{place.version}]" if place.version else "")
            key += f"/{part}" + ("" if place.size is None else f"/{place.size}")
            about = [place.protocol + ("*" if place.changed else "")]
            about.append(f"{place.split} {part}" + (f" ({place.version})" if place.version else ""))
            about += [] if place.size is None else [f"{place.size} px"]
        expected = column.expected
        of_paper = Place(column.task, expected.protocol, "" if expected.incomparable else expected.split)
        of = place or of_paper
        return Column(
            key=key, of=column.key, name=column.title, about=tuple(about), published=place is None,
            decimals=column.decimals, task=column.task, metric=column.metric, part=part or column.part,
            protocol=of.protocol, split=of.split, changed=of.changed, version=of.version, size=of.size, note=note,
        )  # fmt: skip

    def _published_rows(
        self, sources: list[_Source], columns: tuple[Column, ...], records: Mapping[Subject, Record]
    ) -> tuple[Row, ...]:
        rows = []
        for row in self.published.rows:
            own = Subject("real", row.variant)
            cells = self._cells(sources, own, row.values)
            method = row.method.removesuffix(" (ours)")
            if own in records and _remade(records[own]) and any(cell is not None and cell.runs for cell in cells):
                method += " (measured: re-implemented)"
            verdicts: dict[str, list[tuple[str, int | None, Verdict]]] = {}
            for column, cell in zip(columns, cells, strict=True):
                if cell is not None and cell.verdict is not None:
                    verdicts.setdefault(column.of, []).append((column.key, cell.size, cell.verdict))
            shown = tuple(
                replace(cell, verdict=overall(verdicts.get(column.of, ()))) if cell and column.published else cell
                for column, cell in zip(columns, cells, strict=True)
            )
            rows.append(Row(row.group, method, row.backbone, row.variant, shown))
        return tuple(rows)

    def _own_row(self, sources: list[_Source], own: Subject, record: Record) -> Row:
        title = record.title + (f", checkpoint {own.checkpoint}" if own.checkpoint else "")
        return Row("", title, own.method.partition("/")[2], own.variant, self._cells(sources, own, {}))

    def _cells(self, sources: list[_Source], own: Subject, values: Mapping[str, str]) -> tuple[Cell | None, ...]:
        cells = [self._cell(source, own, values) for source in sources]
        return self.footnotes.with_notes(cells, [source.column.title for source in sources])

    def _cell(self, source: _Source, own: Subject, values: Mapping[str, str]) -> Cell | None:
        column, place = source.column, source.place
        if place is None:
            return Cell(values[column.key], rank=source.standing[own].rank) if values else None
        m, printed = source.measured.get(own), values.get(column.key)
        if m is None:
            real = any(one.data == "real" for one in source.groups)
            said = replace(NOT_RUN, why=f"its runs have no {column.title}") if own in source.groups else NOT_RUN
            return Cell("", "not run", verdict=said if printed else None) if values and real else None
        images = None if column.expected.images is None or not printed else self._images(m.runs, source.part)
        said_of = verdict(column, printed, m, place, source.part, self.tolerance, images) if printed else None
        stands = source.standing.get(own, Standing())
        return Cell(
            source.text(m.mean), m.status, stands.rank, stands.left_out, source.text(m.low), source.text(m.high),
            source.text(m.sd), m.seeds, m.size, m.precision, m.runs, m.commands, said_of, m.remarks,
            stands.against, stands.untested,
        )  # fmt: skip

    def _images(self, runs: tuple[str, ...], part: str) -> int | None:
        """Returns how many images the items of a part were cut from; None where the runs do not agree or do not say."""
        if (runs, part) not in self.images:
            found = {_images_of(self.predictions, run, part) for run in runs}
            self.images[runs, part] = found.pop() if len(found) == 1 else None
        return self.images[runs, part]


def _images_of(predictions: Predictions, run: str, part: str) -> int | None:
    """Returns the number of images that one run's items were cut from: tiles are named ``<image>__...``."""
    try:
        items = predictions.items(run, part)
    except UserError:  # the footnote says that they cannot be read
        return None
    return None if items is None else len({item.partition("__")[0] for item in items})


def _order(place: Place, expected: Expected) -> tuple[bool, str, str, str, str, int]:
    """Returns the key by which places are sorted: what may be compared with the paper stands beside its numbers."""
    other = (place.protocol, place.changed, place.split) != (expected.protocol, "", expected.split)
    return other, place.protocol, place.changed, place.split, place.version, place.size or 0


def _remade(record: Record) -> bool:
    return "re-implemented" in record.title or any("re-implemented" in flag for flag in record.flags)
