"""Timing two sides fairly on a shared machine: rounds in rotated order, ratios inside a round, their median."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def compare(sides: dict[str, Callable[[], float | None]], rounds: int) -> dict[str, list[float]]:
    """Runs every side once per round and returns the seconds of each.

    Args:
        sides: by name; a side returns its own seconds, or None to be timed from outside.
        rounds: how often.
    """
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            start = time.perf_counter()
            own = sides[name]()
            seconds[name].append(time.perf_counter() - start if own is None else own)
            print(f"  round {number + 1}: {name} {seconds[name][-1]:.3f} s", flush=True)
    return seconds


def report(seconds: dict[str, list[float]], base: str) -> None:
    """Prints the median of each side, and the median over rounds of base / side."""
    for name, values in seconds.items():
        ratios = [b / v for b, v in zip(seconds[base], values, strict=True)]
        print(
            f"{name:>28}: {statistics.median(values):10.3f} s   {base} / this = {statistics.median(ratios):7.2f} "
            f"(rounds {min(ratios):.2f} to {max(ratios):.2f})"
        )
