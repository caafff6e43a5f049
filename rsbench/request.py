"""What goes into an evaluation and what comes out of it; the same for every kind of task."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rsbench import __version__
from rsbench.errors import UserError, near_miss
from rsbench.method import Method
from rsbench.task import Protocol, Task

PRECISIONS = ("fp32", "bf16")
WORK = ".training"  # in the folder of all runs: checkpoints of those that are not finished


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be evaluated, and on what it is computed.

    Args:
        method, variant: from the registry.
        task, protocol: from the registry; the protocol with the user's changes.
        changed: the settings that the user changed: of the protocol, ``backbone.NAME`` and ``preprocess``.
        dataset: what the task's reader returned.
        split: the SplitList.
        data: ``real`` or ``demo``.
        checkpoint: the user's file in place of the method's own source.
        accept_licence: the user accepts the terms of the method's own weights.
        precision: ``fp32`` or ``bf16``.
        device: of torch.
        batch_size: images at once where it does not change the result beyond rounding; None is the usual one.
        use_cache: read and write cached features.
        report: called with (done, all) while images are embedded or trained on, and with a note such as
            ``epoch 3/50, loss 0.21`` where there is one.
        work: folder for the checkpoints and the scratch of runs that train, so that a killed one can be continued;
            None is a temporary folder, which nothing can be continued from.
        pictures: how many of the reported items are drawn beside truth and prediction, where the kind has such.
        fresh: start anew although ``work`` holds a checkpoint of the same run.
    """

    method: Method
    variant: str
    task: Task
    protocol: Protocol
    dataset: Any
    split: Any
    data: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: Path | None = None
    accept_licence: bool = False
    precision: str = "fp32"
    device: str = "cpu"
    batch_size: int | None = None
    use_cache: bool = True
    report: Callable[..., Any] = lambda done, total, note="": None
    work: Path | None = None
    pictures: int = 0
    fresh: bool = False

    def __post_init__(self) -> None:
        check_precision(self.precision)
        if self.pictures < 0:
            raise UserError(f"{self.pictures} pictures cannot be drawn.", "Give 0 or more.")
        size = self.protocol.settings.get("image_size", 0)
        if not isinstance(size, int) or size < 0 or 0 < size < 32:
            raise UserError(f"image_size={size} is no input size.", "Give at least 32 px, or 0 for the method's own.")

    @property
    def method_id(self) -> str:
        """``method/variant``."""
        return f"{self.method.name}/{self.variant}"

    @property
    def input_size(self) -> int:
        """Side of the input in pixels."""
        chosen = self.protocol.settings.get("image_size", 0)
        assert isinstance(chosen, int)  # checked above
        return chosen or self.method.weights(self.variant).preprocess.size

    def identity(self, seed: int, about: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
        """Returns all that can change the number of one seed: what its run id is the digest of.

        Args:
            seed: of everything random.
            about: digest and arguments of the weights, as an Outcome has them.
            extra: what else the number depends on, likewise.
        """
        weights = self.method.weights(self.variant)
        return {
            "method": self.method_id,
            "weights": about.get("digest"),
            "architecture": weights.architecture_name,
            "kwargs": about.get("kwargs", dict(weights.kwargs)),
            "preprocess": weights.preprocess.facts(),
            "input_size": self.input_size,
            "task": self.task.name,
            "images": self.dataset.fingerprint,
            "split": self.split.sha256,
            "protocol": self.protocol.name,
            "solver": self.protocol.solver,
            "settings": dict(self.protocol.settings),
            "seed": seed,
            "precision": self.precision,
            "device": self.device.partition(":")[0],
            "rsbench": __version__,
            **extra,
        }

    def check_task(self, known: Collection[str]) -> tuple[str, ...]:
        """Returns the parts to report: those of the task that the split has.

        Args:
            known: the metrics that the evaluation gives.

        Raises:
            UserError: there is no part, the one to train on is missing, or the task wants a metric that is not known.
        """
        task, parts = self.task, self.dataset.parts
        for metric in task.metrics:
            if metric not in known:
                raise UserError(f"Task {task.name!r} wants the metric {metric!r}.", near_miss(metric, known))
        reported = tuple(part for part in task.report if part in parts)
        if task.train not in parts or not reported:
            raise UserError(
                f"The split {self.split.name!r} has the parts {', '.join(parts)}; {task.name!r} trains on "
                f"{task.train} and reports on {', '.join(task.report)}.",
                "Choose another split.",
            )
        return reported

    def check_size(self, multiple: int) -> None:
        """Raises a UserError unless the input size is a multiple of ``multiple`` pixels."""
        if self.input_size % multiple:
            raise UserError(
                f"{self.method_id} takes sides that are multiples of {multiple} px, not {self.input_size}.",
                "Change it with --set image_size=N.",
            )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation gives for one seed.

    Attributes:
        metrics: percent, by ``<part>/<name>``.
        intervals: 95 %, percent.
        predictions: the table of per-item predictions: its columns, or a finished Parquet file, which is moved into
            the folder of the run.
        selected: hyper-parameters that were chosen.
        flags: sentences that belong beside the number.
        weights: digest and source of the weights.
        timings: seconds by stage.
        cost: parameters, operations, throughput, memory.
        extra: what else the number depends on.
        attachments: files and folders that are copied into the folder of the run, by their names there
            (``pictures``, ``log.jsonl``).
        history: mean losses of each epoch, where something was trained epoch by epoch.
        scratch: a folder that is removed when the record is safely written, and only then.
    """

    status = "done"
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    predictions: dict[str, list[Any]] | Path
    selected: dict[str, Any]
    flags: list[str]
    weights: dict[str, Any]
    timings: dict[str, float]
    cost: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)
    attachments: dict[str, Path] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    scratch: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A seed that gave no number.

    Attributes:
        reason: why.
        status: ``failed`` or ``interrupted``.
        weights, extra: as of an Outcome, so that a later success replaces the record of this failure.
    """

    reason: str
    status: Literal["failed", "interrupted"] = "failed"
    weights: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


def check_precision(precision: str) -> None:
    """Raises UserError if there is no such precision."""
    if precision not in PRECISIONS:
        raise UserError(f"There is no precision {precision!r}.", near_miss(precision, PRECISIONS))


def peak_memory() -> int:
    """Peak resident memory of this process so far, in MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2))
