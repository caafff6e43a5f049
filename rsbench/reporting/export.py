"""The whole store as one Parquet file in long form: a row per run and metric, for pandas, DuckDB and the like.

A run without metrics, such as one that failed, keeps one row, in which ``part``, ``metric`` and ``value`` are null.
What is not known is null; it is never zero.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rsbench import __version__
from rsbench.atomic import write_whole
from rsbench.errors import UserError
from rsbench.records import Record, Store, canonical_json

if TYPE_CHECKING:
    import pyarrow

SCHEMA_VERSION = 1
"""Of the columns: it grows when one changes its name, type or meaning, not when one is added."""

METADATA_KEY = b"rsbench.export"
"""Key of the metadata: JSON with ``schema_version``, ``rsbench`` and the number of ``runs``."""


def schema() -> pyarrow.Schema:
    """Returns names and types of the columns."""
    import pyarrow as pa

    text, real, whole = pa.string(), pa.float64(), pa.int64()
    time = pa.timestamp("us", tz="UTC")
    return pa.schema(
        [
            *((name, text) for name in ("id", "status", "reason", "method", "title", "task", "kind", "protocol")),
            *((name, text) for name in ("settings", "changed", "split", "split_sha256", "fingerprint", "data")),
            ("seed", whole), ("precision", text), ("input_size", pa.int32()),
            ("part", text), ("metric", text), ("value", real), ("low", real), ("high", real),
            ("parameters", whole), ("gflops", real), ("images_per_second", real), ("peak_memory_mib", real),
            ("weights_digest", text), ("weights_source", text), ("flags", pa.list_(text)),
            ("version", text), ("commit", text), ("device", text), ("processor", text),
            ("started", time), ("finished", time), ("command", text),
        ]
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Exported:
    """What was written.

    Args:
        table: the rows, in the order in which the runs were started.
        left_out: runs with a value that its column cannot hold, a sentence each, without a full stop.
    """

    table: pyarrow.Table
    left_out: tuple[str, ...]


def table_of(store: Store) -> Exported:
    """Returns the store as a table; what the store cannot trust is left out, and ``store.broken`` names it."""
    import pyarrow as pa

    records, left_out = list(store), list[str]()
    try:
        columns = _columns(records)
    except (OverflowError, ValueError, pa.ArrowException):  # rare: the runs one by one only then
        fitting = []
        for record in records:
            try:
                _columns([record])
                fitting.append(record)
            except (OverflowError, ValueError, pa.ArrowException) as error:
                left_out.append(f"run {record.id} has a value that its column cannot hold: {_one_line(error)}")
        records = fitting
        columns = _columns(records)
    about = {"schema_version": SCHEMA_VERSION, "rsbench": __version__, "runs": len(records)}
    whole = schema().with_metadata({METADATA_KEY: json.dumps(about)})
    return Exported(pa.table(columns, schema=whole), tuple(left_out))


def _columns(records: Sequence[Record]) -> list[pyarrow.Array]:
    import pyarrow as pa

    rows = [row for record in records for row in _rows(record)]
    return [pa.array([row[field.name] for row in rows], type=field.type) for field in schema()]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def _rows(record: Record) -> Iterator[dict[str, Any]]:
    about = _about(record)
    for key, value in record.metrics.items():
        part, _, metric = key.partition("/")
        low, high = record.intervals.get(key, (None, None))
        yield {**about, "part": part, "metric": metric, "value": value, "low": low, "high": high}
    if not record.metrics:
        yield {**about, "part": None, "metric": None, "value": None, "low": None, "high": None}


def _about(record: Record) -> dict[str, Any]:
    """Returns what all rows of a run share."""
    same = ("id", "status", "reason", "method", "title", "task", "kind", "protocol", "split", "data", "seed")
    source = record.weights.get("source")
    environment = record.environment
    cost = {name: _number(record.cost.get(name)) for name in ("gflops", "images_per_second", "peak_memory_mib")}
    parameters = record.cost.get("parameters")
    return {
        **{name: getattr(record, name) for name in (*same, "precision", "input_size", "flags", "command")},
        "settings": canonical_json(record.settings),
        "changed": canonical_json(record.changed),
        "split_sha256": _text(record.dataset.get("split_sha256")),
        "fingerprint": _text(record.dataset.get("fingerprint")),
        "parameters": parameters if isinstance(parameters, int) and not isinstance(parameters, bool) else None,
        **cost,
        "weights_digest": _text(record.weights.get("digest")),
        "weights_source": _text(source.get("kind") if isinstance(source, dict) else source),
        "version": _text(environment.get("rsbench")),
        "commit": _text(environment.get("commit")),
        "device": _text(record.identity.get("device")),
        "processor": _text(environment.get("gpu") or environment.get("cpu")),
        "started": datetime.fromisoformat(record.started),
        "finished": datetime.fromisoformat(record.finished),
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def export(store: Store, file: Path) -> Exported:
    """Writes the store as a Parquet file, which appears whole or not at all.

    Raises:
        UserError: the file cannot be written.
    """
    import pyarrow.parquet

    if file.is_dir():
        raise UserError(f"{file} is a folder.", "Name a file, such as runs.parquet.")
    made, content = table_of(store), BytesIO()
    pyarrow.parquet.write_table(made.table, content, compression="zstd")
    try:
        write_whole(file, content.getvalue())
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"The store cannot be written to {file}: {reason}.", "Check space and permissions.") from None
    return made
