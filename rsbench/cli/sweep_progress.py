"""How a sweep goes, on standard error: a display on a terminal, a line for each change of a cell elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rsbench.cli.sweep_text import (
    cell_line,
    clock,
    closing_summary,
    counts_text,
    eta_text,
    plain,
    progress_text,
    squeezed,
)
from rsbench.ranks import ranks
from rsbench.sweeps.events import State
from rsbench.sweeps.state import CellState, SweepState

__all__ = ["SweepDisplay", "closing_summary"]

HEARTBEAT = 180.0
"""Seconds without a line after which one says what is running."""
_RECENT = 5  # cells that have ended that a display shows at most
_NAMED = 4  # running cells that a heartbeat names
_WIDE = 100  # columns from which on bars are long
_MIDDLE = 80  # columns from which on amounts are shown
_NARROW = 50  # columns below which there is a percentage alone
_TITLE = 12  # columns that a title has at least
_COLOURS = {"done": "green", "failed": "bold red", "interrupted": "yellow"}


class SweepDisplay:
    """Shows a sweep while it runs; use it in a ``with``, and call ``update`` about four times a second.

    Nothing is shown where this is not the first process of a launch. A terminal that goes away, or a full disk under
    the file to which standard error leads, is no reason to end a sweep: what cannot be shown is not.

    Args:
        console: of rich; None is standard error.
        heartbeat: seconds without a line after which one says what is running, where there is no terminal.
        ticks: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        console: Console | None = None,
        heartbeat: float = HEARTBEAT,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console or Console(stderr=True, highlight=False, emoji=False, markup=False)
        self.heartbeat, self.ticks = heartbeat, ticks
        self.main = ranks().first
        self.live: Live | None = None
        self._known: dict[str, State] = {}
        self._recent: deque[CellState] = deque(maxlen=_RECENT)
        self._ended = 0
        self._told = ticks()
        self._note = ""

    def __enter__(self) -> Self:
        # FORCE_COLOR makes rich call any file a terminal; a log must not be full of codes that move a cursor
        given = self.console.file is not sys.stderr
        if self.main and self.console.is_terminal and not self.console.is_dumb_terminal and (given or _on_terminal()):
            self.live = Live(console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop")
            try:
                self.live.start()
            except BaseException:  # Ctrl-C too: the cursor is hidden by now
                self._close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._close()

    def update(self, state: SweepState) -> None:
        """Shows the sweep as it is now; ``state`` is refreshed by the caller."""
        if not self.main:
            return
        changed = self._changes(state)
        with suppress(OSError):
            if self.live is not None:
                self._recent.extend(one for one in changed if one.ended or one.state == "interrupted")
                options = self.console.options
                size = options.max_width, self.console.height
                view = frame(state, self._recent, *size, not options.ascii_only, self._note)
                self.live.update(view, refresh=True)
            else:
                self._print(state, changed)

    def note(self, text: str) -> None:
        """Says something about the sweep as a whole, such as that it stops: in the first line from the next update on.

        Elsewhere than on a terminal it is a line of its own.
        """
        if not self.main:
            return
        self._note = plain(text)
        if self.live is None:
            with suppress(OSError):
                print(self._note, file=self.console.file, flush=True)

    def _changes(self, state: SweepState) -> list[CellState]:
        """Returns the cells that are in another state than at the last update, in the order in which it changed."""
        changed = [one for key, one in state.cells.items() if one.state != self._known.get(key, "waiting")]
        self._known.update((one.cell.key, one.state) for one in changed)
        return sorted(changed, key=lambda one: one.since or 0.0)

    def _print(self, state: SweepState, changed: Iterable[CellState]) -> None:
        new = {one.cell.key for one in changed if one.ended}
        self._ended = state.ended - len(new)
        for one in changed:
            self._ended += one.cell.key in new
            self._line(state, cell_line(one))
        if self.ticks() - self._told >= self.heartbeat:
            self._line(state, _heartbeat(state))

    def _line(self, state: SweepState, text: str) -> None:
        total = len(state.cells)
        self._told = self.ticks()
        print(f"[{self._ended:>{len(str(total))}}/{total}] {text}", file=self.console.file, flush=True)

    def _close(self) -> None:
        live, self.live = self.live, None
        if live is not None:
            try:
                with suppress(OSError):
                    live.stop()
            finally:  # a second Ctrl-C while the first one is seen to
                with suppress(OSError):
                    self.console.show_cursor(True)


def frame(
    state: SweepState, recent: Iterable[CellState], width: int, height: int, unicode: bool = True, note: str = ""
) -> Group:
    """Returns what a terminal shows: two lines of the whole, a row for each running cell, the last that have ended.

    Args:
        state: of the sweep.
        recent: cells that have ended, the last one last.
        width, height: of the terminal; one line of it stays free, for the cursor.
        unicode: whether it can show more than ASCII.
        note: stands first, in place of the time that is left.
    """
    overflow: Any = "ellipsis" if unicode else "crop"
    running, ended = state.running(), list(recent)
    room = max(0, height - 3)
    shown = min(len(ended), max(room - len(running), int(room >= 4)), _RECENT)
    rows = room - shown
    hidden = len(running) - rows if len(running) > rows else 0
    if hidden:
        hidden += 1  # the row that says so takes the place of one
        rows = max(0, rows - 1)
    now = time.time()
    left = "" if note else eta_text(state)
    told = ", ".join(part for part in (plain(state.folder.engine), left) if part)
    if left and width - cell_len(told) - 2 < _TITLE:
        told = left
    title = squeezed(plain(state.folder.title), max(_TITLE, width - cell_len(told) - 2))
    lines = [
        Text(" ".join(part for part in (note, f"{title}, {told}") if part), style="bold"),
        Text(counts_text(state), style="red" if state.counts["failed"] else ""),
    ][: max(1, height - 1)]
    below = [Text(f"... and {hidden} more running", style="dim")] if hidden and room else []
    below += [Text(cell_line(one, width), style=_COLOURS.get(one.state, "")) for one in ended[len(ended) - shown :]]
    for line in (*lines, *below):
        line.no_wrap, line.overflow = True, overflow
    table = _rows(state, running[:rows], width, overflow, now)
    return Group(*lines, table, *below) if running[:rows] else Group(*lines, *below)


def _rows(state: SweepState, running: list[CellState], width: int, overflow: Any, now: float) -> Table:
    """A row for each running cell: name, seed, bar, amount, note and clock, as far as there is room for them."""
    bar_width = 20 if width >= _WIDE else 6
    amounts, narrow = width >= _MIDDLE, width < _NARROW
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(ratio=2, no_wrap=True, overflow=overflow)
    table.add_column(no_wrap=True)
    if not narrow:
        table.add_column(width=bar_width)
    if amounts or narrow:
        table.add_column(no_wrap=True, justify="right")
    if not narrow:
        table.add_column(ratio=1, no_wrap=True, overflow=overflow)
        table.add_column(no_wrap=True, justify="right")
    for one in running:
        name, _, seed = plain(one.cell.name).rpartition(" seed ")
        report = one.progress
        done, total = (report.done, report.total) if report and report.total > 0 else (0, 0)
        row: list[RenderableType] = [
            Text(name if width >= _MIDDLE else _shortened(name, seed, width)),
            Text(f"seed {seed}"),
        ]
        if narrow:
            row.append(Text(f"{100 * done // total} %" if total else ""))
        else:
            row.append(ProgressBar(total=max(total, 1), completed=done, width=bar_width))
            row += [Text(f"{done}/{total}" if total else "")] if amounts else []
            row += [Text(plain(report.note) if report else ""), Text(clock(one.elapsed(now)))]
        table.add_row(*row)
    return table


def _shortened(name: str, seed: str, width: int) -> str:
    """A name without its middle, beside seed and percentage; beside bar, note and clock it has two thirds."""
    return squeezed(name, max(9, width - len(seed) - 13 if width < _NARROW else 2 * (width - len(seed) - 24) // 3))


def _heartbeat(state: SweepState) -> str:
    """What runs, in one line."""
    running = state.running()
    named = [f"{plain(one.cell.name)} {progress_text(one)}".strip() for one in running[:_NAMED]]
    more = [f"{len(running) - _NAMED} more"] if len(running) > _NAMED else []
    told = "; ".join([*named, *more]) or "nothing"
    return ", ".join(part for part in (f"running: {told}", eta_text(state)) if part)


def _on_terminal() -> bool:
    try:
        return sys.stderr.isatty()
    except ValueError:  # closed
        return False
