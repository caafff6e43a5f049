"""From records to measured values: what may be averaged, what is shown, what must be said beside it.

Records share a *place* if task, protocol, changed settings and split are equal, and the split is the same list of the
same images; a place and a part make a column.
Within a place, the records of one subject (a method, or a method with a checkpoint of the user's) whose identities
differ in nothing but the seed are averaged. Where there are others (other weights, precision, device, number of
processes, version), the newest stand alone and the footnote names what was left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from rsbench.errors import UserError
from rsbench.records import Record, canonical_json
from rsbench.reporting.changes import change_names
from rsbench.reporting.intervals import Predictions, interval_over_items
from rsbench.reporting.versions import version, version_names


@dataclass(frozen=True, order=True)
class Place:
    """Where a value belongs: values of different places are never compared.

    Args:
        task, protocol, split: names.
        version: which list and images of the split, where the records have several; else empty.
        changed: the settings changed from the protocol's own, as ``key=value, ...``; empty for the plain protocol. Of
            other changes that read the same it ends with the start of a digest.
        size: input size in pixels, where one subject was measured at several; None where every one has one.
    """

    task: str
    protocol: str
    split: str
    version: str = ""
    changed: str = ""
    size: int | None = None


class Subject(NamedTuple):
    """What was measured: the records of one subject make one row.

    Args:
        data: ``real`` or ``demo``.
        method: ``method/variant``.
        checkpoint: start of the digest of the user's weights, where they took the place of weights that the method
            has itself: such a number is not one of the method. Else empty.
    """

    data: str
    method: str
    checkpoint: str = ""

    @property
    def variant(self) -> str:
        """An id that differs from the method's own if the weights do."""
        return f"{self.method}@{self.checkpoint}" if self.checkpoint else self.method


def subject(record: Record) -> Subject:
    """Returns what a record is about."""
    given = record.weights.get("source") == "checkpoint"
    checkpoint = str(record.weights.get("digest") or "unknown")[:8] if given else ""
    return Subject(record.data, record.method, checkpoint)


@dataclass(frozen=True)
class Measurement:
    """The value of one method in one column.

    Args:
        status: ``done``, ``failed`` or ``interrupted``.
        mean: over seeds, in percent; None if not done.
        low, high: 95 % interval over items, in percent; None where it is not known.
        sd: over seeds, in percentage points; None for a single seed.
        seeds: those averaged.
        size: of the input in pixels.
        runs: ids, one per seed (of a failed cell: of the runs that failed).
        remarks: sentences for the footnote, without a full stop.
        precision: of the backbone's arithmetic, ``fp32`` or ``bf16``.
        commands: that make the runs again, each once; one may have made several seeds.
        reason: why it is not done, without a full stop; else empty.
        counts: items by part of the split; empty where the runs do not say.
        policies: of the dataset, such as the size of its tiles; empty where it has none.
        split_sha256, fingerprint: of the split list and of the images; empty where the runs do not say.
    """

    status: str
    mean: float | None
    low: float | None
    high: float | None
    sd: float | None
    seeds: tuple[int, ...]
    size: int | None
    runs: tuple[str, ...]
    remarks: tuple[str, ...]
    precision: str = "fp32"
    commands: tuple[str, ...] = ()
    reason: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    policies: Mapping[str, Any] = field(default_factory=dict)
    split_sha256: str = ""
    fingerprint: str = ""


@dataclass
class Group:
    """All records of one subject in one place."""

    records: list[Record] = field(default_factory=list)

    def measure(self, predictions: Predictions, part: str, metric: str) -> Measurement | None:
        """Returns what the group says about one metric, or None if it says nothing.

        Args:
            predictions: of the runs, for the per-item values that an interval over seeds needs.
            part: of the split.
            metric: name without the part.
        """
        key = f"{part}/{metric}"
        done = [record for record in self.records if record.status == "done" and key in record.metrics]
        other = [record for record in self.records if record.status != "done"]
        if not done:
            return None if len(other) < len(self.records) else _failed(other)
        comparable: dict[str, list[Record]] = {}
        for record in done:
            comparable.setdefault(all_but_seed(record), []).append(record)
        newest = max(comparable.values(), key=lambda records: max(map(_age, records)))
        by_seed = {record.seed: record for record in sorted(newest, key=_age)}
        chosen = [by_seed[seed] for seed in sorted(by_seed)]
        used = {record.id for record in chosen}
        left_out = sorted((record for record in done if record.id not in used), key=_age)
        remarks = [*_common_flags(chosen)]
        if chosen[0].precision != "fp32":
            remarks.append(f"precision {chosen[0].precision}")
        if left_out:
            ids = ", ".join(record.id for record in left_out)
            remarks.append(f"newest of several runs; left out: {ids}")
        for record in sorted(other, key=_age):
            if record.seed not in by_seed:
                remarks.append(f"{_why(record)} (run {record.id})")
        from rsbench.statistics import seed_summary

        summary = seed_summary([record.metrics[key] for record in chosen])
        try:
            interval = interval_over_items(predictions, chosen, part, metric)
            lacks = "" if interval else _no_interval(chosen, key)
        except UserError as error:  # unreadable predictions leave the number and take the interval
            interval, lacks = None, f"no interval: {error.message}"
        if lacks:
            remarks.append(_open_ended(lacks))
        low, high = interval or (None, None)
        runs = tuple(record.id for record in chosen)
        return Measurement(
            "done", summary.mean, low, high, summary.sd, tuple(sorted(by_seed)), chosen[0].input_size, runs,
            tuple(remarks), **_shared(chosen),
        )  # fmt: skip


