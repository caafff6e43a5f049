"""A run, from what was asked to the record that it leaves; the same for every kind of task."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from rsbench.environment import environment
from rsbench.errors import UserError
from rsbench.ranks import ranks
from rsbench.records import Record, Store, run_id, utc_now
from rsbench.request import Failure, Outcome, Request

# The module that evaluates each kind of task: evaluate(request, seeds) yields (seed, Outcome or Failure), and
# depends(request, processes) returns what else the numbers depend on.
EVALUATIONS = {
    "classification": "rsbench.probing.evaluate",
    "segmentation": "rsbench.segmentation.evaluate",
    "detection": "rsbench.detection.evaluate",
    "instance-segmentation": "rsbench.detection.evaluate",
}


def run(
    request: Request, seeds: Sequence[int], store: Store, arguments: Mapping[str, Any], command: str
) -> Iterator[tuple[Record, Path]]:
    """Evaluates, and yields the record of each seed with the folder that it was written to.

    A seed that fails leaves a record that says why; an interruption leaves one too, and goes on to the caller.
    Of several processes that torchrun or srun started, all evaluate; the first one writes, the others yield nothing.

    Raises:
        UserError: something that the user can put right; no record is left.
        KeyboardInterrupt: after the record of the interrupted seed is written.
    """
    module = evaluation_of(request.task.kind)
    first = ranks().first
    started = utc_now()
    for seed, outcome in module.evaluate(request, seeds):
        written = None
        if first:
            record = make_record(request, seed, outcome, arguments, command, started)
            started = utc_now()
            folder = write_record(store, record, outcome)
            stored = store.read(record.id)  # with its digests; one that is done keeps its place before one that is not
            written = stored if stored.started == record.started else record, folder
        if outcome.status == "interrupted":
            raise KeyboardInterrupt
        if written:
            yield written


def evaluation_of(kind: str) -> Any:
    """Returns the module that evaluates tasks of a kind; UserError if there is none."""
    if kind not in EVALUATIONS:
        raise UserError(f"Tasks of the kind {kind!r} cannot be evaluated yet.", f"Known: {', '.join(EVALUATIONS)}.")
    return import_module(EVALUATIONS[kind])


def make_record(
    request: Request,
    seed: int,
    outcome: Outcome | Failure,
    arguments: Mapping[str, Any],
    command: str,
    started: str,
) -> Record:
    """Makes the record of one seed from what came out of it."""
    weights = request.method.weights(request.variant)
    settings = dict(request.protocol.settings)
    kwargs = outcome.weights.get("kwargs", dict(weights.kwargs))
    identity = request.identity(seed, outcome.weights, outcome.extra)
    resolved = {**settings, "precision": request.precision, "seed": seed}
    assumed = {"assumed": list(request.protocol.assumed)} if request.protocol.assumed else {}
    measured: dict[str, Any] = {}
    if isinstance(outcome, Outcome):
        names = ("metrics", "intervals", "selected", "timings", "cost", "history")
        measured = {name: getattr(outcome, name) for name in names}
    return Record(
        id=run_id(identity),
        status=outcome.status,  # type: ignore[arg-type]
        reason=outcome.reason if isinstance(outcome, Failure) else None,
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
        flags=[*flags(request), *(outcome.flags if isinstance(outcome, Outcome) else ())],
        weights={"architecture": weights.architecture_name, "kwargs": kwargs, **outcome.weights},
        preprocess=weights.preprocess.facts(),
        arguments={"given": dict(arguments), "resolved": resolved, **assumed},
        identity=identity,
        environment=environment(),
        command=command,
        started=started,
        finished=utc_now(),
        **measured,
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
        return result
    seen = [name.partition("/")[2] for name in weights.pretraining_data if name.split("/")[0] == request.task.name]
    title = request.task.title
    if seen and request.data == "real":
        result += [f"pretrained on {title} {part} images".replace("  ", " ") for part in seen]
        if title in weights.note:  # it would say the same again
            return result
    return [*result, weights.note.rstrip(".")] if weights.note else result


def write_record(store: Store, record: Record, outcome: Outcome | Failure) -> Path:
    """Writes the record of an outcome with its predictions; returns its folder."""
    if not isinstance(outcome, Outcome):
        return store.write(record)
    predictions: Any = outcome.predictions
    if not isinstance(predictions, Path):
        import pyarrow

        predictions = pyarrow.table(predictions)
    folder = store.write(record, predictions, outcome.attachments)
    if outcome.scratch is not None:
        shutil.rmtree(outcome.scratch, ignore_errors=True)  # what cannot be removed spoils no number
    return folder
