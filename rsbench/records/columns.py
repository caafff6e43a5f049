"""Columns of predictions, checked before anything is computed from them: anybody may have written the file.

Arrow's functions that take or give Python and NumPy values import pandas, which costs more than all the rest of a
table; those used here do not.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rsbench.records.predictions import KEYS


def with_plain_keys(table: pa.Table) -> pa.Table:
    """Returns a table whose parts and items, as far as it has them, are plain strings.

    Dictionaries and large strings, which pandas and others write, say the same.

    Raises:
        ValueError: they are no strings, or some are missing.
    """
    for name in KEYS:
        if name not in table.column_names:
            continue
        column = _decoded(table[name], name)
        if not _is_string(column.type):
            raise ValueError(f"{name} is {column.type}, no string")
        if column.null_count:
            raise ValueError(f"{name} is missing in {column.null_count} of {len(column)} rows")
        try:
            column.validate(full=True)  # of bytes that are no UTF-8, nothing else would tell before they are read
        except pa.ArrowException:
            raise ValueError(f"{name} is no UTF-8 in some rows") from None
        if table.schema.field(name).type != pa.string():
            table = table.set_column(table.column_names.index(name), name, _cast(column, pa.string(), name))
    return table


def check_columns(table: pa.Table, names: Collection[str]) -> None:
    """Checks that the columns are there.

    Raises:
        ValueError: some are not.
    """
    if missing := set(names) - set(table.column_names):
        raise ValueError(f"The predictions have no {', '.join(sorted(missing))}.")


def numbers(table: pa.Table, name: str) -> pa.ChunkedArray:
    """Returns a column as float64.

    Raises:
        ValueError: it holds something else than finite numbers (true and false are 1 and 0), or lacks one.
    """
    column = _decoded(table[name], name)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise ValueError(f"{name} is {kind}, no number")
    if column.null_count:
        raise ValueError(f"{name} is missing in {column.null_count} of {len(column)} rows")
    column = _cast(column, pa.float64(), name)
    if not all(np.isfinite(np.from_dlpack(chunk)).all() for chunk in column.chunks if len(chunk)):
        raise ValueError(f"{name} is not finite in some rows")
    return column


def integers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Returns a column of whole numbers, int64 (N,).

    Raises:
        ValueError: it holds something else, or lacks one.
    """
    column = table[name]
    if not pa.types.is_integer(column.type):
        raise ValueError(f"{name} is {column.type}, no whole number")
    if column.null_count:
        raise ValueError(f"{name} is missing in {column.null_count} of {len(column)} rows")
    return _array(_cast(column, pa.int64(), name).combine_chunks(), np.int64)


def lists(table: pa.Table, name: str, fractions: bool = False) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Returns a column of lists of numbers: the length of each, and all numbers in a row.

    Args:
        table: of predictions.
        name: of the column.
        fractions: whether they are floating-point numbers, float64 and finite, or whole ones, int64.

    Raises:
        ValueError: it holds something else, or a list or a number is missing.
    """
    column = table[name].combine_chunks()
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        raise ValueError(f"{name} is {kind}, no list")
    if not (pa.types.is_floating if fractions else pa.types.is_integer)(kind.value_type):
        raise ValueError(f"{name} is {kind}, no list of {'' if fractions else 'whole '}numbers")
    flat = column.flatten()
    if column.null_count or flat.null_count:
        raise ValueError(f"{name}: a value is missing")
    values = _array(_cast(flat, pa.float64() if fractions else pa.int64(), name), np.float64 if fractions else np.int64)
    if fractions and not np.isfinite(values).all():
        raise ValueError(f"{name}: a value is not finite")
    return _array(column.value_lengths(), np.int64), values


def _array(column: pa.Array, kind: type) -> NDArray[Any]:
    return np.array(np.from_dlpack(column), dtype=kind)


def _decoded(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    return _cast(column, column.type.value_type, name) if pa.types.is_dictionary(column.type) else column


def _cast(column: Any, kind: pa.DataType, name: str) -> Any:
    try:
        return column.cast(kind)
    except pa.ArrowException as error:  # numbers that the other type does not hold
        raise ValueError(f"{name}: {str(error).splitlines()[0]}") from None


def _is_string(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
