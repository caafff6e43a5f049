"""Which characters the texts of a record may hold.

Records are printed to terminals and written into pages and tables: a control character could rewrite a screen, NUL is
no HTML, and half of a surrogate pair is no UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"  # all but tab and newline
_CONTROL = re.compile(f"[{_CONTROLS}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_EITHER = re.compile(f"[{_CONTROLS}\ud800-\udfff]")


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
        ValueError: one holds a control character other than tab and newline, or is not valid Unicode.
    """
    if isinstance(value, str):
        check_unicode(value, where)
        if not value.isprintable() and (found := _CONTROL.search(value)):
            raise ValueError(f"{where} holds the control character {found[0]!r}")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            check_texts(key, f"a key of {where}")
            check_texts(item, f"{where}.{key}")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            check_texts(item, f"{where}[{index}]")


def visible(value: Any) -> Any:
    r"""Returns a value whose texts show what ``check_texts`` refuses as escapes, keys of mappings left as they are.

    It is for texts that rsbench does not choose, such as the message of an exception and the name of a file: a run of
    hours is not lost over them.

    >>> print(visible("\x1b[31mred\x00"))
    \x1b[31mred\x00
    """
    if isinstance(value, str):
        if value.isprintable():
            return value
        return _EITHER.sub(lambda found: found[0].encode("unicode_escape").decode(), value)
    if isinstance(value, Mapping):
        return {key: visible(item) for key, item in value.items()}
    return [visible(item) for item in value] if isinstance(value, (list, tuple)) else value
