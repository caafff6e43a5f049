"""A line of the report, and the guard that makes a line of whatever a check raises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from rsbench.errors import RsbenchError

Status = Literal["ok", "info", "warning", "failed"]
STATUSES: tuple[Status, ...] = get_args(Status)

REPORT = "See where with rsbench --debug doctor, and report it if it is not clear."


@dataclass(frozen=True)
class Line:
    """One finding.

    Attributes:
        status: ``ok``; ``info``: something optional that is not there; ``warning``: it works, but not for long or not
            as meant; ``failed``: something that a run needs does not work.
        area: of the check: ``packages``, ``datasets``.
        what: was looked at.
        value: that was found.
        remedy: what to do, in a sentence; warnings and failures always have one.
    """

    status: Status
    area: str
    what: str
    value: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.status in ("warning", "failed") and not self.remedy:
            raise ValueError(f"The line {self.what!r} of {self.area} says what is wrong and not what to do.")


Check = Callable[[], Iterable[Line]]
Watch = Callable[[Exception], None]


def guarded(area: str, what: str, check: Check, watch: Watch = lambda error: None) -> Iterator[Line]:
    """Yields the lines of a check; if it raises, what it gave so far and then a failed line with the reason.

    Args:
        area, what: of the line that stands for a failure.
        check: returns lines.
        watch: is given what was raised.
    """
    try:
        yield from check()
    except (Exception, SystemExit) as error:  # plugins take part, and no mistake of theirs may end the report
        if isinstance(error, Exception):
            watch(error)
        yield failure(area, what, error)


def failure(area: str, what: str, error: BaseException) -> Line:
    """Returns the failed line of an error: its message and hint where it is rsbench's own, else its type and text."""
    if isinstance(error, RsbenchError):
        return Line("failed", area, what, error.message, error.hint or REPORT)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return Line("failed", area, what, f"{where}{error.strerror or error}", "Check the folder and its permissions.")
    return Line("failed", area, what, f"{type(error).__name__}: {error}", REPORT)
