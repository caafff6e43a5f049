"""Entries of BibTeX: split, checked and given keys that differ."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_HEAD = re.compile(r"@\s*([A-Za-z]+)\s*\{\s*([^\s,{}=\"#%'()~\\@]+)\s*,")


@dataclass(frozen=True)
class Entry:
    """One entry.

    Args:
        kind: as ``article``, in lower case.
        key: by which it is cited.
        body: what stands between the comma after the key and the last brace.
    """

    kind: str
    key: str
    body: str

    @property
    def words(self) -> tuple[str, str]:
        """Equal for entries that differ in their key and in white space alone."""
        return self.kind, " ".join(self.body.replace("=", " = ").split()).rstrip(", ")

    def text(self, key: str = "") -> str:
        """Returns the entry as BibTeX, under another key if one is given."""
        return f"@{self.kind}{{{key or self.key},{self.body}}}"


def parse(text: str) -> list[Entry]:
    """Splits BibTeX into entries.

    >>> [entry.key for entry in parse("@misc{a, title = {A {B}}}  @misc{b, title = {C}}")]
    ['a', 'b']

    Raises:
        ValueError: braces are not balanced, a key is there twice, or there is anything but entries.
    """
    found: list[Entry] = []
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        head = _HEAD.match(text, place)
        if head is None:
            raise ValueError(f"no entry begins at {text[place : place + 30]!r}")
        end = _end(text, head.end())
        body = text[head.end() : end]
        if "=" not in body:
            raise ValueError(f"the entry {head[2]!r} has no field")
        found.append(Entry(head[1].lower(), head[2], body))
        place = end + 1
    keys = [entry.key.lower() for entry in found]  # BibTeX does not tell A from a
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {key!r} is there twice")
    return found


def _end(text: str, start: int) -> int:
    """Returns the place of the brace that ends an entry."""
    depth, quoted = 1, False
    for place in range(start, len(text)):
        mark = text[place]
        if mark == '"' and depth == 1:  # a quote inside of braces is a letter, or an accent
            quoted = not quoted
        elif mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
            if depth == 0:
                if quoted:
                    break
                return place
    raise ValueError("braces are not balanced")


@dataclass
class Cited:
    """An entry and what it was used for, one remark each."""

    entry: Entry
    key: str
    remarks: list[str] = field(default_factory=list)


class Bibliography:
    """Entries in the order in which they came, each once, under keys that differ."""

    def __init__(self) -> None:
        self.cited: list[Cited] = []

    def add(self, entries: Iterable[Entry], remarks: Iterable[str]) -> None:
        """Takes entries; what is there already gets the remarks, and a key that another entry has gets a letter."""
        remarks = list(remarks)
        for entry in entries:
            known = next((cited for cited in self.cited if cited.entry.words == entry.words), None)
            if known is None:
                known = Cited(entry, self._free(entry.key))
                if known.key != entry.key:
                    known.remarks.append(f"Key {entry.key} was taken by another work: this one is {known.key}.")
                self.cited.append(known)
            known.remarks += [remark for remark in remarks if remark not in known.remarks]

    def _free(self, key: str) -> str:
        taken = {cited.key.lower() for cited in self.cited}
        names = [key, *(key + letter for letter in "bcdefghijklmnopqrstuvwxyz")]
        free = [name for name in names if name.lower() not in taken]
        if not free:
            raise ValueError(f"more than 26 different entries have the key {key!r}")
        return free[0]

    def text(self) -> str:
        """Returns the BibTeX, each entry below its remarks."""
        return "\n".join(
            "".join(f"{comment(remark)}\n" for remark in cited.remarks) + cited.entry.text(cited.key) + "\n"
            for cited in self.cited
        )


def comment(text: str) -> str:
    """Returns a line that BibTeX takes for a comment: it has no mark that begins an entry.

    >>> comment("two\\nlines, me@there")
    '% two lines, me(at)there'
    """
    return f"% {' '.join(text.split())}".replace("@", "(at)")
