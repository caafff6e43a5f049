"""Mistakes of a suite, gathered so that all of them are told at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rsbench.errors import UserError
from rsbench.records.characters import visible

Place = int | str
"""Line of a file, or an option of the command line such as ``--seeds``."""


class Mistakes:
    """Gathers mistakes; the same one at the same place is told once, however many cells it concerns.

    Args:
        file: in which the lines are; empty for the command line.
    """

    def __init__(self, file: str = "") -> None:
        self.file = file
        self._found: dict[tuple[Place, str], str] = {}
        self._closed: set[Place] = set()

    def __len__(self) -> int:
        return len(self._found)

    def add(self, place: Place, message: str, hint: str = "", last: bool = False) -> None:
        """Adds one: the thing and the reason, and the remedy; after the last one of a place no other is added there."""
        if place in self._closed:
            return
        if last:
            self._closed.add(place)
        self._found.setdefault((place, " ".join(message.split())), " ".join(hint.split()))

    @contextmanager
    def at(self, place: Place, about: str = "") -> Iterator[None]:
        """Adds the UserError that what follows raises, and goes on behind it.

        Args:
            place: of the mistake.
            about: what it concerns, before the message.
        """
        try:
            yield
        except UserError as error:
            self.add(place, f"{about}: {error.message}" if about else error.message, error.hint)

    def lines(self) -> list[str]:
        """Returns a line of each mistake, in order of their places."""
        found = sorted(self._found.items(), key=lambda item: (isinstance(item[0][0], str), str(item[0][0]).zfill(9)))
        return [visible(f"{self._where(place)}: {message} {hint}".rstrip()) for (place, message), hint in found]

    def stop(self, what: str) -> None:
        """Raises UserError if there is a mistake.

        Args:
            what: has the mistakes, as the start of a sentence: ``The suite demo``.
        """
        lines = self.lines()
        if lines:
            count = f"{len(lines)} mistakes" if len(lines) > 1 else "a mistake"
            raise UserError("\n  ".join([f"{what} has {count}:", *lines]), "Nothing was run.")

    def _where(self, place: Place) -> str:
        return place if isinstance(place, str) else f"{self.file}:{place}"
