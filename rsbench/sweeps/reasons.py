"""Why something failed, in one line that people can act on."""

from __future__ import annotations

import signal

from rsbench.errors import RsbenchError
from rsbench.records.characters import visible

_MEMORY = "Nothing was made smaller by itself: give more memory, or change batch_size or precision."

_LONGEST = 400  # characters


def reason_of(error: BaseException) -> str:
    """Returns what ``error`` says, with its remedy where it has one; the type is named where rsbench did not raise it.

    >>> reason_of(MemoryError())
    'Out of memory. Nothing was made smaller by itself: give more memory, or change batch_size or precision.'
    >>> reason_of(ValueError("no such band\\nat all"))
    'ValueError: no such band'
    """
    try:
        first = next(iter(str(error).splitlines()), "")[:_LONGEST]
    except Exception:  # a plugin's own
        first = "(it cannot say why)"
    if isinstance(error, RsbenchError):
        text = f"{error.message} {error.hint}".strip()
    elif isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or "can't allocate" in first:
        text = f"Out of memory{': ' if first else ''}{first.rstrip('.')}. {_MEMORY}"
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror or error}."
    else:
        text = f"{type(error).__name__}: {first}" if first else f"{type(error).__name__}."
    text = visible(" ".join(text[: 4 * _LONGEST].split()))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ... (its log has all of it)"


def reason_of_exit(code: int) -> str | None:
    """Returns why a process ended that ended with ``code`` (negative: by that signal); None if in good order.

    >>> reason_of_exit(-11)
    'The process was killed by SIGSEGV.'
    """
    if code == 0:
        return None
    if code > 0:
        return f"The process ended with exit code {code}; its log says why."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if -code == getattr(signal, "SIGKILL", 9):
        return f"The process was killed by {name}: by somebody, or by the system because memory ran out."
    return f"The process was killed by {name}."
