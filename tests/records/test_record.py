"""The record refuses what would make a number untrue."""

import math
import subprocess
import sys
import unicodedata
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rsbench.records import Record
from rsbench.records.characters import check_texts, visible


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
        ({"dataset": {"counts": [1, 2]}}, "how many items"),
        ({"dataset": {"counts": "abc"}}, "how many items"),
        ({"dataset": {"counts": None}}, "how many items"),
        ({"dataset": {"counts": {"train": "many"}}}, "how many items"),
        ({"dataset": {"counts": {"train": -1}}}, "how many items"),
        ({"dataset": {"counts": {"train": True}}}, "how many items"),
        ({"dataset": {"counts": {"train": 1.5}}}, "how many items"),
        ({"changed": {"x": "\ud800"}}, "not valid Unicode"),
        ({"cost": {"\udfff": 1}}, "not valid Unicode"),
        ({"title": "\ud800"}, "not valid Unicode"),
        ({"timings": {"\ud800": 1.0}}, "not valid Unicode"),
        ({"title": "T\x1b[31mred"}, "title holds the control character"),
        ({"title": "abc\u202ecba"}, r"title holds '\\u202e', which changes the direction of writing"),
        ({"weights": {"note": "\u2066x"}}, r"weights\.note holds '\\u2066'"),
        ({"method": "a\x00/b"}, "method holds the control character"),
        ({"weights": {"names": ["a", {"b": "\x9b2J"}]}}, r"weights\.names\[1\]\.b holds the control character"),
        ({"dataset": {"\r": 1}}, "a key of dataset holds the control character"),
        ({"schema_version": 0}, "schema_version"),
        ({"schema_version": True}, "schema_version"),
        ({"schema_version": 3}, "schema_version"),
    ],
)
def test_what_is_not_a_record_is_refused(make, changes, match):
    with pytest.raises(ValidationError, match=match):
        make(**changes)


@pytest.mark.parametrize("field", ["reason", "command", "flags", "arguments"])
def test_what_quotes_others_shows_their_control_characters(make, field):
    text, shown = "\x1b]0;title\x07 a\tb\nc \udce9 ✓", r"\x1b]0;title\x07 a" + "\tb\nc " + r"\udce9 ✓"
    given = {"flags": [text], "arguments": {"given": {"checkpoint": text}}}.get(field, text)
    record = make(status="failed", **{"reason": "why", field: given})
    expected = {"flags": [shown], "arguments": {"given": {"checkpoint": shown}}}.get(field, shown)
    assert getattr(record, field) == expected
    assert Record.model_validate_json(record.model_dump_json()) == record


@given(st.text(st.characters(), max_size=20))  # halves of surrogate pairs, too
def test_no_text_rewrites_a_screen_or_is_lost(text):
    shown = visible(text)
    shown.encode()
    assert not [one for one in shown if unicodedata.category(one) in ("Cc", "Cf") and one not in "\t\n"]
    assert visible(shown) == shown
    clean = all(unicodedata.category(one) not in ("Cc", "Cf", "Cs") or one in "\t\n" for one in text)
    assert (shown == text) == clean
    turned = set(text) & {*map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))}
    if not turned and all(unicodedata.category(one) not in ("Cc", "Cs") or one in "\t\n" for one in text):
        check_texts({text: [text]}, "x")
    else:
        with pytest.raises(ValueError, match="x"):
            check_texts([text], "x")


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


def test_characters_that_cannot_be_seen_become_escapes_where_others_are_quoted(make):
    """A title may have soft hyphens and joiners, which some scripts need."""
    hidden = "a\u200bb\u202ec\u00ad\u2069\ufeff\U000e0041"
    shown = r"a\u200bb\u202ec\xad\u2069\ufeff\U000e0041"
    record = make(status="failed", reason=hidden, flags=[hidden], command=hidden, arguments={"given": hidden})
    assert (record.reason, record.flags, record.command) == (shown, [shown], shown)
    assert record.arguments == {"given": shown}
    title = "\u0645\u06cc\u200c\u062e pre\u00adtraining \U0001f468\u200d\U0001f52c"
    assert make(title=title).title == title
    assert visible("tab\tand\nnewline \u00e9 \u540d \u00a0") == "tab\tand\nnewline \u00e9 \u540d \u00a0"
