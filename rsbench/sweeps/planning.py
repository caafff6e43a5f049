"""How the cells of a sweep stand before anything is run, told without loading a network."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rsbench.errors import UserError
from rsbench.opening import DEMO, open_data, place
from rsbench.plugins import Registry
from rsbench.records import Store
from rsbench.spec import RunSpec, choose
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.engines.machine import may_have_gpus
from rsbench.sweeps.foresight import remembered
from rsbench.sweeps.standing import Standing, Standings


def standings(cells: Iterable[Cell], registry: Registry, store: Store, here: bool = True) -> dict[str, Standing]:
    """Returns how each cell stands, by its key.

    Datasets are opened, each once. Weights are not loaded: where nobody remembers what they gave, the cell is
    ``unknown``, and whoever does it finds out.

    Args:
        cells: of the sweep.
        registry: of methods and tasks.
        store: of the runs.
        here: the cells run on this machine; False on a cluster, whose devices this machine does not know.
    """
    runs = Standings(store)
    opened: dict[Any, Any] = {}
    requests: dict[Any, Any] = {}
    found = {}
    for cell in cells:
        spec = cell.spec
        if spec not in requests:
            requests[spec] = _request(spec, registry, opened, here)
        request = requests[spec]
        if isinstance(request, Standing):
            found[cell.key] = request
            continue
        known = remembered(request, cell.seed, cell.resources.world)
        if known is None:
            found[cell.key] = Standing("unknown", None, "its weights were not loaded here yet")
        else:
            found[cell.key] = runs.of(known.identity(request, cell.seed))
    return found


def _request(spec: RunSpec, registry: Registry, opened: dict[Any, Any], here: bool) -> Any:
    """Returns the request for a spec; a Standing where there can be none yet."""
    try:
        chosen = choose(spec, registry)
        where = (spec.task, spec.data, spec.split)
        if where not in opened:
            opened[where] = _open(chosen.task, spec)
        if isinstance(opened[where], Standing):
            return opened[where]
        device = _device(spec.device, here)
        if device is None:
            return Standing("unknown", None, "the device of the cluster is not known here; name it with --device")
        dataset, split, kind = opened[where]
        return chosen.request(dataset, split, kind, device)
    except UserError as error:
        return Standing("unknown", None, str(error).replace("\n ", ""), fault=True)


def _open(task: Any, spec: RunSpec) -> Any:
    if spec.data == DEMO and not place(task, DEMO).exists():
        return Standing("unknown", None, "its demo scenes are not drawn yet")
    try:
        dataset, split, kind = open_data(task, spec.data, spec.split, download=False)
        dataset.fingerprint  # noqa: B018 - a file that cannot be read is noticed here
    except UserError as error:
        return Standing("unknown", None, str(error).replace("\n ", ""), fault=True)
    return dataset, split, kind


def _device(device: str, here: bool) -> str | None:
    """What a device will be; None if it cannot be told. It is a guess, and whoever runs the cell looks."""
    if device != "auto":
        return device
    if not here:
        return None
    return "cuda" if may_have_gpus() else "cpu"
