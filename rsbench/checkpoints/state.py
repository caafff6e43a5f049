"""What it takes on this machine to have the weights of a method; answered without importing torch."""

from __future__ import annotations

from importlib import resources

from rsbench.checkpoints.fetch import place
from rsbench.checkpoints.terms import accepted
from rsbench.sources import ByHand, Random, Shipped, User
from rsbench.weights import Weights

READY, DOWNLOADABLE = "ready", "downloadable"
NEEDS_FILE, NEEDS_ACCEPTANCE = "needs a file", "needs licence acceptance"


def state(owner: str, weights: Weights) -> str:
    """Returns ``ready``, ``downloadable``, ``needs a file``, ``needs licence acceptance``, or the last two together.

    Args:
        owner: ``method/variant``.
        weights: of it.
    """
    source = weights.source
    if isinstance(source, Random):
        return READY
    if isinstance(source, Shipped):
        try:
            there = resources.files(source.package).joinpath(source.file).is_file()
        except ModuleNotFoundError:
            there = False
        return READY if there else "shipped, but missing"
    if isinstance(source, User):
        return NEEDS_FILE
    there = place(owner, source).is_file()
    needs = [NEEDS_FILE] if isinstance(source, ByHand) and not there else []
    if not accepted(owner, weights):
        needs.append(NEEDS_ACCEPTANCE)
    return ", ".join(needs) or (READY if there else DOWNLOADABLE)
