"""What a store says of the cells of a sweep: done, failed, not there, and why an earlier record does not count."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rsbench.errors import UserError
from rsbench.records import Store
from rsbench.records.folders import RECORD
from rsbench.records.identity import run_id
from rsbench.records.text import check_sealed

_ID = re.compile(r'"id":\s*"([0-9a-f]{16})"')
_END = b"PAR1"
_SHOWN = 4  # differences of an earlier record that are named


@dataclass(frozen=True)
class Standing:
    """How a cell stands.

    Attributes:
        state: ``done``: a complete record with an equal run id; ``failed`` or ``interrupted``: such a record that says
            so; ``absent``: none; ``unknown``: it cannot be told before data or weights are there; ``contradicted``:
            several records of the run that differ, so that another one would not help.
        run: id of the run, where it is known.
        why: there is nothing to reuse, or the run failed; empty for ``done``.
        fault: of an ``unknown`` one: ``why`` is what went wrong as it was looked at, not what was not looked at yet.
    """

    state: Literal["done", "failed", "interrupted", "absent", "unknown", "contradicted"]
    run: str | None
    why: str
    fault: bool = False


class Standings:
    """The runs of a store as they were when this was made; texts are read once, records as they are asked for.

    Args:
        store: of the runs.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._texts: dict[str, str] = {}
        self._broken: dict[str, str] = {}
        self._folders: dict[str, list[str]] = {}
        for folder in store.ids():
            try:
                text = store.folders.text(folder)
            except (OSError, ValueError) as error:
                self._broken[folder] = f"its {RECORD} cannot be read: {error}"
                continue
            self._texts[folder] = text
            found = _ID.search(text)
            self._folders.setdefault(found[1] if found else folder, []).append(folder)
        self._alike: dict[tuple[Any, ...], list[Mapping[str, Any]]] | None = None

    def of(self, identity: Mapping[str, Any]) -> Standing:
        """Returns how the cell stands whose run has this identity."""
        run = run_id(identity)
        folders = self._folders.get(run, [])
        if run in self._broken:
            return Standing("absent", run, f"The folder {run} is there, but {self._broken[run]}.")
        if not folders:
            return Standing("absent", run, self._nearest(identity))
        if folders != [run]:
            try:
                self.store.trusted(run)
            except UserError as error:
                return Standing("contradicted", run, str(error).replace("\n ", ""))
        return standing_of(self.store, run, self._texts[run])

    def _nearest(self, identity: Mapping[str, Any]) -> str:
        """Says in what the record differs that is nearest to ``identity``; empty if there is none of its kind."""
        if self._alike is None:
            self._alike = {}
            for text in self._texts.values():
                try:
                    head = json.loads(text)
                    self._alike.setdefault(_kind(head["identity"]), []).append(head)
                except (ValueError, KeyError, TypeError):
                    continue
        found = self._alike.get(_kind(identity), [])
        if not found:
            return ""
        differing = [(differences(head["identity"], identity), head) for head in found]
        least, head = min(differing, key=lambda pair: (len(pair[0]), pair[1].get("started", "")))
        more = f" and {len(least) - _SHOWN} more" if len(least) > _SHOWN else ""
        return f"The run {head.get('id')} is another one: {', '.join(least[:_SHOWN])}{more}."


def standing_of(store: Store, run: str, text: str | None = None) -> Standing:
    """Returns how the run with the id ``run`` stands in a store now.

    Args:
        store: of the runs.
        run: id.
        text: of the record, if it was read already.
    """
    try:
        text = store.folders.text(run) if text is None else text
    except FileNotFoundError:
        return Standing("absent", run, "")
    except (OSError, ValueError) as error:
        return Standing("absent", run, f"The record of {run} cannot be read: {error}.")
    try:
        head = check_sealed(text, f"The record of {run}")
    except UserError as error:
        return Standing("absent", run, error.message)
    if head.get("id") != run:
        return Standing("absent", run, f"The folder {run} holds the run {head.get('id')}.")
    lost = [name for name in head.get("files", {}) if not _is_whole(store.folders.path(run) / name)]
    if lost:
        return Standing("absent", run, f"The folder {run} has no whole {' and '.join(lost)} any more.")
    if head.get("status") == "done":
        return Standing("done", run, "")
    state = "failed" if head.get("status") == "failed" else "interrupted"
    return Standing(state, run, str(head.get("reason")))  # type: ignore[arg-type]


def _is_whole(file: Path) -> bool:
    """Whether a Parquet file is there and has an end; that its digest is right, `rsbench verify` says."""
    try:
        with file.open("rb") as stream:
            stream.seek(-len(_END), os.SEEK_END)
            return stream.read() == _END
    except OSError:
        return False


def differences(old: Mapping[str, Any], new: Mapping[str, Any], where: str = "") -> list[str]:
    """Returns what differs between two identities, as ``settings.lr 0.1, not 0.2``; long digests are cut.

    >>> differences({"seed": 0, "settings": {"lr": 0.1}}, {"seed": 0, "settings": {"lr": 0.2}})
    ['settings.lr is 0.1, not 0.2']
    """
    found = []
    for key in sorted(old.keys() | new.keys()):
        first, second = old.get(key), new.get(key)
        if isinstance(first, Mapping) and isinstance(second, Mapping):
            found += differences(first, second, f"{where}{key}.")
        elif json.dumps(first) != json.dumps(second):
            found.append(f"{where}{key} is {_short(first)}, not {_short(second)}")
    return found


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:8]}..." if len(text) > 40 else text


def _kind(identity: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two runs must share so that the one can be mistaken for the other."""
    return tuple(str(identity.get(name)) for name in ("method", "task", "seed"))
