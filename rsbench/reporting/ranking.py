"""Which rows of a measured column may be ranked against each other, and the ranks of printed numbers.

A column is one place already: protocol, changed settings, split with its version, part. Within it, numbers at another
input size or precision, and those on drawn scenes, answer another question.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from rsbench.reporting.measured import Measurement, Subject

ALONE = "alone in its column"

Key = TypeVar("Key", bound=Hashable)
_Kind = tuple[str, int | None, str]


@dataclass(frozen=True)
class Comparable:
    """The rows of a column that may be ranked together, and why the others may not.

    Args:
        ranked: best mean first; empty where no two rows are alike.
        left_out: the reason for each other row, without a full stop: ``192 px, others 224 px``, ``bf16, others fp32``,
            ``demo scenes``, ``failed``; ``ALONE`` where no other row has a number.
    """

    ranked: tuple[Subject, ...]
    left_out: dict[Subject, str]


def comparable(measured: Mapping[Subject, Measurement]) -> Comparable:
    """Returns the largest group of rows that are equal in data, input size and precision, best mean first.

    Of groups that are equally large, real data are preferred to drawn scenes, then the larger input, then fp32. A
    group has at least two rows. Drawn scenes are ranked only where the column has nothing else.

    Args:
        measured: of one column; of one part and metric.

    >>> def at(size, mean):
    ...     return Measurement("done", mean, None, None, None, (0,), size, ("id",), ())
    >>> a, b, c = (Subject("real", f"{name}/nano") for name in "abc")
    >>> found = comparable({a: at(224, 80.0), b: at(224, 90.0), c: at(192, 95.0)})
    >>> [one.method for one in found.ranked], found.left_out[c]
    (['b/nano', 'a/nano'], '192 px, others 224 px')
    """
    left_out = {one: m.status for one, m in measured.items() if m.mean is None}
    groups: dict[_Kind, list[Subject]] = {}
    for one, m in measured.items():
        if m.mean is not None:
            groups.setdefault((one.data, m.size, m.precision), []).append(one)
    real = any(data == "real" for data, _, _ in groups)
    candidates = [kind for kind in groups if len(groups[kind]) > 1 and (kind[0] == "real" or not real)]
    chosen = max(candidates, key=lambda kind: _preferred(kind, len(groups[kind])), default=None)
    for kind, members in groups.items():
        if kind != chosen:
            left_out |= dict.fromkeys(members, _reason(kind, chosen, real, alone=len(groups) == 1))
    ranked = groups[chosen] if chosen else []

    def mean(one: Subject) -> float:
        value = measured[one].mean
        assert value is not None
        return value

    return Comparable(tuple(sorted(ranked, key=lambda one: (-mean(one), one))), left_out)


def ranks(printed: Mapping[Key, str]) -> dict[Key, int]:
    """Returns 1 + the number of larger printed numbers: equal digits share a rank, and the next one is left out.

    >>> ranks({"a": "91.20", "b": "91.20", "c": "90.00"})
    {'a': 1, 'b': 1, 'c': 3}
    """
    values = {key: Decimal(text) for key, text in printed.items()}
    return {key: 1 + sum(other > value for other in values.values()) for key, value in values.items()}


def _preferred(kind: _Kind, members: int) -> tuple[int, int, bool, str]:
    _, size, precision = kind
    return members, -1 if size is None else size, precision == "fp32", precision


def _reason(kind: _Kind, chosen: _Kind | None, real: bool, alone: bool) -> str:
    data, size, precision = kind
    if data != "real" and real:
        return "demo scenes"
    if chosen is None:
        return ALONE if alone else f"no other row has {_size(size)} and {precision}"
    said = [f"{_size(size)}, others {_size(chosen[1])}"] if size != chosen[1] else []
    said += [f"{precision}, others {chosen[2]}"] if precision != chosen[2] else []
    return "; ".join(said)


def _size(size: int | None) -> str:
    return "an unknown input size" if size is None else f"{size} px"
