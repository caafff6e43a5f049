"""What the runs of a store gave, for comparison with what others gave."""

import json
from pathlib import Path

from rsbench.records import Record, Store


def numbers(results: Path) -> dict[tuple[str, ...], object]:
    """What the runs of a store gave, without what differs between two runs of the same: times and places."""
    store = Store(results)
    found = {}
    for record in store:
        table = store.predictions(record.id)
        rows = None if table is None else json.dumps(table.to_pydict(), default=str, sort_keys=True)
        key = (record.method, record.task, record.protocol, str(record.seed))
        found[key] = (record.id, record.status, record.metrics, record.intervals, record.selected, rows)
    assert not store.broken, store.broken
    return found


def only(results: Path) -> Record:
    """The single run of a store."""
    [record] = Store(results)
    return record
