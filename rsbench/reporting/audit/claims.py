"""The claims of the paper as data: ``configs/claims.toml``, checked when it is read."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

KINDS = ("lead", "best", "f1", "same", "rows", "order")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim; which fields are given depends on its kind (``configs/claims.toml`` says how).

    Args:
        where: section or caption of the paper.
        claim: what is claimed, in our words.
        kind: how it is checked.
        table, column: where the claimed row stands.
        claimed: the points that it leads by, as printed.
        readings: rows that it could be about, by the name of the reading.
        beside: rows whose strongest is told beside it, by their name; or None.
        of, of_table: columns from which the claimed one follows, and their table.
        tables: that are compared.
        pair: two rows.
        cells: (table, column) of each.
    """

    where: str
    claim: str
    kind: str
    table: int = 0
    column: str = ""
    claimed: str = ""
    readings: dict[str, tuple[str, ...]]
    beside: tuple[str, tuple[str, ...]] | None = None
    of: tuple[str, ...] = ()
    of_table: int = 0
    tables: tuple[int, ...] = ()
    pair: tuple[str, ...] = ()
    cells: tuple[tuple[int, str], ...] = ()


def claims() -> tuple[Claim, ...]:
    """Returns all claims in the order of the paper."""
    config = tomllib.loads((files("rsbench.configs") / "claims.toml").read_text(encoding="utf-8"))
    rows = {name: tuple(variants) for name, variants in config["rows"].items()}
    return tuple(_claim(dict(spec), rows) for spec in config["claims"])


def _claim(spec: dict[str, Any], rows: dict[str, tuple[str, ...]]) -> Claim:
    if spec["kind"] not in KINDS:
        raise ValueError(f"{spec['claim']!r} is of no known kind: {spec['kind']!r}.")
    beside = spec.pop("beside", None)
    cells = [cell.partition(":") for cell in spec.pop("cells", ())]
    for name in ("of", "tables", "pair"):
        spec[name] = tuple(spec.get(name, ()))
    return Claim(
        **{**spec, "readings": {name: rows[name] for name in spec.get("readings", ())}},
        beside=(beside, rows[beside]) if beside else None,
        cells=tuple((int(table), column) for table, _, column in cells),
    )
