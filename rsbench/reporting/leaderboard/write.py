"""Writes the page and the records that it links to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rsbench.atomic import write_whole
from rsbench.errors import UserError
from rsbench.plugins import Registry
from rsbench.reporting.leaderboard.data import page_data
from rsbench.reporting.leaderboard.page import GENERATOR, page
from rsbench.reporting.leaderboard.source import ReadOnce

_RECORD = re.compile(r"[0-9a-f]{16}\.json")


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        page: the file to open.
        runs: how many records lie beside it.
        warnings: what was left out and why, a sentence each.
    """

    page: Path
    runs: int
    warnings: tuple[str, ...]


def write_leaderboard(
    results: Path, out: Path, registry: Registry, title: str = "rsbench leaderboard", tests: bool = True
) -> Written:
    """Writes ``out/index.html`` and ``out/records/<id>.json``; equal runs give equal files.

    A page that was written there before is replaced, with its records.

    Args:
        results: folder of runs; what cannot be read in it is left out and named on the page.
        out: folder; it is made if it is not there.
        registry: methods and tasks.
        title: of the page.
        tests: compare each ranked row with the best one of its column.

    Raises:
        UserError: ``out`` is the folder of runs or lies in it, or has an ``index.html`` that is another page.
    """
    if results.resolve() in (out.resolve(), *out.resolve().parents):
        raise UserError(f"--out {out} is inside the folder of runs {results}.", "Choose a folder outside of it.")
    index, folder = out / "index.html", out / "records"
    if index.exists() and GENERATOR not in index.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise UserError(f"{index} is a page of another kind.", "Choose another folder, or move it away.")
    store = ReadOnce(results)
    data = page_data(store, registry, title, tests)
    folder.mkdir(parents=True, exist_ok=True)
    for run in store.records:
        write_whole(folder / f"{run}.json", store.file(run).read_bytes(), sync=False)
    for old in folder.iterdir():
        if _RECORD.fullmatch(old.name) and old.stem not in store.records:
            old.unlink()
    write_whole(index, page(data).encode("utf-8", "replace"))  # last: it never leads to a record that is not there
    warnings = tuple(f"{broken['name']} is left out: {broken['reason']}" for broken in data["broken"])
    return Written(index, len(store.records), warnings)
