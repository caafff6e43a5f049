"""A run, from what was asked to the record that it leaves; the same for every kind of task."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from rsbench import __version__
from rsbench.environment import environment
from rsbench.errors import RunError, UserError, near_miss
from rsbench.method import Method
from rsbench.records import Record, Store, run_id, utc_now
from rsbench.task import Protocol, Task

# The evaluation of each kind of task: evaluate(request, seeds) yields (seed, Outcome or RunError).
EVALUATIONS = {"classification": "rsbench.probing.evaluate:evaluate"}
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be evaluated, and on what it is computed.

    Args:
        method, variant: from the registry.
        task, protocol: from the registry; the protocol with the user's changes.
        changed: the settings of the protocol that the user changed.
        dataset: what the task's reader returned.
        split: the SplitList.
        data: ``real`` or ``demo``.
        checkpoint: the user's file in place of the method's own source.
        precision: ``fp32`` or ``bf16``.
        device: of torch.
        batch_size: images at once where it does not change the result beyond rounding.
        use_cache: read and write cached features.
        report: called with (done, all) while images are embedded or trained on.
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
    precision: str = "fp32"
    device: str = "cpu"
    batch_size: int = 64
    use_cache: bool = True
    report: Callable[[int, int], Any] = lambda done, total: None

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UserError(f"There is no precision {self.precision!r}.", near_miss(self.precision, PRECISIONS))
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


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation gives for one seed.

    Attributes:
        metrics: percent, by ``<part>/<name>``.
        intervals: 95 %, percent.
        predictions: columns of the table of per-item predictions.
        selected: hyper-parameters that were chosen.
        flags: sentences that belong beside the number.
        weights: digest and source of the weights.
        timings: seconds by stage.
        cost: parameters, operations, throughput, memory.
        extra: what else the number depends on.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    predictions: dict[str, list[Any]]
    selected: dict[str, Any]
    flags: list[str]
    weights: dict[str, Any]
    timings: dict[str, float]
    cost: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)


def run(
    request: Request, seeds: Sequence[int], store: Store, arguments: Mapping[str, Any], command: str
) -> Iterator[tuple[Record, Path]]:
    """Evaluates, and yields the record of each seed with the folder that it was written to.

    A seed that fails leaves a record that says why; an interruption leaves one too, and goes on to the caller.
    """
    module, _, function = EVALUATIONS.get(request.task.kind, "").partition(":")
    if not module:
        raise UserError(
            f"Tasks of the kind {request.task.kind!r} cannot be evaluated yet.", f"Known: {', '.join(EVALUATIONS)}."
        )
    evaluate = getattr(import_module(module), function)
    waiting = list(seeds)
    started = utc_now()
    try:
        for seed, outcome in evaluate(request, seeds):
            waiting.remove(seed)
            record = make_record(request, seed, outcome, arguments, command, started)
            started = utc_now()
            yield record, _write(store, record, outcome)
    except KeyboardInterrupt:
        if waiting:
            record = make_record(request, waiting[0], None, arguments, command, started)
            store.write(record)
        raise


def make_record(
    request: Request,
    seed: int,
    outcome: Outcome | RunError | None,
    arguments: Mapping[str, Any],
    command: str,
    started: str,
) -> Record:
    """Makes the record of one seed from its outcome; None stands for an interruption."""
    done = isinstance(outcome, Outcome)
    weights = request.method.weights(request.variant)
    settings = dict(request.protocol.settings)
    digests = outcome.weights if isinstance(outcome, Outcome) else {}
    identity = {
        "method": request.method_id,
        "weights": digests.get("digest", str(request.checkpoint or weights.source)),
        "architecture": weights.architecture_name,
        "kwargs": dict(weights.kwargs),
        "preprocess": asdict(weights.preprocess),
        "input_size": request.input_size,
        "task": request.task.name,
        "images": request.dataset.fingerprint,
        "split": request.split.sha256,
        "protocol": request.protocol.name,
        "solver": request.protocol.solver,
        "settings": settings,
        "seed": seed,
        "precision": request.precision,
        "device": request.device.partition(":")[0],
        "rsbench": __version__,
        **(outcome.extra if isinstance(outcome, Outcome) else {"status": "not done"}),
    }
    reason = None
    if isinstance(outcome, RunError):
        reason = f"{outcome.message} {outcome.hint}".strip()
    elif outcome is None:
        reason = "Interrupted."
    return Record(
        id=run_id(identity),
        status="done" if done else "interrupted" if outcome is None else "failed",
        reason=reason,
        method=request.method_id,
        title=request.method.row_title(request.variant),
        task=request.task.name,
        kind=request.task.kind,
        protocol=request.protocol.name,
        settings=settings,
        changed=dict(request.changed),
        split=request.split.name,
        data=request.data,  # type: ignore[arg-type]
        dataset={
            "fingerprint": request.dataset.fingerprint,
            "split_sha256": request.split.sha256,
            "counts": dict(request.split.counts),
            "classes": len(request.dataset.classes),
        },
        seed=seed,
        precision=request.precision,
        input_size=request.input_size,
        metrics=outcome.metrics if isinstance(outcome, Outcome) else {},
        intervals=outcome.intervals if isinstance(outcome, Outcome) else {},
        selected=outcome.selected if isinstance(outcome, Outcome) else {},
        flags=[*flags(request), *(outcome.flags if isinstance(outcome, Outcome) else ())],
        weights={"architecture": weights.architecture_name, "kwargs": dict(weights.kwargs), **digests},
        preprocess=asdict(weights.preprocess),
        arguments={"given": dict(arguments), "resolved": {**settings, "precision": request.precision, "seed": seed}},
        identity=identity,
        timings=outcome.timings if isinstance(outcome, Outcome) else {},
        cost=outcome.cost if isinstance(outcome, Outcome) else {},
        environment=environment(),
        command=command,
        started=started,
        finished=utc_now(),
    )


def flags(request: Request) -> list[str]:
    """What must stand beside every number of this request: demo scenes, re-implementation, contamination."""
    weights = request.method.weights(request.variant)
    result = []
    if request.data == "demo":
        result.append("demo scenes")
    if request.method.reimplemented:
        result.append("re-implemented")
    if request.checkpoint is not None:
        result.append("checkpoint of the user: its pretraining data are unknown to rsbench")
    elif request.data == "real":
        seen = [name for name in weights.pretraining_data if name.split("/")[0] == request.task.name]
        result += [f"pretrained on {name} images" for name in seen]
    return result


def _write(store: Store, record: Record, outcome: Outcome | RunError) -> Path:
    if not isinstance(outcome, Outcome):
        return store.write(record)
    import pyarrow

    return store.write(record, pyarrow.table(outcome.predictions))


def peak_memory() -> int:
    """Peak resident memory of this process so far, in MiB."""
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1024 if sys.platform != "darwin" else 1024**2))
