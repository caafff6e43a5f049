"""Findings as plain text, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

from rsbench.errors import UserError, near_miss
from rsbench.reporting.audit.findings import FAILS, HOLDS, PARTLY, SEEN, Finding
from rsbench.reporting.markdown import escape
from rsbench.reporting.published import published_table

FORMATS = ("table", "markdown", "json")


def render(findings: Sequence[Finding], form: str) -> str:
    """Returns the findings in the format ``form``, one of ``FORMATS``.

    Raises:
        UserError: there is no such format.
    """
    if form == "table":
        return _text(findings)
    if form == "markdown":
        return _markdown(findings)
    if form == "json":
        return json.dumps({"source": _source(), "findings": [asdict(one) for one in findings]}, indent=2) + "\n"
    raise UserError(f"There is no format {form!r}.", near_miss(form, FORMATS))


def summary(findings: Sequence[Finding]) -> str:
    """Returns how many claims hold, in one line.

    >>> summary([Finding("", "", "", (), "", "holds"), Finding("", "", "", (), "", "seen")])
    '1 claims: 1 hold, 0 hold in part, 0 do not hold; 1 more seen'
    """
    counts = Counter(one.finding for one in findings)
    said = f"{counts[HOLDS]} hold, {counts[PARTLY]} hold in part, {counts[FAILS]} do not hold"
    return f"{len(findings) - counts[SEEN]} claims: {said}; {counts[SEEN]} more seen"


def _source() -> str:
    return published_table(1).source


def _text(findings: Sequence[Finding]) -> str:
    lines: list[str] = []
    where = ""
    for one in findings:
        if one.where != where:
            lines += ["", one.where] if lines else [one.where]
            where = one.where
        claimed = f" {one.claimed}" if one.claimed else ""
        finding = one.finding if one.finding in (HOLDS, SEEN) else one.finding.upper()
        lines.append(f"  {finding:<13} {one.claim}{claimed}")
        lines.append(f"  {'':<13} {one.arithmetic}")
        if one.remark:
            lines.append(f"  {'':<13} {one.remark}")
    return "\n".join([*lines, "", f"{_source()}; {summary(findings)}.", ""])


def _markdown(findings: Sequence[Finding]) -> str:
    head = [f"# Audit of {_source()}", "", f"{summary(findings)}.", ""]
    head += ["| where | claim | claimed | cells | arithmetic | finding |", "| :-- | :-- | --: | :-- | :-- | :-- |"]
    rows = []
    for one in findings:
        finding = one.finding if one.finding in (HOLDS, SEEN) else f"**{one.finding}**"
        last = f"{finding}. {escape(one.remark)}" if one.remark else finding
        cells = "<br>".join(map(escape, one.cells))
        parts = (escape(one.where), escape(one.claim), one.claimed, cells, escape(one.arithmetic), last)
        rows.append(f"| {' | '.join(parts)} |")
    return "\n".join([*head, *rows, ""])
