"""What every dataset of dense tasks does with its items: a fingerprint over their files, and one load of each."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rsbench.datasets.remembered import remembered
from rsbench.errors import UserError

_SHOWN = 3  # messages that check_items() quotes before it only counts
_THREADS = 4  # of check_items(); decoding frees the interpreter

Parts = Mapping[str, tuple[str, ...]]


def all_items(parts: Parts) -> list[str]:
    """Returns the ids of all parts, sorted."""
    return sorted({key for ids in parts.values() for key in ids})


def fingerprint(
    parts: Parts,
    files: Callable[[str], tuple[Path, ...]],
    more: Iterable[bytes] = (),
    digest: Callable[[str], bytes] | None = None,
) -> str:
    """Returns the SHA-256 over id and contents of all used items, in sorted order of the ids.

    It is remembered until one of the files changes.

    Args:
        parts: item ids of each part.
        files: ``files(key)`` returns the files that an item is made of.
        more: what else belongs to the dataset.
        digest: ``digest(key)`` returns what stands for the contents of an item, in place of those of its files. One
            that depends on these files and on nothing but them and its attribute ``depends`` (bytes) has that
            attribute; without it nothing is remembered.
    """
    keys, others = all_items(parts), tuple(more)

    def compute() -> str:
        total = hashlib.sha256()
        for key in keys:
            contents = hashlib.sha256(digest(key) if digest else b"".join(file_sha256(path) for path in files(key)))
            total.update(key.encode() + b"\0" + contents.digest())
        for data in others:
            total.update(hashlib.sha256(data).digest())
        return total.hexdigest()

    depends = getattr(digest, "depends", None)
    if digest is not None and not isinstance(depends, bytes):
        return compute()
    kind = (b"items",) if digest is None else (b"items by digest", depends)
    return remembered([(key, path) for key in keys for path in files(key)], compute, (*kind, *others))


def check_items(
    parts: Parts,
    load: Callable[[str], Any],
    what: str,
    report: Callable[[int, int], Any] = lambda done, total: None,
) -> None:
    """Loads every used item once.

    Args:
        parts: item ids of each part.
        load: raises a UserError that names the file at fault.
        what: plural of the items, for messages.
        report: is told how many items are done and how many there are.

    Raises:
        UserError: it names the first bad files and counts them all. Its remedy is that of all faults, or of the first
            where they differ.
    """
    keys = all_items(parts)

    def fault(key: str) -> UserError | None:
        try:
            load(key)
        except UserError as error:
            return UserError(error.message, error.hint)  # without the traceback, which would keep decoded arrays
        return None

    bad: list[UserError] = []
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        try:
            for done, found in enumerate(pool.map(fault, keys), start=1):
                if found:
                    bad.append(found)
                report(done, len(keys))
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an interruption need not wait for the rest
            raise
    if bad:
        more = f" ({len(bad):,} {what} in all)" if len(bad) > 1 else ""
        same = len({one.hint for one in bad}) == 1
        hint = bad[0].hint if same or not bad[0].hint else f"For the first: {bad[0].hint}"
        raise UserError(f"{' '.join(one.message for one in bad[:_SHOWN])}{more}", hint)


def file_sha256(path: Path) -> bytes:
    """Returns the SHA-256 of a file; UserError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UserError(f"The file {path} cannot be read: {error.strerror}.", "Restore it.") from None
