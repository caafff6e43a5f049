"""Cards: what is known about each method and each task, from the plugins that brought them in."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rsbench.method import Method
from rsbench.metric_names import plain_classes
from rsbench.plugins import Registry
from rsbench.records import Record
from rsbench.reporting.versions import shown
from rsbench.task import Task
from rsbench.weights import Weights


def method_cards(registry: Registry) -> dict[str, dict[str, Any]]:
    """Returns what the page says of each method, by name; absent facts are empty."""
    return {name: _method(method) for name, method in sorted(registry.methods.items.items())}


def _method(method: Method) -> dict[str, Any]:
    return {
        "title": method.title,
        "paradigm": method.paradigm,
        "remade": method.reimplemented,
        "paper": method.paper,
        "code": method.code,
        "licence": method.licence,
        "citation": method.citation.strip(),
        "questions": list(method.questions),
        "variants": {name: _variant(method, name, weights) for name, weights in method.variants.items()},
    }


def _variant(method: Method, name: str, weights: Weights) -> dict[str, Any]:
    return {
        "title": method.row_title(name),
        "default": name == method.default_variant,
        "backbone": weights.backbone,
        "architecture": weights.architecture_name,
        "source": weights.source.kind,
        "input": weights.preprocess.size,
        "licence": weights.licence,
        "terms": weights.terms,
        "data": list(weights.pretraining_data),
        "note": weights.note,
        "sha256": weights.sha256 or "",
    }


def task_cards(registry: Registry) -> dict[str, dict[str, Any]]:
    """Returns what the page says of each task, by name."""
    return {name: _task(task) for name, task in sorted(registry.tasks.items.items())}


def _task(task: Task) -> dict[str, Any]:
    return {
        "title": task.title,
        "kind": task.kind,
        "rank": task.rank,
        "metrics": list(task.metrics),
        "train": task.train,
        "report": list(task.report),
        "classes": [[plain, name] for plain, name in zip(plain_classes(task.classes), task.classes, strict=True)],
        "licence": task.licence,
        "url": task.url,
        "note": task.note,
        "citation": task.citation.strip(),
        "splits": [
            {"name": split.name, "counts": dict(split.counts), "origin": split.origin, "sha256": split.sha256}
            for split in task.splits
        ],
        "protocols": [
            {
                "name": protocol.name,
                "description": protocol.description,
                "settings": {key: shown(_listed(value)) for key, value in protocol.settings.items()},
                "assumed": list(protocol.assumed),
            }
            for protocol in task.protocols
        ],
    }


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def contaminated(records: Collection[Record], registry: Registry) -> bool:
    """Whether the weights of these runs have seen images of the task, as their flags or the plugin say."""
    return any(_contaminated(record, registry) for record in records)


def _contaminated(record: Record, registry: Registry) -> bool:
    if record.data == "demo":  # nobody was pretrained on scenes that a program drew
        return False
    task = registry.tasks.items.get(record.task)
    said = ("contaminated", f"pretrained on {task.title if task else record.task} ".lower())
    if any(flag.lower().startswith(said) for flag in record.flags):
        return True
    method, _, variant = record.method.partition("/")
    known = registry.methods.items.get(method)
    if known is None or variant not in known.variants or record.weights.get("source") in ("checkpoint", "user"):
        return False
    return any(name.split("/")[0] == record.task for name in known.variants[variant].pretraining_data)
