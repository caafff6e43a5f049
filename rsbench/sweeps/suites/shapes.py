"""Values of a suite: texts, numbers, lists and mappings, each wrong one a mistake at its line."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rsbench.errors import near_miss
from rsbench.settings import parse_seeds
from rsbench.sweeps.cell import Resources
from rsbench.sweeps.suites.mistakes import Mistakes
from rsbench.sweeps.suites.yaml_lines import Empty, Items, Node, Table, Text

MOST_SEEDS = 10_000
_SEEDS = re.compile(r"\s*\d{1,9}(-\d{1,9})?\s*(,\s*\d{1,9}(-\d{1,9})?\s*)*")
_NUMBERS = {"processes": int, "nodes": int, "cpus": int, "memory": float, "hours": float}
_UNITS = {"memory": " of GiB", "hours": " of hours"}
_MOST = 1e6
# Options of sbatch that choose where and when a job runs. Not among them: those that name programs, files and
# variables (export could make a program load a library), and those that follow from the fields of Resources.
SLURM = (
    "account", "begin", "clusters", "comment", "constraint", "deadline", "exclude", "exclusive", "gres", "licenses",
    "mail-type", "mail-user", "nice", "nodelist", "partition", "priority", "qos", "reservation", "switches", "tmp",
)  # fmt: skip


def check_keys(table: Table, known: Collection[str], what: str, mistakes: Mistakes) -> None:
    """Adds a mistake for each key that is not among ``known``."""
    for key, place in table.keys.items():
        if key not in known:
            mistakes.add(place, f"{what} has no {key!r}.", near_miss(key, known))


def as_text(node: Node, what: str, mistakes: Mistakes) -> Text | None:
    """Returns a text; None, with a mistake, if it is something else."""
    if isinstance(node, Text) and node.value.strip():
        return replace(node, value=node.value.strip())
    kind = "an empty text" if isinstance(node, Text) else node.kind
    mistakes.add(node.place, f"{what} is {kind}.", "Write one text.")
    return None


def as_texts(node: Node, what: str, mistakes: Mistakes) -> list[Text]:
    """Returns a text, or those of a list, each once."""
    if isinstance(node, Table | Empty) or (isinstance(node, Items) and not node.items):
        kind = "an empty list" if isinstance(node, Items) else node.kind
        mistakes.add(node.place, f"{what} is {kind}.", "Write one, or a list such as [a, b].")
        return []
    found: dict[str, Text] = {}
    for item in node if isinstance(node, Items) else (node,):
        text = as_text(item, f"An entry of {what}" if isinstance(node, Items) else what, mistakes)
        if text is None:
            continue
        if text.value in found:
            mistakes.add(text.place, f"{text.value!r} stands in {what} already.", "Give it once.")
        found.setdefault(text.value, text)
    return list(found.values())


def as_number(node: Node, what: str, kind: type, mistakes: Mistakes, unit: str = "") -> Any:
    """Returns a number of the type ``kind`` above 0; None, with a mistake, if it is something else."""
    number: Any = math.nan
    if isinstance(node, Text):
        with suppress(ValueError):
            number = kind(node.value)
    if not 0 < number <= _MOST:
        shown = repr(node.value) if isinstance(node, Text) else node.kind
        wanted = "a whole number" if kind is int else "a number"
        mistakes.add(node.place, f"{what} is {shown}.", f"It takes {wanted}{unit} above 0.")
        return None
    return number


def as_seeds(node: Node, mistakes: Mistakes) -> list[int]:
    """Returns the seeds of ``3``, ``0-4``, ``0,2,7`` or a list of such."""
    parts = as_texts(node, "seeds", mistakes)
    seeds: dict[int, None] = {}
    for part in parts:
        if not _SEEDS.fullmatch(part.value):
            mistakes.add(part.place, f"The seeds {part.value!r} cannot be read.", "Write 0, 0-4 or 0,2,7.")
            continue
        ends = [[int(end) for end in piece.split("-")] for piece in part.value.split(",")]
        if sum(abs(end[-1] - end[0]) for end in ends) >= MOST_SEEDS:
            mistakes.add(part.place, f"{part.value!r} are more than {MOST_SEEDS:,} seeds.", "Give fewer.")
            continue
        with mistakes.at(part.place):
            read = parse_seeds(part.value)
            again = [seed for seed in read if seed in seeds]
            if again:
                mistakes.add(part.place, f"The seed {again[0]} is given already.", "Give it once.")
            seeds |= dict.fromkeys(read)
    return list(seeds)


def as_setting(node: Node, name: str, mistakes: Mistakes) -> str | None:
    """Returns a value as `--set` takes it: a text, or numbers with commas between."""
    if isinstance(node, Empty):
        return "none"
    if isinstance(node, Text):
        return node.value
    texts = [item.value for item in node if isinstance(item, Text)] if isinstance(node, Items) else []
    if not texts or len(texts) != len(node.items):  # type: ignore[union-attr]
        mistakes.add(node.place, f"The setting {name!r} is {node.kind}.", "Write a value, or a list of numbers.")
        return None
    return ",".join(texts)


def by_task(
    node: Node, tasks: Collection[str], known: Collection[str], what: str, mistakes: Mistakes
) -> Iterator[tuple[str, Node]]:
    """Yields the value of each task: that of the mapping, or the one value of all.

    Args:
        node: a mapping from task to value, or the value of all.
        tasks: of the block.
        known: those that may be named.
        what: it is, as the start of a sentence.
        mistakes: a task that is not known is added.
    """
    if isinstance(node, Table):
        check_keys(node, known, what, mistakes)
        yield from ((task, node.entries[task]) for task in tasks if task in node.entries)
    else:
        yield from ((task, node) for task in tasks)


def as_resources(table: Table, base: Resources, mistakes: Mistakes) -> Resources:
    """Returns ``base`` with the fields of ``table``; other keys are left alone."""
    changes: dict[str, Any] = {}
    for name, kind in _NUMBERS.items():
        if name in table.entries:
            number = as_number(table.entries[name], name, kind, mistakes, _UNITS.get(name, ""))
            changes |= {} if number is None else {name: number}
    if "slurm" in table.entries:
        changes["slurm"] = {**base.slurm, **_slurm(table.entries["slurm"], mistakes)}
    return replace(base, **changes)


RESOURCES = (*_NUMBERS, "slurm")


def _slurm(node: Node, mistakes: Mistakes) -> dict[str, str | int]:
    if not isinstance(node, Table):
        mistakes.add(node.place, f"slurm is {node.kind}.", "Write a mapping such as {partition: gpu}.")
        return {}
    found: dict[str, str | int] = {}
    for key, value in node.entries.items():
        name, place = key.replace("_", "-"), node.keys[key]
        if name not in SLURM:
            mistakes.add(place, f"slurm has no {key!r} that a suite may give.", near_miss(name, SLURM))
        elif (text := as_text(value, key, mistakes)) is not None:
            found[name] = int(text.value) if re.fullmatch(r"\d{1,9}", text.value) else text.value
    return found
