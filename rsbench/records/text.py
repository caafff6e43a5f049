"""Records as JSON text: sealed when they are written, checked when they are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rsbench.errors import UserError
from rsbench.records.characters import visible
from rsbench.records.record import SCHEMA_VERSION, Record


def content_digest(content: Mapping[str, Any]) -> str:
    """Returns the SHA-256 of a record as JSON has it, but for its ``digest``: a record changed by hand has another one.

    It guards against slips, not against forgery: whoever can write the file can write a digest, too.
    """
    rest = {name: value for name, value in content.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def sealed(record: Record, files: Mapping[str, str]) -> str:
    """Returns the JSON text of a record with the digests of its files and of itself."""
    content = json.loads(
        record.model_copy(update={"schema_version": SCHEMA_VERSION, "files": dict(files)}).model_dump_json()
    )
    content["digest"] = content_digest(content)
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def parse(text: str, origin: str) -> Record:
    """Reads one record from its JSON text.

    Raises:
        UserError: it is of a schema that this rsbench does not know, no record, or one that was changed after it was
            written.
    """
    try:
        head = json.loads(text)
        if isinstance(head, dict):
            _check_version(head.get("schema_version"), origin)
        record = Record.model_validate(head)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = visible(".".join(map(str, first["loc"]))) or "record"
        raise UserError(f"{origin} is not a record: {where}: {first['msg']}.", "Delete or mend the folder.") from None
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits, brackets without end
        raise UserError(f"{origin} is not JSON: {error}.", "Delete or mend the folder.") from None
    if record.schema_version > 1 and record.digest != content_digest(head):
        raise UserError(
            f"{origin} was changed after it was written: its content does not give its digest.",
            "Restore the file, or make the run again.",
        )
    return record


def check_sealed(text: str, origin: str) -> dict[str, Any]:
    """Returns a record as plain JSON if it is as the store wrote it; four times as fast as ``parse``.

    What bears its digest was checked field by field before it was written. Records of schema 1, which have none, are
    checked field by field here.

    Raises:
        UserError: as ``parse``.
    """
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        head = None
    if isinstance(head, dict) and head.get("schema_version") == SCHEMA_VERSION and head.get("digest"):
        try:
            if content_digest(head) == head["digest"]:
                return head
        except ValueError:  # a lone surrogate, which no record has
            pass
    return json.loads(parse(text, origin).model_dump_json())


def _check_version(version: Any, origin: str) -> None:
    """Raises UserError unless the version is one that this rsbench reads: anything else may mean anything."""
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:  # True is an int, and equals 1
        newer = type(version) is int and version > SCHEMA_VERSION
        raise UserError(
            f"{origin} has schema version {json.dumps(version)[:40]}; this rsbench reads 1 to {SCHEMA_VERSION}.",
            "Read it with a newer rsbench." if newer else "Delete or mend the folder.",
        )
