"""The features that a sweep has to make: each set once, whoever wants it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rsbench.opening import DEMO
from rsbench.spec import Chosen, RunSpec
from rsbench.sweeps.cell import Cell
from rsbench.weights import ARCHITECTURE


@dataclass(frozen=True, kw_only=True)
class FeatureSet:
    """Features that are not in the cache yet.

    Attributes:
        task, data: whose images; ``real`` or ``demo``.
        architecture, input_size, precision: of the backbone.
        cells: keys of those that want them.
        size: bytes; None where it is not known.
    """

    task: str
    data: str
    architecture: str
    input_size: int
    precision: str
    cells: tuple[str, ...]
    size: int | None


def feature_sets(
    cells: Iterable[Cell], chosen: Mapping[RunSpec, Chosen], manifests: Sequence[Mapping[str, Any]]
) -> list[FeatureSet]:
    """Returns the features that are not in the cache yet.

    Features are float32 (N, D) and made once for all protocols and, where weights are not drawn anew, for all seeds. N
    and D are those of earlier features: N of the same task and data, D of the same architecture.

    Args:
        cells: that are to be run.
        chosen: the objects that their specs stand for.
        manifests: of the features in the cache.
    """
    widths = {found["identity"].get("architecture"): found["shape"][1] for found in manifests}
    counts = {(found.get("task"), found.get("data")): found["shape"][0] for found in manifests}
    there = {_features_of(found) for found in manifests}
    wanted: dict[tuple[Any, ...], list[str]] = {}
    about: dict[tuple[Any, ...], dict[str, Any]] = {}
    for cell in cells:
        spec, one = cell.spec, chosen[cell.spec]
        if one.task.kind != "classification" or one.protocol.solver == "finetune" or not spec.use_cache:
            continue
        weights = one.method.weights(one.variant)
        data = DEMO if spec.data == DEMO else "real"
        size = one.protocol.settings.get("image_size") or weights.preprocess.size
        key = (spec.method, spec.task, data, size, spec.precision)
        drawn = weights.source.kind == "random" and spec.checkpoint is None
        own = not any(name.startswith(ARCHITECTURE) or name == "preprocess" for name in spec.changes)
        if key in there and own and not drawn and spec.checkpoint is None:
            continue
        kwargs, preprocess = repr(sorted(weights.kwargs.items())), repr(weights.preprocess)
        where = None if spec.data == DEMO else spec.data
        full = (*key, where, spec.checkpoint, kwargs, preprocess, cell.seed * drawn)
        wanted.setdefault(full, []).append(cell.key)
        about[full] = {
            "task": spec.task,
            "data": data,
            "architecture": weights.architecture_name,
            "input_size": size,
            "precision": spec.precision,
        }
    sets = []
    for full, keys in wanted.items():
        facts = about[full]
        images, width = counts.get((facts["task"], facts["data"])), widths.get(facts["architecture"])
        bytes_of = None if images is None or width is None else images * width * 4
        sets.append(FeatureSet(**facts, cells=tuple(keys), size=bytes_of))
    return sets


def _features_of(manifest: Mapping[str, Any]) -> tuple[Any, ...]:
    identity = manifest["identity"]
    names = ("input_size", "precision")
    return (manifest.get("method"), manifest.get("task"), manifest.get("data"), *(identity.get(name) for name in names))
