"""Progress on standard error: a bar on a terminal, a line per epoch in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rsbench.ranks import ranks

LOSSES = ("loss", "L_Re", "L_Pr", "L_Cc")


class PretrainingProgress:
    """Shows epoch, losses and images per second of a pretraining run.

    Args:
        epochs: of the run.
        steps: optimiser steps per epoch.
        batch_size: images per step, over all devices.
    """

    def __init__(self, epochs: int, steps: int, batch_size: int) -> None:
        self.epochs, self.steps, self.batch_size = epochs, steps, batch_size
        self.main = ranks().first
        self.console = Console(stderr=True)
        self.bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.main,
        )
        self.task: Any = None
        self.rate = 0.0
        self.sums: dict[str, float] = {}
        self.started = time.perf_counter()

    def __enter__(self) -> Self:
        if self.console.is_terminal and self.main:
            self.bar.start()
            self.task = self.bar.add_task("", total=self.epochs * self.steps, epoch="1", losses="")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.bar.stop()

    def __call__(self, position: Any, values: Mapping[str, float]) -> None:
        now = self.batch_size / max(values["seconds"], 1e-9)
        self.rate = now if not self.rate else 0.9 * self.rate + 0.1 * now
        if self.task is not None:
            self.bar.update(
                self.task,
                completed=position.total,
                epoch=f"{position.epoch + 1}/{self.epochs}",
                losses=f"{self._losses(values)}  {self.rate:,.0f} images/s",
            )
        for name in LOSSES:
            if name in values:
                self.sums[name] = self.sums.get(name, 0.0) + values[name]
        self.sums["count"] = self.sums.get("count", 0) + 1
        if position.step == self.steps and self.main and self.task is None:
            count = self.sums.pop("count")
            means = {name: value / count for name, value in self.sums.items()}
            line = f"epoch {position.epoch + 1}/{self.epochs}  {self._losses(means)}  {self.rate:,.0f} images/s"
            print(line, file=sys.stderr, flush=True)
            self.sums = {}

    @staticmethod
    def _losses(values: Mapping[str, float]) -> str:
        return "  ".join(f"{name} {values[name]:.4f}" for name in LOSSES if name in values)


class EvaluationProgress:
    """Shows how many images or steps of how many are done; notes alone where standard error is no terminal.

    Args:
        title: before the bar.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.main = ranks().first
        self.console = Console(stderr=True)
        self.bar: Progress | None = None
        self.task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.pause()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        if not self.main:
            return
        if not self.console.is_terminal:
            if note:
                print(note, file=sys.stderr, flush=True)
            return
        if self.bar is None:
            columns = (TextColumn(self.title), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
            self.bar = Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True)
            self.task = self.bar.add_task("", total=total, note="")
            self.bar.start()
        self.bar.update(self.task, completed=done, total=total)
        if note:
            self.bar.update(self.task, note=note)

    def pause(self) -> None:
        """Takes the bar away before something is printed."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
