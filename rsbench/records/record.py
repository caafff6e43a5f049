"""The record of one run, checked when it is made and when it is read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from rsbench.records.characters import check_texts, visible
from rsbench.records.identity import plain, run_id

SCHEMA_VERSION = 2

_METRIC = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.@-]+")


def _json_object(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError as error:  # pydantic collects ValueError, not TypeError
        raise ValueError(str(error)) from None


Object = Annotated[dict[str, Any], BeforeValidator(_json_object)]
Given = Annotated[dict[str, Any], BeforeValidator(lambda value: _json_object(visible(value)))]
Told = Annotated[str, BeforeValidator(visible)]


def utc_now() -> str:
    """Returns the time now as the record writes it: ISO 8601 in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class Record(BaseModel):
    """One run: what was asked, what it gave, and all that is needed to make it again.

    A value that is not known is absent (None, or no key); it is never zero. Objects in it are plain JSON, so that
    a record read back equals the one written. Texts hold no control characters but tab and newline: in ``reason``,
    ``flags``, ``command`` and ``arguments``, which may quote others, they become visible escapes; elsewhere they are
    refused.

    Args:
        schema_version: of this layout, from 1; a reader refuses a newer one.
        id: ``run_id(identity)``.
        status: ``done``, ``failed`` or ``interrupted``.
        reason: why it is not done; None if it is.
        method: full id, ``ctxmim/nano``.
        title: the row it makes in a table, ``CtxMIM, re-implemented, nano``.
        task: name of the task.
        kind: of evaluation, ``classification`` or ``segmentation``.
        protocol: name of the protocol.
        settings: the hyper-parameters of the protocol as they were used.
        changed: the settings that the caller changed from the protocol's own, with their new values.
        split: name of the partition.
        data: ``real``, or ``demo`` for procedural scenes.
        dataset: fingerprint, split sha256, counts (items by part), classes.
        seed: of everything random in the run.
        precision: of the backbone's arithmetic, ``fp32`` or ``bf16``.
        input_size: side of the input in pixels.
        metrics: in percent, keyed ``<part>/<name>`` (``val/top1``); finite; what was not measured has no key.
        intervals: 95 % intervals of some of the metrics, in percent, (low, high).
        selected: hyper-parameters that were chosen, with edge flags.
        flags: sentences that belong beside the number: contamination, demo scenes, re-implemented, edge of grid.
        weights: digest, source, architecture, kwargs, number of parameters.
        preprocess: size, mean, std, unit, bands, interpolation.
        arguments: ``given`` and ``resolved``; ``assumed`` names the settings on which the source of the protocol is
            silent, where there are any.
        identity: all that can change the number.
        timings: seconds by stage.
        cost: parameters, FLOPs, images per second, peak memory.
        history: mean losses of each epoch of a training, in order; empty where nothing was trained epoch by epoch.
        environment: as ``rsbench.environment.environment`` gives it.
        files: SHA-256 of ``predictions.parquet``, by its name; the store fills it in.
        digest: ``rsbench.records.text.content_digest`` of all the rest; the store fills it in. None in schema 1.
        command: the command line that makes this run again.
        started, finished: ISO 8601 in UTC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    schema_version: int = Field(default=SCHEMA_VERSION, ge=1, le=SCHEMA_VERSION, strict=True)
    id: str
    status: Literal["done", "failed", "interrupted"]
    reason: Told | None = None
    method: str
    title: str
    task: str
    kind: str
    protocol: str
    settings: Object = Field(default_factory=dict)
    changed: Object = Field(default_factory=dict)
    split: str
    data: Literal["real", "demo"]
    dataset: Object = Field(default_factory=dict)
    seed: int
    precision: str = "fp32"
    input_size: int | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = Field(default_factory=dict)
    selected: Object = Field(default_factory=dict)
    flags: list[Told] = Field(default_factory=list)
    weights: Object = Field(default_factory=dict)
    preprocess: Object = Field(default_factory=dict)
    arguments: Given = Field(default_factory=dict)
    identity: Object
    timings: dict[str, float] = Field(default_factory=dict)
    cost: Object = Field(default_factory=dict)
    history: list[dict[str, float]] = Field(default_factory=list)
    environment: Object = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    digest: str | None = None
    command: Told = ""
    started: str
    finished: str

    @model_validator(mode="after")
    def _consistent(self) -> Record:
        for field in type(self).model_fields:
            check_texts(getattr(self, field), field)
        if self.id != run_id(self.identity):
            raise ValueError(f"id {self.id!r} is not the digest of the identity ({run_id(self.identity)!r})")
        if (self.status == "done") != (self.reason is None):
            raise ValueError(f"a run that is {self.status} must have {'no' if self.status == 'done' else 'a'} reason")
        if self.status == "done" and not self.metrics:
            raise ValueError("a run that is done must have a metric")
        for key, value in self.metrics.items():
            if not _METRIC.fullmatch(key):
                raise ValueError(f"metric {key!r} is not <part>/<name>")
            if not -1e-6 <= value <= 100 + 1e-6:  # also catches the -1 by which COCO tools say "absent"
                raise ValueError(f"metric {key!r} is {value}, which is no percentage; leave an absent one out")
        for key, (low, high) in self.intervals.items():
            if key not in self.metrics:
                raise ValueError(f"interval {key!r} has no metric")
            if not low <= high:
                raise ValueError(f"interval {key!r} runs from {low} to {high}")
        counts = self.dataset.get("counts", {})
        if not isinstance(counts, dict) or not all(type(count) is int and count >= 0 for count in counts.values()):
            raise ValueError("dataset.counts does not say how many items each part has")
        for name in ("started", "finished"):
            if datetime.fromisoformat(getattr(self, name)).utcoffset() != timedelta(0):
                raise ValueError(f"{name} {getattr(self, name)!r} is not in UTC")
        return self
