"""The id of a run before it is run, so that a record that exists already is found again.

The id depends on the digest of the weights as they are in the network, which takes seconds to load. What a set of
weights gave is remembered beside the other caches, under everything that it depends on: the description of the weights,
size and times of the file, versions of the packages. It is only ever a short cut: a run that is made finds its true id
itself.
"""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import resources
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rsbench import __version__
from rsbench.atomic import write_whole
from rsbench.checkpoints.fetch import place
from rsbench.checkpoints.memo import stamp
from rsbench.datasets.remembered import YOUNG
from rsbench.environment import cpu_name
from rsbench.paths import cache_home
from rsbench.records import canonical_json
from rsbench.request import Request
from rsbench.sources import ByHand, Random, Shipped, Url


@dataclass(frozen=True)
class Foreseen:
    """What only a loaded network tells of the identity of a run.

    Attributes:
        digest: of the weights.
        kwargs: of the architecture, with those that follow from the file.
        extra: what else the number depends on.
    """

    digest: str
    kwargs: Mapping[str, Any]
    extra: Mapping[str, Any]

    def identity(self, request: Request, seed: int) -> dict[str, Any]:
        """Returns the identity of the run of one seed."""
        return request.identity(seed, {"digest": self.digest, "kwargs": self.kwargs}, self.extra)


def remembered(request: Request, seed: int, processes: int = 1) -> Foreseen | None:
    """Returns what is known of the weights of a request without loading them; None where nothing is."""
    file = _memo(request, seed, processes)
    if file is None:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Foreseen(content["digest"], content["kwargs"], content["extra"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def foresee(request: Request, seed: int, processes: int = 1) -> Foreseen:
    """Returns what a network tells that is filled with the weights of a request; it is loaded if nobody remembers.

    What else the number depends on is found out anew in any case: torch is there.

    Raises:
        UserError: the weights cannot be had, cannot be read, or do not fit.
    """
    from rsbench.evaluation import evaluation_of

    extra = evaluation_of(request.task.kind).depends(request, processes)
    known = remembered(request, seed, processes)
    if known is not None:
        return replace(known, extra=extra)
    from rsbench.checkpoints.load import load

    before = _memo(request, seed, processes)
    loaded = load(request.method, request.variant, request.checkpoint, seed, request.accept_licence)
    found = Foreseen(loaded.digest, json.loads(json.dumps(dict(loaded.kwargs))), extra)
    if before == _memo(request, seed, processes) and not _is_young(_file_of(request)):
        remember(request, seed, processes, found)
    return found


def remember(request: Request, seed: int, processes: int, found: Foreseen) -> None:
    """Notes what a network told; a cache that cannot be written is no fault of a run."""
    file = _memo(request, seed, processes)
    if file is not None:
        with suppress(OSError):
            write_whole(file, json.dumps(asdict(found)), sync=False)


def disown(request: Request, seed: int, processes: int) -> None:
    """Forgets what is known of a request, which has shown to be wrong."""
    file = _memo(request, seed, processes)
    if file is not None:
        with suppress(OSError):
            file.unlink()


def forget() -> int:
    """Forgets everything; returns the bytes that it took. It is found out again when it is wanted."""
    freed = 0
    for file in _folder().glob("*.json"):
        freed += file.stat().st_size
        file.unlink()
    return freed


def _folder() -> Path:
    return cache_home() / "foreseen"


def _memo(request: Request, seed: int, processes: int) -> Path | None:
    """Returns the file that holds what is known; None where nothing may be remembered.

    That is: the file of weights is not there; or code of a plugin makes or fills the network, and nothing here would
    tell that it was edited.
    """
    weights = request.method.weights(request.variant)
    drawn = _is_drawn(request)
    file = _file_of(request)
    own = isinstance(weights.architecture, str) and all(isinstance(layout, str) for layout in weights.layouts)
    if not own or (not drawn and (file is None or not file.is_file())):
        return None
    about = {
        "rsbench": __version__,
        **machine(),
        "architecture": weights.architecture_name,
        "kwargs": dict(weights.kwargs),
        "file": None if drawn or file is None else [str(file.resolve()), *stamp(file)],
        "layouts": list(weights.layouts),
        "rules": [list(weights.prefixes), list(weights.drop), list(weights.resize)],
        "sha256": None if request.checkpoint else weights.sha256,
        "seed": seed if drawn else None,
        "precision": request.precision,
        "device": request.device.partition(":")[0],
        "kind": request.task.kind,
        "solver": request.protocol.solver,
        "engine": request.protocol.settings.get("engine"),
        "processes": processes,
    }
    return _folder() / f"{hashlib.sha256(canonical_json(about).encode()).hexdigest()[:32]}.json"


def _is_drawn(request: Request) -> bool:
    return request.checkpoint is None and isinstance(request.method.weights(request.variant).source, Random)


def _file_of(request: Request) -> Path | None:
    """Where the file of the weights lies on this machine, once it is there; None for weights that are drawn."""
    if request.checkpoint is not None:
        return request.checkpoint
    source = request.method.weights(request.variant).source
    if isinstance(source, Shipped):
        return Path(str(resources.files(source.package) / source.file))
    return place(request.method_id, source) if isinstance(source, Url | ByHand) else None


def _is_young(file: Path | None) -> bool:
    """Whether a file was touched a moment ago: it may be touched again in the same tick, which no stamp would tell."""
    if file is None:
        return False
    found = file.stat()
    return max(found.st_mtime_ns, found.st_ctime_ns) > time.time_ns() - YOUNG


@cache
def machine() -> dict[str, Any]:
    """Versions of the packages that draw and fill networks, and the processor; of a process, found out once."""
    found = {}
    for name in ("torch", "torchvision", "timm", "torchgeo", "detectron2"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return {"packages": found, "cpu": [platform.machine(), cpu_name()]}
