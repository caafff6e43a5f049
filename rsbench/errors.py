"""Errors that are the user's to fix: one line, a remedy, exit code 2 and no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class RsbenchError(Exception):
    """Base of all errors that rsbench raises on purpose.

    Args:
        message: the thing and the reason, in one sentence.
        hint: the remedy, in one sentence; printed on a line of its own.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UserError(RsbenchError):
    """Something that the caller can put right: a wrong name, a missing file, a bad setting (exit code 2)."""


class RunError(RsbenchError):
    """A run that was started properly and failed: a sentinel, a non-finite loss (exit code 1)."""


def near_miss(name: str, known: Iterable[str]) -> str:
    """Returns ``Did you mean 'x'?`` for the nearest known name, else the list of known names.

    >>> near_miss("ctxmin", ["ctxmim", "seco"])
    "Did you mean 'ctxmim'?"
    >>> near_miss("zzz", ["ctxmim", "seco"])
    'Known: ctxmim, seco.'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else f"Known: {', '.join(names) or 'none'}."
