"""Whether runs are of the same items, without which a comparison says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rsbench.errors import UserError
from rsbench.records import Record


def check_same_items(records: Sequence[Record], remedy: str = "Compare runs on the same items.") -> None:
    """Checks that all runs are of one task, on the same list of the same images, and count as many detections.

    Args:
        records: of the runs, at least one.
        remedy: what the user can do.

    Raises:
        UserError: they are not; it names the first two that differ, and in what.
    """
    first = _items(records[0])
    for record in records[1:]:
        for what, value in _items(record).items():
            if value != first[what]:
                shown = " and ".join(str(one)[:12] for one in (first[what], value))
                raise UserError(f"The runs {records[0].id} and {record.id} are of different {what}: {shown}.", remedy)


def _items(record: Record) -> dict[str, Any]:
    return {
        "tasks": record.task,
        "splits": record.dataset.get("split_sha256") or record.split,
        "images or labels": record.dataset.get("fingerprint"),
        "maxDets": record.settings.get("max_dets"),
    }
