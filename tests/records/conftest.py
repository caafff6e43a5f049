"""Made-up records: every number in them is artificial."""

from typing import Any

import pytest

from rsbench.records import Record, run_id


def make(**changes: Any) -> Record:
    """A record of a made-up run; ``identity`` follows the fields that make one."""
    fields: dict[str, Any] = {
        "status": "done",
        "method": "made/up",
        "title": "Made, up",
        "task": "eurosat",
        "kind": "classification",
        "protocol": "paper",
        "settings": {"lr": 1e-4, "epochs": 100},
        "split": "seco",
        "data": "real",
        "seed": 0,
        "input_size": 128,
        "metrics": {"val/top1": 12.5},
        "started": "2026-01-01T00:00:00+00:00",
        "finished": "2026-01-01T00:01:00+00:00",
        **changes,
    }
    if fields["status"] != "done":
        fields.setdefault("reason", "it was made to fail")
        if "metrics" not in changes:
            fields["metrics"] = {}
    names = ("method", "task", "protocol", "settings", "split", "data", "seed", "input_size")
    fields.setdefault("identity", {name: fields[name] for name in names})
    fields.setdefault("id", run_id(fields["identity"]))
    return Record(**fields)


@pytest.fixture(name="make")
def make_fixture():
    """The factory of made-up records."""
    return make
