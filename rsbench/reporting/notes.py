"""The sentences under a table: what the numbers are, what is marked, what is compared with what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from decimal import Decimal

from rsbench.reporting.cells import Column, Section
from rsbench.reporting.published import Expected, PublishedTable


def notes(
    table: PublishedTable,
    columns: Sequence[Column],
    sections: Sequence[Section],
    tolerance: Decimal,
    tests: bool,
    protocols: Collection[str] = (),
) -> Iterator[str]:
    """Yields the notes of a table.

    Args:
        table: as published.
        columns, sections: as shown.
        tolerance: of the verdicts, in percentage points.
        tests: whether rows were tested against the best ones.
        protocols: the only ones whose runs are shown, if any are named.
    """
    if protocols:
        yield f"Shown and judged are only runs of the protocol {' or '.join(dict.fromkeys(protocols))}."
    yield (
        f"Published numbers: {table.source}, as printed; ranked among all rows of the paper. Best and second best are "
        "marked; equal digits share a place."
    )
    if any(not column.published for column in columns):
        yield (
            "Measured here: mean over seeds in percent, 95 % interval over items in brackets (bootstrap, without the "
            "variance between seeds), ± standard deviation over seeds, number of seeds, input size, verdict."
        )
        yield (
            "Measured values are ranked within a column only, and there only rows of equal input size and precision "
            "(the largest such group); † marks a row that is not ranked, its footnote says why. Unequal protocols, "
            "settings, splits, input sizes or data revisions are never ranked together."
        )
        if tests:
            yield (
                "≈: no difference from the best of the column is shown: paired test on the same items and, where both "
                "rows have several seeds, Welch's test over seeds, Holm-corrected for the rows of the column, 5 %. "
                "?: not tested, for the runs left too little. Measured rows ranked below the first without a sign are "
                "shown to differ from the best one; where either has one seed, that says nothing about other seeds."
            )
    yield (
        f"Verdict: the measured number minus the published one, as printed; up to {tolerance} percentage points apart "
        "is reproduced. Only runs of the paper's protocol, with its own settings, on the whole of its split are "
        "compared."
    )
    yield from _expectations(table)
    for split in sorted({column.split for column in columns if column.version}):
        yield (
            f"The split {split} is not one list of the same images in all runs; columns with other brackets are not "
            "comparable."
        )
    yield from _absent(table, columns, sections)
    if table.gain:
        yield (
            f"{table.gain.title} is derived: the difference of the two rows as printed. Of other methods than these "
            "two nothing is shown here."
        )
    if any(section.kind == "demo" for section in sections):
        yield "Demo scenes are drawn by a program; their numbers say that the harness runs, nothing else."


def _expectations(table: PublishedTable) -> Iterator[str]:
    """Says for each task what is compared, or why nothing is."""
    named: dict[str, tuple[Expected, str, list[str]]] = {}
    for column in (column for column in table.columns if column.published):
        named.setdefault(column.task, (column.expected, column.part, []))[2].append(column.title)
    for expected, part, names in named.values():
        what = _named(names, sum(len(others) for _, _, others in named.values()))
        if expected.incomparable:
            yield f"{what}: no run can be compared with the paper: {expected.incomparable}."
            continue
        whole = [f"{expected.counts[part]:,} items"] if part in expected.counts else []
        whole += [f"{expected.images:,} images"] if expected.images else []
        digests = (("list", expected.split_sha256), ("images", expected.fingerprint))
        whole += [f"{word} {digest[:8]}" for word, digest in digests if digest]
        whole += [f"{name} {value}" for name, value in expected.policies.items()]
        of = f" ({', '.join(whole)})" if whole else ""
        yield f"{what}: compared are runs of protocol {expected.protocol} on split {expected.split}, part {part}{of}."


def _absent(table: PublishedTable, columns: Sequence[Column], sections: Sequence[Section]) -> Iterator[str]:
    """Says which columns nobody has measured here, and which ones the paper does not have."""
    of_paper = _measured(columns, sections, ("published",))
    any_real = _measured(columns, sections, ("published", "measured"))
    published = [column for column in table.columns if column.published]
    missing = [column.title for column in published if column.key not in any_real]
    if missing:
        yield f"{_named(missing, len(published))}: not run here for any row."
    partly = [column.title for column in published if column.key in any_real and column.key not in of_paper]
    if partly:
        yield f"{_named(partly, len(published))}: not run here for any row of the paper."
    shown = _measured(columns, sections, ("published", "measured", "demo"))
    for column in table.columns:
        if not column.published and column.key in shown:
            yield f"{column.title} is not in the paper's table: it is measured only."


def _named(names: Sequence[str], of: int) -> str:
    return "All columns" if len(names) == of > 1 else ", ".join(names)


def _measured(columns: Sequence[Column], sections: Sequence[Section], kinds: Iterable[str]) -> set[str]:
    """Returns the keys of the paper's columns in which a section of these kinds has runs."""
    return {
        column.of
        for section in sections
        if section.kind in kinds
        for row in section.rows
        for column, cell in zip(columns, row.cells, strict=True)
        if cell is not None and cell.runs
    }
