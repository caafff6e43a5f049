"""The identity of a run: a digest of everything that can change its number."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

from rsbench.records.characters import check_unicode


def plain(value: Any, where: str = "value") -> Any:
    """Returns ``value`` as JSON has it: dict with string keys, list, str, int, float, bool or None.

    Mappings become dicts and tuples become lists, so that what is written equals what is read back.

    Args:
        value: anything made of mappings, sequences and scalars; NumPy scalars are taken as Python's.
        where: the name of the value, for the error.

    Raises:
        TypeError: JSON has no such value (a set, a path, a key that is no string). Nothing is turned into a
            string on the way: two different values could become one.
        ValueError: NaN or an infinity, or a text that is not valid Unicode.
    """
    if isinstance(value, str):
        check_unicode(value, where)
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}, which is not a string.")
            check_unicode(key, f"a key of {where}")
        return {key: plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == () and hasattr(value, "item"):
        return plain(value.item(), where)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} is {value}, which is not a finite number.")
        return float(value)
    raise TypeError(f"{where} is a {type(value).__name__}, which JSON does not have.")


def canonical_json(value: Any) -> str:
    """Returns the one JSON text of ``value``: sorted keys, no spaces, floats by ``repr``, no NaN.

    >>> canonical_json({"lr": 1e-4, "head": ("linear", 10)})
    '{"head":["linear",10],"lr":0.0001}'
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def run_id(identity: Mapping[str, Any]) -> str:
    """Returns the id of a run: the first 16 hex digits of the SHA-256 of its canonical JSON.

    Args:
        identity: everything that can change the number: digest of the weights, preprocessing, fingerprint of the
            dataset, digest of the split, protocol and settings, seed, precision, version of rsbench.

    >>> run_id({"seed": 0, "task": "eurosat"}) == run_id({"task": "eurosat", "seed": 0})
    True
    >>> run_id({"seed": 0}) == run_id({"seed": 1})
    False
    """
    return hashlib.sha256(canonical_json(identity).encode()).hexdigest()[:16]
