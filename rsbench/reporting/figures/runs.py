"""What figures of runs share: finding runs, and what stands beside a line or above a picture."""

from __future__ import annotations

from collections.abc import Sequence

from rsbench.errors import UserError
from rsbench.records import Record, Store

_DOT = "\u00a0\N{MIDDLE DOT} "  # a line breaks after the dot


def done(store: Store, run: str) -> Record:
    """Returns the record of a run that is done.

    Raises:
        UserError: there is none, or it is not done.
    """
    record = store.trusted(run)
    if record.status != "done":
        raise UserError(f"Run {record.id} is {record.status}: {record.reason}", "Draw runs that are done.")
    return record


def heading(record: Record, task: str = "") -> str:
    """Returns what a reader must know of a run: what was measured on what, how, and whether it is real.

    Args:
        record: of the run.
        task: title of the task; its name if empty.
    """
    parts = [record.title, task or record.task, _protocol(record), f"seed {record.seed}", *_demo(record)]
    return _DOT.join(parts)


def shared_heading(records: Sequence[Record], task: str = "") -> str:
    """Returns what stands above several runs: that which they have in common.

    Args:
        records: at least one.
        task: title of the task of all of them; the name if empty.
    """
    first, *others = [[task or record.task, _protocol(record), *_demo(record)] for record in records]
    return _DOT.join(part for part in first if all(part in other for other in others))


def _protocol(record: Record) -> str:
    return f"protocol {record.protocol}" + (" (changed settings)" if record.changed else "")


def _demo(record: Record) -> list[str]:
    return ["demo scenes"] if record.data == "demo" else []


def names_of(records: Sequence[Record]) -> list[str]:
    """Returns a name for each run: its title, and as much of the rest as it takes to tell it from the others."""
    facts = [
        [record.task, record.split, record.protocol, f"{record.input_size} px", f"seed {record.seed}", record.data]
        for record in records
    ]
    differing = [n for n in range(len(facts[0])) if len({row[n] for row in facts}) > 1] if facts else []
    names = [record.title for record in records]
    for n in differing:  # only where titles alone would not do
        if len(set(names)) == len(names):
            break
        names = [f"{name}, {row[n]}" for name, row in zip(names, facts, strict=True)]
    if len(set(names)) < len(names):
        names = [f"{name} ({record.id[:8]})" for name, record in zip(names, records, strict=True)]
    return names


def pretraining_title(objective: str, variant: str) -> str:
    """Returns what stands beside a pretraining of our own.

    >>> pretraining_title("ctxmim", "nano")
    'CtxMIM, re-implemented, nano'
    """
    titles = {"ctxmim": "CtxMIM, re-implemented", "simmim": "SimMIM"}
    return f"{titles.get(objective, objective)}, {variant}"
