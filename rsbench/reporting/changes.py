"""Names for what a run changed from its protocol's own settings: two changes never have one name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from rsbench.records import Record, canonical_json
from rsbench.reporting.versions import shown


def change_names(records: Iterable[Record]) -> dict[str, str]:
    """Names the changed settings of records for readers.

    Returns:
        ``key=value, ...`` by the canonical JSON of the settings; empty where nothing was changed. Other settings that
        read the same (a text with a comma in it, a number and a text) get the start of a digest at the end.
    """
    texts: dict[str, str] = {}
    for record in records:
        said = ", ".join(f"{key}={shown(value)}" for key, value in sorted(record.changed.items()))
        texts[canonical_json(record.changed)] = said
    several = {text for text, count in Counter(texts.values()).items() if count > 1}
    return {
        change: f"{text}, changes {hashlib.sha256(change.encode()).hexdigest()[:8]}" if text in several else text
        for change, text in texts.items()
    }
