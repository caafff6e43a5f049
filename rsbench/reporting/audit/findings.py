"""Checks the claims against the printed numbers, in decimal arithmetic: what is printed is what is compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from rsbench.reporting.audit.claims import Claim, claims
from rsbench.reporting.published import PublishedRow, PublishedTable, published_table

OWN = "ctxmim/swin_b"
HOLDS, PARTLY, FAILS, SEEN = "holds", "holds in part", "does not hold", "seen"


@dataclass(frozen=True)
class Finding:
    """What came of one claim.

    Args:
        where: section or caption of the paper.
        claim: what is claimed, in our words.
        claimed: the printed number, with its sign; empty for a claim without one.
        cells: those that were read, ``Table 1, CtxMIM (ours) Swin-B, EuroSAT = 98.87``.
        arithmetic: the calculation; several where there are several cells or readings.
        finding: ``holds``, ``holds in part``, ``does not hold``; or ``seen``, of what is no claim.
        remark: what a reader should know beside it; may be empty.
    """

    where: str
    claim: str
    claimed: str
    cells: tuple[str, ...]
    arithmetic: str
    finding: str
    remark: str = ""


def audit() -> tuple[Finding, ...]:
    """Returns a finding for each claim in the order of the paper; each F1 value has one of its own."""
    return tuple(finding for claim in claims() for finding in _CHECKS[claim.kind](claim))


def _lead(claim: Claim) -> list[Finding]:
    table, column = published_table(claim.table), claim.column
    own, claimed = _row(table, OWN), Decimal(claim.claimed)
    cells, sums, right = [_cell(table, own, column)], [], []
    for name, variants in claim.readings.items():
        rival = _strongest(table, variants, column)
        lead = _value(own, column) - _value(rival, column)
        cells.append(_cell(table, rival, column))
        said = f"{own.values[column]} - {rival.values[column]} = {lead}"
        sums.append(said if len(claim.readings) == 1 else f"{name}: {said}")
        right.append(lead == claimed)
    finding = HOLDS if all(right) else PARTLY if any(right) else FAILS
    remarks = []
    if finding == PARTLY:
        readings = list(zip(claim.readings, right, strict=True))
        good, bad = (", ".join(name for name, ok in readings if ok is want) for want in (True, False))
        remarks.append(f"True of the strongest row of: {good}. Not of: {bad}.")
    if claim.beside:
        remarks.append(_beside(table, own, column, claim))
    return [
        Finding(
            claim.where, claim.claim, f"+{claim.claimed}", tuple(dict.fromkeys(cells)), "; ".join(sums), finding,
            " ".join(filter(None, remarks)),
        )
    ]  # fmt: skip


def _beside(table: PublishedTable, own: PublishedRow, column: str, claim: Claim) -> str:
    assert claim.beside is not None
    name, variants = claim.beside
    strongest = _strongest(table, variants, column)
    if strongest is _strongest(table, next(iter(claim.readings.values())), column):
        return ""
    lead = _value(own, column) - _value(strongest, column)
    if len(variants) == 1:
        return f"{name}, the baseline of other claims, has {strongest.values[column]}: {lead:+}."
    return f"The strongest of the {name} rows is {_name(strongest)} with {strongest.values[column]}: {lead:+}."


def _best(claim: Claim) -> list[Finding]:
    table = published_table(claim.table)
    own = _row(table, OWN)
    columns = [column.key for column in table.columns if column.published]
    above = {
        column: sorted(
            (row for row in table.rows if _value(row, column) > _value(own, column)),
            key=lambda row: -_value(row, column),
        )
        for column in columns
    }
    lost = [column for column in columns if above[column]]
    cells = [_cell(table, row, column) for column in lost for row in (own, *above[column])]
    sums = [f"{column}: place {len(above[column]) + 1}" for column in lost]
    found = len(columns) - len(lost)
    ties = [
        f"{column} with {_name(row)}"
        for column in columns
        for row in table.rows
        if row is not own and _value(row, column) == _value(own, column)
    ]
    remark = f"Tied: {', '.join(ties)}." if ties else ""
    return [
        Finding(
            claim.where, claim.claim, "", tuple(cells),
            f"best in {found} of {len(columns)} columns" + (f"; {', '.join(sums)}" if sums else ""),
            HOLDS if not lost else PARTLY if found else FAILS, remark,
        )
    ]  # fmt: skip


def _f1(claim: Claim) -> list[Finding]:
    table = published_table(claim.table)
    result = []
    for row in table.rows:
        a, b = (_value(row, column) for column in claim.of)
        exact = 2 * a * b / (a + b)
        printed = _value(row, claim.column)
        rounded = exact.quantize(printed, ROUND_HALF_UP)
        first, second = (row.values[column] for column in claim.of)
        result.append(
            Finding(
                claim.where, f"{claim.claim}: {_name(row)}", row.values[claim.column],
                tuple(_cell(table, row, column) for column in (*claim.of, claim.column)),
                f"2 x {first} x {second} / ({first} + {second}) = {exact:.3f}, rounded {rounded}",
                HOLDS if rounded == printed else FAILS,
            )
        )  # fmt: skip
    return result


def _same(claim: Claim) -> list[Finding]:
    tables = published_table(claim.table), published_table(claim.of_table)
    columns = claim.column, claim.of[0]
    rows = [_row(table, OWN) for table in tables]
    cells = tuple(_cell(*one) for one in zip(tables, rows, columns, strict=True))
    values = [_value(row, column) for row, column in zip(rows, columns, strict=True)]
    shown = [row.values[column] for row, column in zip(rows, columns, strict=True)]
    equal = values[0] == values[1]
    return [
        Finding(
            claim.where, claim.claim, "", cells, f"{shown[0]} {'=' if equal else 'is not'} {shown[1]}",
            SEEN,
        )
    ]  # fmt: skip


def _rows(claim: Claim) -> list[Finding]:
    tables = {number: published_table(number) for number in claim.tables}
    names = {row.variant: _name(row) for table in tables.values() for row in table.rows}
    there = {number: {row.variant for row in table.rows} for number, table in tables.items()}
    missing = {number: [names[v] for v in names if v not in rows] for number, rows in there.items()}
    counts = ", ".join(f"Table {number}: {len(rows)} rows" for number, rows in there.items())
    gaps = [f"Table {number} lacks {', '.join(rows)}" for number, rows in missing.items() if rows]
    return [Finding(claim.where, claim.claim, "", (), counts, SEEN, f"{'; '.join(gaps)}." if gaps else "")]


def _order(claim: Claim) -> list[Finding]:
    cells, sums, signs = [], [], []
    for number, column in claim.cells:
        table = published_table(number)
        a, b = (_row(table, variant) for variant in claim.pair)
        cells += [_cell(table, row, column) for row in (a, b)]
        difference = _value(a, column) - _value(b, column)
        sums.append(f"Table {number}, {column}: {a.values[column]} - {b.values[column]} = {difference:+}")
        signs.append(difference > 0)
    remark = f"{_name(a)} is above in {sum(signs)} of {len(signs)} columns."
    return [Finding(claim.where, claim.claim, "", tuple(cells), "; ".join(sums), SEEN, remark)]


_CHECKS: dict[str, Callable[[Claim], list[Finding]]] = {
    "lead": _lead, "best": _best, "f1": _f1, "same": _same, "rows": _rows, "order": _order,
}  # fmt: skip


def _row(table: PublishedTable, variant: str) -> PublishedRow:
    return next(row for row in table.rows if row.variant == variant)


def _value(row: PublishedRow, column: str) -> Decimal:
    return Decimal(row.values[column])


def _strongest(table: PublishedTable, variants: Collection[str], column: str) -> PublishedRow:
    rows: Sequence[PublishedRow] = [row for row in table.rows if row.variant in variants]
    return max(rows, key=lambda row: _value(row, column))


def _name(row: PublishedRow) -> str:
    return f"{row.method} {row.backbone}".strip()


def _cell(table: PublishedTable, row: PublishedRow, column: str) -> str:
    return f"Table {table.number}, {_name(row)}, {column} = {row.values[column]}"
