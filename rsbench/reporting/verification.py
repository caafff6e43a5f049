"""Whether records say what their runs left: every metric once more from the stored predictions."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from rsbench.errors import UserError
from rsbench.metric_names import BOXES
from rsbench.records import Record, Store
from rsbench.reporting.intervals import Predictions

_AGREE = 1e-6  # percentage points; the same arithmetic gives the same digits, another library the same but for the last


@dataclass(frozen=True)
class Verified:
    """What came of one run.

    Args:
        run: id.
        agreeing: metrics that the predictions give, as the record has them.
        unverified: metrics that nothing in the folder gives.
        faults: what is wrong, a sentence each, without a full stop.
    """

    run: str
    agreeing: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def verify(store: Store, runs: Collection[str] = ()) -> Iterator[Verified]:
    """Computes the metrics of runs again; digests of records and predictions are checked as they are read.

    Top-1 and mean class accuracy come from labels and predictions of items, scores of segmentation from the confusion
    of each tile, AP and AR from the matches of the detections and, over all classes, once more from the boxes and
    masks in the folder ``coco``. Intervals are not drawn again.

    Args:
        store: of runs.
        runs: ids; all that can be trusted if none are given.

    Yields:
        One for each run that is done, in the order in which they were started.

    Raises:
        UserError: one of ``runs`` is not there, or the store contradicts it.
    """
    records = [store.trusted(run) for run in runs] if runs else list(store)
    for record in records:
        if record.status == "done":
            yield _verified(store, record)


def _verified(store: Store, record: Record) -> Verified:
    found: dict[str, list[tuple[str, float]]] = {}
    faults = []
    predictions = Predictions(store)
    for part in sorted({key.partition("/")[0] for key in record.metrics}):
        try:
            for source, name, value in _of_part(store, predictions, record, part):
                found.setdefault(f"{part}/{name}", []).append((source, value))
        except UserError as error:
            faults.append(error.message.rstrip("."))
    agreeing = []
    for key, values in found.items():
        if key not in record.metrics:
            continue
        own = record.metrics[key]
        wrong = [(source, value) for source, value in values if not abs(value - own) <= _AGREE]
        faults += [f"{key} is {own:.6f} in the record and {value:.6f} by {source}" for source, value in wrong]
        agreeing += [] if wrong else [key]
    unverified = tuple(key for key in record.metrics if key not in found)
    return Verified(record.id, tuple(agreeing), unverified, tuple(dict.fromkeys(faults)))


def _of_part(store: Store, predictions: Predictions, record: Record, part: str) -> Iterator[tuple[str, str, float]]:
    """Yields (where from, name of the metric, value in percent) of all that the run left of a part."""
    if record.kind == "classification":
        yield from _of_labels(store, record.id, part)
    names = [key.partition("/")[2] for key in record.metrics if key.startswith(f"{part}/")]
    for name in names:
        if predictions.has(record.id, name):
            values = predictions.values(record.id, part, name)
            if values is not None:
                yield "the mean over items", name, float(values[1].mean())
    for boxes in (False, True):
        scored = predictions.scores([record.id], part, boxes)
        if scored is not None:
            what = "the confusion of tiles" if record.kind == "segmentation" else "the matches of detections"
            yield from ((what, name, 100 * value) for name, value in scored[0][0].items())
    yield from _of_coco(store.root / record.id / "coco", record, part)


def _of_labels(store: Store, run: str, part: str) -> Iterator[tuple[str, str, float]]:
    table = store.predictions(run, ["part", "item", "label", "prediction"])
    if table is None or not {"label", "prediction"} <= set(table.column_names):
        return
    import numpy as np

    rows = np.array(table["part"].to_pylist()) == part
    if not rows.any():
        return
    label, predicted = (np.array(table[name].to_pylist())[rows] for name in ("label", "prediction"))
    right = label == predicted
    recalls = [right[label == one].mean() for one in np.unique(label)]
    yield "labels and predictions", "top1", 100 * float(right.mean())
    yield "labels and predictions", "mean_class_accuracy", 100 * float(np.mean(recalls))


def _of_coco(folder: Path, record: Record, part: str) -> Iterator[tuple[str, str, float]]:
    truth = folder / f"{part}-truth.json"
    if not truth.is_file():
        return
    from rsbench.detection.recount import recount

    masks = record.kind == "instance-segmentation"
    for kind, head in (("bbox", BOXES if masks else ""), ("segm", "")):
        results = folder / f"{part}-{kind}.json"
        if not results.is_file():
            continue
        try:
            values = recount(truth, results, kind, int(record.settings.get("max_dets", 100)))  # type: ignore[arg-type]
        except (OSError, ValueError) as error:
            raise UserError(
                f"The COCO files of run {record.id} cannot be scored: {error}", "Make the run again."
            ) from None
        yield from ((f"coco/{results.name}", head + name, 100 * value) for name, value in values.items())
