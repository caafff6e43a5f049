"""Which characters the texts of a record may hold.

Records are printed to terminals and written into pages and tables: a control character could rewrite a screen, NUL is
no HTML, half of a surrogate pair is no UTF-8, and what changes the direction of writing lets a text look like another.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # all but tab and newline
_CONTROL = re.compile(f"[{_CONTROLS}]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNUSUAL = re.compile("[^ -~\\t\\n]")


def check_unicode(text: str, where: str) -> None:
    """Checks that a text can be written as UTF-8.

    Raises:
        ValueError: it holds half of a surrogate pair.
    """
    if not text.isprintable() and _SURROGATE.search(text):  # the first is many times faster, and nearly always true
        raise ValueError(f"{where} is {text!a}, which is not valid Unicode")


def check_texts(value: Any, where: str) -> None:
    """Checks all texts in a value, the keys of mappings too.

    Args:
        value: anything made of mappings, sequences and scalars.
        where: the name of the value, for the error.

    Raises:
        ValueError: one holds a control character other than tab and newline or one that changes the direction of
            writing, or is not valid Unicode. Soft hyphens and joiners, which some scripts need, may stay.
    """
    if isinstance(value, str):
        check_unicode(value, where)
        if not value.isprintable() and (found := _CONTROL.search(value)):
            raise ValueError(f"{where} holds the control character {found[0]!r}")
        if not value.isprintable() and (found := _BIDI.search(value)):
            raise ValueError(f"{where} holds {found[0]!a}, which changes the direction of writing")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_texts(key, f"a key of {where}")
            check_texts(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_texts(item, f"{where}[{index}]")


def visible(value: Any) -> Any:
    r"""Returns a value whose texts show what a screen does not as escapes, keys of mappings left as they are.

    That is what ``check_texts`` refuses, and all other characters for formatting, such as spaces of no width.

    It is for texts that rsbench does not choose, such as the message of an exception and the name of a file: a run of
    hours is not lost over them.

    >>> print(visible("\x1b[31mred\x00"))
    \x1b[31mred\x00
    """
    if isinstance(value, str):
        if value.isprintable():
            return value
        return _UNUSUAL.sub(_escaped, value)
    if isinstance(value, Mapping):
        return {key: visible(item) for key, item in value.items()}
    return [visible(item) for item in value] if isinstance(value, (list, tuple)) else value


def _escaped(found: re.Match[str]) -> str:
    hidden = unicodedata.category(found[0]) in ("Cc", "Cf", "Cs")
    return found[0].encode("unicode_escape").decode() if hidden else found[0]
