"""Requirements as package metadata write them, as far as comparing release numbers takes one.

What lies beyond that, such as an address in place of versions, is said to be unknown and never guessed.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TEXT = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*\(?([^;()]*)\)?\s*(?:;(.*))?")
_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*(\d+(?:\.\d+)*)\s*")
_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True)
class Requirement:
    """One required package.

    Attributes:
        name: of the package.
        versions: that fit, such as ``>=1.0,<2``; empty if all do.
        marker: when it is required, such as ``extra == "dev"``; empty if always.
    """

    name: str
    versions: str = ""
    marker: str = ""


def read_requirement(text: str) -> Requirement | None:
    """Reads a line of ``Requires-Dist``; None if it has another form.

    >>> read_requirement('timm<2,>=1.0 ; extra == "dev"')
    Requirement(name='timm', versions='<2,>=1.0', marker='extra == "dev"')
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        return None
    return Requirement(match[1], match[2].strip(), (match[3] or "").strip())


def fits(version: str, versions: str) -> bool | None:
    """Whether a version fits; a pre-release counts as its release. None if that cannot be told.

    >>> fits("2.10.1+cpu", ">=2.9,<3"), fits("2.0", "==2"), fits("1.9", ">=1.10"), fits("1.9", "~=1.8")
    (True, True, False, None)
    """
    found = _RELEASE.match(version)
    clauses = [_CLAUSE.fullmatch(clause) for clause in versions.split(",") if clause.strip()]
    if found is None or None in clauses:
        return None
    own = _numbers(found[1])
    return all(_COMPARE[clause[1]](own, _numbers(clause[2])) for clause in clauses if clause is not None)


def _numbers(release: str) -> tuple[int, ...]:
    """Returns the numbers of a release without the zeros at its end: 2.0 is 2."""
    return tuple(map(int, re.sub(r"(\.0+)+$", "", release).split(".")))
