"""Weights: which are there, which come when they are first used, and which need a person."""

from __future__ import annotations

from collections.abc import Iterator

from rsbench.checkpoints.fetch import place
from rsbench.checkpoints.state import DOWNLOADABLE, NEEDS_ACCEPTANCE, NEEDS_FILE, READY, state
from rsbench.doctor.line import Line
from rsbench.method import Method
from rsbench.sources import ByHand, Url, User
from rsbench.weights import Weights

_AREA = "weights"


def check_weights(method: Method, variant: str) -> Iterator[Line]:
    """Tells the state of one set of weights, as `rsbench list methods` does, and looks at the size of its file."""
    owner, weights = f"{method.name}/{variant}", method.weights(variant)
    found = state(owner, weights)
    if found == READY:
        yield _ready(owner, weights)
    elif found == DOWNLOADABLE:
        size = f", {weights.size_bytes / 2**20:.0f} MiB" if weights.size_bytes else ""
        yield Line("info", _AREA, owner, found + size, "rsbench run fetches them when they are first used.")
    elif NEEDS_FILE in found or NEEDS_ACCEPTANCE in found:
        yield Line("info", _AREA, owner, found, " ".join(_needs(owner, weights, found)))
    else:
        yield Line("failed", _AREA, owner, found, "Install rsbench, or the plugin that brings them, again.")


def _ready(owner: str, weights: Weights) -> Line:
    source = weights.source
    if not isinstance(source, Url | ByHand):
        return Line("ok", _AREA, owner, READY)
    file = place(owner, source)
    there, size = file.stat().st_size, weights.size_bytes
    if size and there != size:
        value = f"{file} has {there:,} bytes, not {size:,}"
        return Line("failed", _AREA, owner, value, "Delete it, and get it again.")
    return Line("ok", _AREA, owner, f"{READY}, {there / 2**20:.0f} MiB")


def _needs(owner: str, weights: Weights, found: str) -> Iterator[str]:
    source = weights.source
    if isinstance(source, User):
        yield f"{source.how} Then pass --checkpoint FILE."
    elif isinstance(source, ByHand) and NEEDS_FILE in found:
        yield f"{source.how} Put the file at {place(owner, source)}."
    if NEEDS_ACCEPTANCE in found:
        yield f"If you accept their terms, pass --accept-licence once: {weights.terms}"