def _failed(records: Sequence[Record]) -> Measurement | None:
    if not records:
        return None
    latest = {record.seed: record for record in sorted(records, key=_age)}
    chosen = [latest[seed] for seed in sorted(latest)]
    status = "failed" if any(record.status == "failed" for record in chosen) else "interrupted"
    reason = next(_open_ended(record.reason or "") for record in chosen if record.status == status)
    return Measurement(
        status, None, None, None, None, tuple(sorted(latest)), chosen[0].input_size,
        tuple(record.id for record in chosen), (*_common_flags(chosen), *map(_why, chosen)), reason=reason,
        **_shared(chosen),
    )  # fmt: skip


def _shared(records: Sequence[Record]) -> dict[str, Any]:
    """Returns what all of the runs have in common, and how each is made again."""
    first = records[0]
    policies = first.selected.get("data")
    return {
        "precision": first.precision,
        "commands": tuple(dict.fromkeys(record.command for record in records if record.command)),
        "counts": dict(first.dataset.get("counts") or {}),
        "policies": dict(policies) if isinstance(policies, Mapping) else {},
        "split_sha256": str(first.dataset.get("split_sha256") or ""),
        "fingerprint": str(first.dataset.get("fingerprint") or ""),
    }


def _no_interval(records: Sequence[Record], key: str) -> str:
    """Says why where that is known: images were drawn again, and too many draws lacked a class that all images have."""
    few = any(record.selected.get("draws") and key not in record.intervals for record in records)
    return "no interval: too few images hold each class" if few else "no interval"


def _why(record: Record) -> str:
    return f"seed {record.seed} {record.status}: {_open_ended(record.reason or '')}"


def _open_ended(text: str) -> str:
    """Returns a remark without its full stop: others may follow, and the footnote has one at its end."""
    return text.rstrip(". \n")


def _age(record: Record) -> tuple[str, str]:
    return record.finished, record.id


def all_but_seed(record: Record) -> str:
    """Returns what two runs must share to be averaged over seeds, as text: all that can change the number."""
    source = record.weights.get("source")
    kind = source.get("kind") if isinstance(source, dict) else source
    # weights drawn from the seed differ with it, and are meant to
    own = {"seed", "weights"} if kind == "random" else {"seed"}
    return canonical_json({key: value for key, value in record.identity.items() if key not in own})


def _common_flags(records: Sequence[Record]) -> list[str]:
    """Returns every flag of the records once; one that not all seeds have is told with its seeds."""
    seeds: dict[str, list[int]] = {}
    for record in records:
        for flag in record.flags:
            seeds.setdefault(_open_ended(flag), []).append(record.seed)
    return [
        flag if len(having) == len(records) else f"{flag} (seed {', '.join(map(str, having))})"
        for flag, having in seeds.items()
    ]


def places(records: Iterable[Record]) -> dict[Place, dict[Subject, Group]]:
    """Sorts records into places, and there by subject.

    A split that is not the same list of the same images in all records has a place for each. A place where one subject
    has several input sizes is split by size, so that a group has one.
    """
    records = list(records)
    names, changes = version_names(records), change_names(records)
    found: dict[Place, list[Record]] = {}
    for record in records:
        changed = changes[canonical_json(record.changed)]
        place = Place(record.task, record.protocol, record.split, names[version(record)], changed)
        found.setdefault(place, []).append(record)
    result: dict[Place, dict[Subject, Group]] = {}
    for place, members in found.items():
        sizes: dict[Subject, set[int]] = {}
        for record in members:
            if record.input_size is not None:
                sizes.setdefault(subject(record), set()).add(record.input_size)
        split = any(len(several) > 1 for several in sizes.values())
        for record in members:
            size = record.input_size if split else None
            groups = result.setdefault(replace(place, size=size), {})
            groups.setdefault(subject(record), Group()).records.append(record)
    return result
