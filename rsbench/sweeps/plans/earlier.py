"""What earlier records tell of costs, read as plain JSON: a store of thousands of runs is looked at in a second."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rsbench.errors import UserError
from rsbench.opening import DEMO
from rsbench.records import Store, canonical_json
from rsbench.records.text import check_sealed

_TASK = re.compile(r'"task":\s*"([^"]*)"')


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """One earlier run; None where its record does not tell.

    Attributes:
        run, method, task, protocol, split, data, seed, started, done: of it.
        architecture: of the backbone.
        settings: JSON of settings, input size and precision.
        size: of the input, px.
        precision: of the backbone.
        device: on which it ran.
        fit_seconds: all that it took but for making features.
        feature_seconds: that the pass takes which makes its features, by whoever made them.
        found_features: somebody else had made them.
        made_features: it made them itself.
        memory: at its peak, MiB.
        parameters, parameters_trained: of the network.
    """

    run: str
    method: str
    task: str
    protocol: str
    split: str
    data: str
    seed: int
    started: str
    done: bool
    architecture: str | None
    settings: str
    size: int | None
    precision: str
    device: str
    fit_seconds: float | None
    feature_seconds: float | None
    found_features: bool
    made_features: bool
    memory: float | None
    parameters: int | None
    parameters_trained: int | None

    @property
    def asked(self) -> tuple[Any, ...]:
        """What was asked, but for what only a look at weights and images tells."""
        split = "" if self.data == DEMO else self.split
        return (self.method, self.task, self.protocol, self.data, split, self.seed, self.settings)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Earlier:
        """Reads what a record tells."""
        timings, cost = record["timings"], record["cost"]
        total, own = timings.get("total"), timings.get("features", 0.0)
        found = bool(cost.get("features_from_cache") or cost.get("features_from_earlier_seed"))
        made = own > 0 and not found
        settings = canonical_json([record["settings"], record["input_size"], record["precision"]])
        return cls(
            run=record["id"],
            **{name: record[name] for name in ("method", "task", "protocol", "split", "data", "seed", "started")},
            done=record["status"] == "done",
            architecture=record["weights"].get("architecture"),
            settings=settings,
            size=record["input_size"],
            precision=record["precision"],
            device=str(record["identity"].get("device", "an unknown device")),
            fit_seconds=None if total is None else max(0.0, total - own),
            feature_seconds=own if made else _pass(record) if found else None,
            found_features=found,
            made_features=made,
            memory=cost.get("peak_memory_mib"),
            parameters=cost.get("parameters"),
            parameters_trained=cost.get("parameters_trained"),
        )

    @classmethod
    def read(cls, store: Store, tasks: Collection[str] | None = None) -> tuple[list[Earlier], int]:
        """Reads the records of a store.

        Args:
            store: of the runs.
            tasks: whose records are wanted; None wants all. Others are not looked at closely.

        Returns:
            The records, and the number of folders that hold none which can be read.
        """
        found, broken = [], 0
        for folder in store.ids():
            try:
                text = store.folders.text(folder)
                named = _TASK.findall(text)
                if named and tasks is not None and not any(task in tasks for task in named):
                    continue
                record = check_sealed(text, folder)
                if record["id"] == folder:
                    found.append(cls.of(record))
                else:
                    broken += 1
            except (UserError, OSError, ValueError, KeyError, TypeError, AttributeError):
                broken += 1
        return [one for one in found if tasks is None or one.task in tasks], broken


def _pass(record: Mapping[str, Any]) -> float | None:
    """Seconds of the pass that made the features which a run has found: the images by the speed that it had."""
    speed, counts = record["cost"].get("images_per_second"), record["dataset"].get("counts")
    return sum(counts.values()) / speed if speed and counts else None
