"""What a measured number says about the published one: reproduced, differs, or why they cannot be compared.

The arithmetic is that of the printed digits, so that a reader of the table can repeat it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from rsbench.errors import UserError
from rsbench.reporting.measured import Measurement, Place
from rsbench.reporting.published import Expected, PublishedColumn

Kind = Literal["reproduced", "differs", "not comparable", "not run"]

TOLERANCE = Decimal("1.0")
"""Percentage points between measured and published up to which a number counts as reproduced."""
_SHORT = 60  # characters of a reason in a cell; the footnote has the whole


@dataclass(frozen=True)
class Verdict:
    """What one measured cell, or all of them, say about a published one.

    Args:
        kind: of the verdict.
        why: without a full stop: of ``not comparable``, and of ``not run`` where a run was tried.
        difference: measured minus published, with its sign and the decimals of the column; empty where nothing was
            measured. It stands even if the two are not comparable.
        column: key of the measured column that it is from; empty where nothing was run.
    """

    kind: Kind
    why: str = ""
    difference: str = ""
    column: str = ""

    @property
    def text(self) -> str:
        """The verdict in full: ``differs by -3.10``, ``not comparable: protocol swept, not paper``."""
        if self.kind == "differs":
            return f"differs by {self.difference}"
        return f"{self.kind}: {self.why}" if self.why else self.kind

    @property
    def short(self) -> str:
        """The verdict for a cell: a long reason is cut, and the footnote has the whole."""
        text = " ".join(self.text.split())
        return text if len(text) <= _SHORT else text[: _SHORT - 1].rstrip() + "…"


NOT_RUN = Verdict("not run")


def check_tolerance(value: float | Decimal) -> Decimal:
    """Returns a tolerance in percentage points.

    Raises:
        UserError: it is not between 0 and 100.

    >>> check_tolerance(0.5)
    Decimal('0.5')
    """
    tolerance = Decimal(str(value))
    if not tolerance.is_finite() or not 0 <= tolerance <= 100:
        raise UserError(f"The tolerance {value} is not between 0 and 100 percentage points.", "Try --tolerance 1.")
    return tolerance


def difference(measured: str, published: str, decimals: int) -> str:
    """Returns measured minus published, from the printed digits.

    >>> difference("95.5", "98.87", 2)
    '-3.37'
    """
    return f"{Decimal(measured) - Decimal(published):+.{decimals}f}"


def verdict(
    column: PublishedColumn,
    published: str,
    measured: Measurement | None,
    place: Place,
    part: str,
    tolerance: Decimal = TOLERANCE,
    images: int | None = None,
) -> Verdict:
    """Returns what one measured cell says about a published one.

    Args:
        column: of the paper.
        published: the printed digits.
        measured: by the same method; None where it was not run here.
        place, part: where it was measured.
        tolerance: in percentage points; an equal difference is within it.
        images: of the part, which tiles were cut from; None where that is not known or of no interest.
    """
    if measured is None:
        return NOT_RUN
    if measured.mean is None:
        return Verdict("not run", f"{measured.status}: {measured.reason}" if measured.reason else measured.status)
    gap = difference(f"{measured.mean:.{column.decimals}f}", published, column.decimals)
    if why := why_not_comparable(column.expected, column.part, measured, place, part, images):
        return Verdict("not comparable", "; ".join(why), gap)
    return Verdict("reproduced" if abs(Decimal(gap)) <= tolerance else "differs", "", gap)


def why_not_comparable(
    expected: Expected, paper_part: str, measured: Measurement, place: Place, part: str, images: int | None = None
) -> list[str]:
    """Returns what keeps a measured number from being compared with the paper's; nothing where they may be."""
    why = []
    if place.protocol != expected.protocol:
        why.append(f"protocol {place.protocol}, not {expected.protocol}")
    if place.changed:
        why.append("changed settings")
    if expected.incomparable:
        return [*why, expected.incomparable]
    if place.split != expected.split:
        why.append(f"split {place.split}, not {expected.split}")
    if part != paper_part:
        why.append(f"part {part}, not {paper_part}")
    if place.split == expected.split and part == paper_part:
        why += _lacking(expected, measured, part, images) + _other_data(expected, measured)
    for name, value in expected.policies.items():
        if measured.policies.get(name) != value:
            there = measured.policies.get(name)
            why.append(f"{name} not known" if there is None else f"{name} {there}, not {value}")
    return why


def _lacking(expected: Expected, measured: Measurement, part: str, images: int | None) -> list[str]:
    """Says which share of a part was there, where the whole is known."""
    found = [(measured.counts.get(name), whole, f"items of {name}") for name, whole in expected.counts.items()]
    if expected.images is not None:
        found.append((images, expected.images, f"images of {part}"))
    return [
        f"{'an unknown number' if there is None else format(there, ',')} of {whole:,} {what}"
        for there, whole, what in found
        if there != whole
    ]


def _other_data(expected: Expected, measured: Measurement) -> list[str]:
    """Says whether list and images are those of the paper, where these are known: a name and counts do not tell."""
    why = []
    if expected.split_sha256 and measured.split_sha256 != expected.split_sha256:
        why.append("another list of images" if measured.split_sha256 else "list of images not known")
    if expected.fingerprint and measured.fingerprint != expected.fingerprint:
        why.append("other images" if measured.fingerprint else "images not known")
    return why


def overall(verdicts: Sequence[tuple[str, int | None, Verdict]]) -> Verdict:
    """Returns the one verdict that stands for all measured columns of a published cell.

    A number that may be compared comes before one that may not, that before a run that failed, and that before none.
    Of several, the largest input counts, then the first column: never the one that is nearest.

    Args:
        verdicts: key of the column, input size and verdict of each.
    """
    best = max(verdicts, key=lambda one: (_WEIGHT[one[2].kind], bool(one[2].why), one[1] or -1), default=None)
    if best is None or best[2] == NOT_RUN:
        return NOT_RUN
    key, _, one = best
    return Verdict(one.kind, one.why, one.difference, key)


_WEIGHT: Mapping[str, int] = {"reproduced": 2, "differs": 2, "not comparable": 1, "not run": 0}
