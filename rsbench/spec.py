"""What a run is asked to do, in words and numbers alone, and the objects that these words stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rsbench.errors import UserError
from rsbench.method import Method
from rsbench.plugins import Registry
from rsbench.request import PRECISIONS, Request, check_precision
from rsbench.task import Protocol, Task
from rsbench.weights import ARCHITECTURE


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """What `rsbench run` is asked, but for the seeds; plain JSON, so that it can go to another process or machine.

    Args:
        method: ``method`` or ``method/variant``.
        task: name of the task.
        protocol: name; empty is the task's first.
        changes: of ``--set``, as text: of the protocol, ``backbone.NAME`` and ``preprocess``.
        data: folder of the dataset, ``demo``, or None for the usual place.
        split: name of the partition; empty is the task's first.
        checkpoint: a file of the user's in place of the method's own weights.
        precision: ``fp32`` or ``bf16``.
        device: of torch, or ``auto``.
        batch_size: images at once while embedding or predicting; None is the usual number.
        use_cache: read and write cached features.
    """

    method: str
    task: str
    protocol: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)
    data: str | None = None
    split: str = ""
    checkpoint: str | None = None
    precision: str = PRECISIONS[0]
    device: str = "auto"
    batch_size: int | None = None
    use_cache: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "changes", MappingProxyType(dict(self.changes)))

    def __hash__(self) -> int:
        return hash((self.method, self.task, self.protocol, tuple(sorted(self.changes.items()))))

    def facts(self) -> dict[str, Any]:
        """All fields as plain JSON; ``RunSpec(**facts)`` is this one again."""
        return {**vars(self), "changes": dict(self.changes)}


@dataclass(frozen=True)
class Chosen:
    """The objects that a RunSpec stands for.

    Attributes:
        spec: what was asked.
        method, variant: the method, with the changes of backbone and preprocessing.
        task: from the registry.
        protocol: with the changes of its settings.
        changed: what differs from the method's and the protocol's own, by name.
    """

    spec: RunSpec
    method: Method
    variant: str
    task: Task
    protocol: Protocol
    changed: Mapping[str, Any]

    @property
    def method_id(self) -> str:
        """``method/variant``."""
        return f"{self.method.name}/{self.variant}"

    @property
    def checkpoint(self) -> Path | None:
        """The user's file of weights."""
        return None if self.spec.checkpoint is None else Path(self.spec.checkpoint)

    def request(self, dataset: Any, split: Any, data: str, device: str, **others: Any) -> Request:
        """Returns the request for an evaluation.

        Args:
            dataset, split, data: as ``rsbench.opening.open_data`` returns them.
            device: of torch; ``rsbench.devices.pick_device`` resolves ``auto``.
            others: further fields of the Request: ``work``, ``report``, ``pictures`` ...
        """
        return Request(
            method=self.method,
            variant=self.variant,
            task=self.task,
            protocol=self.protocol,
            changed=self.changed,
            dataset=dataset,
            split=split,
            data=data,
            checkpoint=self.checkpoint,
            precision=self.spec.precision,
            device=device,
            batch_size=self.spec.batch_size,
            use_cache=self.spec.use_cache,
            **others,
        )


def choose(spec: RunSpec, registry: Registry) -> Chosen:
    """Finds what the names of ``spec`` stand for; nothing is opened or loaded.

    Raises:
        UserError: there is no such method, task, protocol, setting or split, a value cannot be read, or the
            checkpoint is no file.
    """
    method, variant = registry.method(spec.method)
    task = registry.task(spec.task)
    method, rest, differing = configure(method, variant, spec.changes)
    own = task.protocol(spec.protocol)
    protocol = own.with_settings(rest)
    changed = {key: protocol.settings[key] for key in rest if protocol.settings[key] != own.settings[key]}
    if spec.data != "demo":
        task.split(spec.split)
    check_precision(spec.precision)
    chosen = Chosen(spec, method, variant, task, protocol, MappingProxyType(changed | differing))
    checkpoint = chosen.checkpoint
    if checkpoint is not None and not checkpoint.is_file():
        what = "is a folder" if checkpoint.is_dir() else "does not exist"
        raise UserError(f"The checkpoint {checkpoint} {what}.", "Give the path of a file.")
    return chosen


def configure(
    method: Method, variant: str, changes: Mapping[str, str]
) -> tuple[Method, dict[str, str], dict[str, Any]]:
    """Applies those of ``changes`` that concern the backbone or its preprocessing.

    Args:
        method, variant: from the registry.
        changes: of ``--set``.

    Returns:
        The method with its weights changed, the other changes, and what differs from the method's own, by name.

    Raises:
        UserError: a setting that the backbone does not have, or a value that cannot be read.
    """
    own = {key: text for key, text in changes.items() if key.startswith(ARCHITECTURE) or key == "preprocess"}
    rest = {key: text for key, text in changes.items() if key not in own}
    if not own:
        return method, rest, {}
    before = method.weights(variant)
    after = before.with_changes(own)
    differing: dict[str, Any] = {
        ARCHITECTURE + name: value for name, value in after.kwargs.items() if value != before.kwargs[name]
    }
    if after.preprocess != before.preprocess:
        differing["preprocess"] = own["preprocess"]
    changed = method.replaced(variant, kwargs=after.kwargs, preprocess=after.preprocess)
    return changed, rest, differing
