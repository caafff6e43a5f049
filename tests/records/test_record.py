"""The record refuses what would make a number untrue."""

import math
import subprocess
import sys
from types import MappingProxyType

import pytest
from pydantic import ValidationError

from rsbench.records import Record


def test_a_record_read_back_equals_the_one_written(make):
    record = make(
        settings=MappingProxyType({"lrs": (0.1, 1e-4), "fold": True}),
        intervals={"val/top1": (11.0, 14.0)},
        cost={"parameters": 5},
    )
    assert Record.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"metrics": {"val/top1": math.nan}}, "finite"),
        ({"metrics": {"val/top1": -1.0}}, "no percentage"),
        ({"metrics": {"val/top1": 101.0}}, "no percentage"),
        ({"metrics": {"top1": 50.0}}, "not <part>/<name>"),
        ({"metrics": {}}, "must have a metric"),
        ({"intervals": {"test/top1": (1.0, 2.0)}}, "has no metric"),
        ({"intervals": {"val/top1": (2.0, 1.0)}}, "runs from"),
        ({"reason": "because"}, "no reason"),
        ({"status": "failed", "reason": None}, "a reason"),
        ({"status": "perhaps"}, "status"),
        ({"id": "0123456789abcdef"}, "not the digest"),
        ({"started": "2026-01-01T00:00:00"}, "not in UTC"),
        ({"started": "2026-01-01T00:00:00+02:00"}, "not in UTC"),
        ({"settings": {"lr": math.inf}, "identity": {}}, "finite"),
        ({"weights": {"path": object()}}, "JSON does not have"),
        ({"data": "fake"}, "data"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_not_a_record_is_refused(make, changes, match):
    with pytest.raises(ValidationError, match=match):
        make(**changes)


def test_a_record_cannot_be_changed(make):
    with pytest.raises(ValidationError, match="frozen"):
        make().seed = 3


def test_reading_records_imports_no_heavy_package():
    code = (
        "import sys; from rsbench.records import Store; list(Store('nowhere'));"
        "print([m for m in ('torch', 'pandas', 'pyarrow', 'numpy') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
