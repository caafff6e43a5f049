"""Amounts, durations and seeds in words."""

from __future__ import annotations

from collections.abc import Iterable


def duration(seconds: float) -> str:
    """Returns a duration in the unit that fits it.

    >>> [duration(seconds) for seconds in (0.04, 1.62, 95, 7260, 200_000)]
    ['0.04 s', '1.6 s', '95 s', '2.0 h', '2.3 days']
    """
    for unit, name, upto in ((1, "s", 100), (60, "min", 100), (3600, "h", 48)):
        if seconds < unit * upto:
            return f"{_short(seconds / unit)} {name}"
    return f"{_short(seconds / 86400)} days"


def amount(size: int) -> str:
    """Returns a number of bytes in the unit that fits it.

    >>> [amount(size) for size in (12, 3 << 19, 5 << 30)]
    ['12 B', '1.5 MiB', '5.0 GiB']
    """
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{_short(size / unit)} {name}"
    return f"{size} B"


def seed_ranges(seeds: Iterable[int]) -> str:
    """Returns seeds as `--seeds` takes them.

    >>> seed_ranges([0, 1, 2, 4, 7, 8])
    '0-2,4,7,8'
    """
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    pieces = (f"{part[0]}-{part[-1]}" if len(part) > 2 else ",".join(map(str, part)) for part in parts)
    return ",".join(pieces)


def _short(number: float) -> str:
    return f"{number:.2f}" if number < 0.1 else f"{number:.1f}" if number < 10 else f"{number:.0f}"
