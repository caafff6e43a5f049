"""The tables of the paper: what their columns mean, and the numbers printed in them."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from rsbench.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a run must have so that its number may be compared with the paper's.

    Args:
        protocol, split: names.
        counts: items of the parts of that split, where they are known.
        images: which the items of the reported part were cut from, where the number of items is not known.
        split_sha256: of the split list, where it is public; else empty.
        fingerprint: of the images, where they are known; else empty.
        policies: of the dataset, by name.
        incomparable: why no run can be compared, if so: a phrase that fits after ``not comparable: ``.
    """

    protocol: str
    split: str
    counts: Mapping[str, int] = field(default_factory=dict)
    images: int | None = None
    split_sha256: str = ""
    fingerprint: str = ""
    policies: Mapping[str, Any] = field(default_factory=dict)
    incomparable: str = ""


@dataclass(frozen=True)
class Gain:
    """A row that a table derives from two others: one method minus another on the same backbone.

    Args:
        title: of the row.
        of, over: names of methods.
    """

    title: str
    of: str
    over: str


@dataclass(frozen=True, kw_only=True)
class PublishedColumn:
    """One column of a table of the paper, and what rsbench has to put beside it.

    Args:
        key: column of the CSV file; any other name if the column is not the paper's.
        title: as rsbench prints it.
        decimals: printed for measured values.
        task: name of the task that measures it.
        part: part of the split that the paper reports on.
        metric: name of the metric, without the part.
        published: whether the paper has this column; else only measured values stand in it.
        expected: of a run that may be compared with the paper.
    """

    key: str
    title: str
    decimals: int
    task: str
    part: str
    metric: str
    published: bool = True
    expected: Expected


@dataclass(frozen=True)
class PublishedRow:
    """One row as printed, without the citation; ``values`` holds the printed digits by key of the paper's columns."""

    group: str
    method: str
    backbone: str
    variant: str
    values: dict[str, str]


@dataclass(frozen=True)
class PublishedTable:
    """One table of the paper.

    Args:
        number, caption, source: what the paper is, and what it calls the table.
        columns, rows: in its order.
        gain: the row that is derived from two others, if the table has one; then no other methods belong into it.
    """

    number: int
    caption: str
    source: str
    columns: tuple[PublishedColumn, ...]
    rows: tuple[PublishedRow, ...]
    gain: Gain | None = None


def published_table(number: int) -> PublishedTable:
    """Returns Table ``number`` of the paper.

    Raises:
        UserError: the paper has no such table.

    >>> table = published_table(1)
    >>> table.rows[-1].method, table.rows[-1].values["EuroSAT"]
    ('CtxMIM (ours)', '98.87')
    """
    config = tomllib.loads((files("rsbench.configs") / "tables.toml").read_text(encoding="utf-8"))
    if str(number) not in config:
        known = ", ".join(key for key in config if key.isdigit())
        raise UserError(f"There is no table {number}.", f"The paper has the tables {known}.")
    spec = config[str(number)]
    columns = []
    for column in spec["columns"]:
        part, _, metric = column.pop("metric").partition("/")
        expected = Expected(**config["tasks"][column["task"]])
        columns.append(PublishedColumn(**column, part=part, metric=metric, expected=expected))
    text = (files("rsbench.published") / f"table{number}.csv").read_text(encoding="utf-8")
    rows = tuple(
        PublishedRow(
            **{name: row[name] for name in ("group", "method", "backbone", "variant")},
            values={column.key: row[column.key] for column in columns if column.published},
        )
        for row in csv.DictReader(text.splitlines())
    )
    gain = Gain(**spec["gain"]) if "gain" in spec else None
    return PublishedTable(number, spec["caption"], config["source"], tuple(columns), rows, gain)
