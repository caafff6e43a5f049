"""Terms of other people's weights: accepted once by the user, and remembered with their wording."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from rsbench.errors import UserError
from rsbench.paths import cache_home
from rsbench.weights import Weights


def accepted(owner: str, weights: Weights) -> bool:
    """True if these weights have no terms, or the user has accepted them in their present wording."""
    if not weights.terms:
        return True
    try:
        return json.loads(_file(owner).read_text(encoding="utf-8"))["terms"] == weights.terms
    except (OSError, ValueError, KeyError, TypeError):
        return False


def demand_acceptance(owner: str, weights: Weights, accept: bool) -> None:
    """Remembers that the user accepts the terms of ``owner`` (``method/variant``), or demands it.

    Raises:
        UserError: there are terms, and they are not accepted.
    """
    if accepted(owner, weights):
        return
    if not accept:
        raise UserError(
            f"The weights of {owner} have terms: {weights.terms}",
            "If you accept them, pass --accept-licence once.",
        )
    file = _file(owner)
    file.parent.mkdir(parents=True, exist_ok=True)
    when = datetime.now(UTC).isoformat(timespec="seconds")
    file.write_text(json.dumps({"weights": owner, "terms": weights.terms, "accepted": when}) + "\n", encoding="utf-8")


def _file(owner: str) -> Path:
    return cache_home() / "terms" / f"{owner}.json"
