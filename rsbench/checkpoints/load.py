"""From a method's name to a backbone with its weights, and the proof that they are in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rsbench.backbones import Backbone, create
from rsbench.checkpoints.account import Account, MisfitError, account_for, fill, refuse_not_finite
from rsbench.checkpoints.digest import digest
from rsbench.checkpoints.fetch import Obtained, obtain
from rsbench.checkpoints.layouts import find
from rsbench.checkpoints.read import Tensors, read_tensors, sha256_file
from rsbench.checkpoints.untrained import refuse_untrained
from rsbench.errors import UserError
from rsbench.method import Method
from rsbench.sources import Random, User
from rsbench.weights import OWN_PREFIXES, Weights

# What files of our own pretraining hold beside the encoder.
_OWN_DROP = ("decoder.", "mask_token")


@dataclass(frozen=True)
class Loaded:
    """A backbone ready to use.

    Attributes:
        backbone: with its weights, frozen.
        digest: over all parameters and buffers: what the backbone computes depends on it alone.
        source: kind of the source: ``random``, ``shipped``, ``url``, ``by-hand``; ``user`` for a file of the user's
            where only the user has one, ``checkpoint`` for one that took the place of the method's own.
        file_sha256: of the file; None where there is none.
        kwargs: arguments of the architecture, with those that follow from the layout of the file.
        account: of the file; None where there is none.
        where: the path inside the file at which the tensors were.
    """

    backbone: Backbone
    digest: str
    source: str
    file_sha256: str | None
    kwargs: Mapping[str, Any]
    account: Account | None = field(default=None, repr=False)
    where: str = ""

    def about(self) -> dict[str, Any]:
        """What a record says of the weights."""
        facts: dict[str, Any] = {"digest": self.digest, "source": self.source, "file_sha256": self.file_sha256}
        facts["kwargs"] = dict(self.kwargs)
        return facts | ({"where": self.where, **self.account.about()} if self.account else {"keys": {}})


def load(
    method: Method, variant: str, checkpoint: Path | None = None, seed: int = 0, accept_licence: bool = False
) -> Loaded:
    """Makes the backbone of ``method``/``variant`` and fills it.

    Args:
        method: from the registry.
        variant: one of its variants.
        checkpoint: a file of the user's, in place of the method's own source.
        seed: of the initialisation, which is what remains where the source is ``Random``.
        accept_licence: the user accepts the terms of the method's own file.

    Raises:
        UserError: the weights cannot be had, cannot be read, do not fit, or were never trained.
    """
    weights = method.weights(variant)
    if checkpoint is None and isinstance(weights.source, Random):
        backbone = create(weights.architecture, seed=seed, **weights.kwargs)
        return Loaded(backbone.freeze(), digest(backbone), "random", None, dict(weights.kwargs))
    obtained = Obtained(checkpoint, weights, own=False) if checkpoint else obtain(method, variant, accept_licence)
    try:
        whole = fill_verified(obtained, seed)
    except MisfitError as error:
        raise UserError(error.message, error.hint + other_variants(method, variant, obtained.file)) from None
    kwargs = {**weights.kwargs, **whole.account.layout.kwargs}
    kind = source_kind(weights, checkpoint)
    return Loaded(whole.backbone.freeze(), whole.digest, kind, whole.file_sha256, kwargs, whole.account, whole.where)


@dataclass(frozen=True)
class Filled:
    """A backbone filled from a file; the fields are those of Loaded."""

    backbone: Backbone
    account: Account
    digest: str
    file_sha256: str
    where: str


def fill_verified(obtained: Obtained, seed: int = 0, backbone: Backbone | None = None) -> Filled:
    """Reads a file into the backbone of its weights and proves that it is whole.

    Args:
        obtained: the file, and what is known of it.
        seed: of the initialisation.
        backbone: to be filled; a new one if None.

    Raises:
        UserError: the file is another one than the method's, cannot be read, does not fit, or was never trained.
    """
    file, weights, memo = obtained.file, obtained.weights, obtained.memo
    network = f"{weights.architecture_name} {json.dumps(dict(weights.kwargs), sort_keys=True)}"
    expected = memo.expected(file, network) if memo else None
    with hashing(file, wanted=expected is None) as sha256:
        try:
            tensors = read_tensors(file)
            backbone, account = prepare(weights, tensors, seed, backbone)
            fill(inner(backbone), tensors.tensors, account, str(file))
            found = digest(backbone)
            if memo and memo.sha256 and found == expected:  # bit by bit what passed all checks before
                obtained.verify(memo.sha256)
                return Filled(backbone, account, found, memo.sha256, tensors.where)
            refuse_not_finite(inner(backbone), account, str(file))
            refuse_untrained(backbone, weights, account.layout.kwargs, seed, str(file))
        except UserError:
            if file.is_file():  # a damaged file is better told by its digest
                obtained.verify(sha256())
            raise
        obtained.verify(sha256())
        if memo:
            memo.write(file, sha256(), network, found, weights.md5)
        return Filled(backbone, account, found, sha256(), tensors.where)


@contextmanager
def hashing(file: Path, wanted: bool) -> Iterator[Callable[[], str]]:
    """Hashes ``file`` beside the work inside, if ``wanted``, and gives a function that returns its sha256.

    One thread is left to the hashing: two threads of torch on one processor wait for each other most of the time.
    """
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(1) as pool:
        if not (wanted and file.is_file()):
            yield cache(lambda: sha256_file(file))
            return
        result = pool.submit(sha256_file, file)
        torch.set_num_threads(max(1, threads - 1))
        try:
            yield result.result
        finally:
            torch.set_num_threads(threads)


def prepare(
    weights: Weights, tensors: Tensors, seed: int = 0, backbone: Backbone | None = None
) -> tuple[Backbone, Account]:
    """Makes the backbone that a file belongs into, and the account of the file; nothing is copied yet.

    Args:
        weights: of the method.
        tensors: of the file.
        seed: of the initialisation.
        backbone: to be used, unless the layout of the file asks for another one.
    """
    backbone = backbone or create(weights.architecture, seed=seed, **weights.kwargs)
    layouts = [find(layout) for layout in weights.layouts]
    drop = (*weights.drop, *_OWN_DROP)
    account = account_for(tensors.tensors, inner(backbone), layouts, weights.prefixes, drop, weights.resize)
    if any(account.layout.kwargs[name] != weights.kwargs.get(name) for name in account.layout.kwargs):
        backbone = create(weights.architecture, seed=seed, **{**weights.kwargs, **account.layout.kwargs})
    return backbone, account


def other_variants(method: Method, variant: str, file: Path) -> str:
    """Names the variants of the same architecture that ``file`` is whole for, as an addition to a hint."""
    tensors, architecture = read_tensors(file), method.weights(variant).architecture
    others = [
        other
        for other, weights in method.variants.items()
        if other != variant and weights.architecture == architecture and prepare(weights, tensors)[1].complete
    ]
    return f" It fits {' and '.join(f'{method.name}/{other}' for other in others)}." if others else ""


def source_kind(weights: Weights, checkpoint: Path | None) -> str:
    """Kind of the source of the weights that are used; see ``Loaded.source``."""
    own = checkpoint is None or isinstance(weights.source, User)
    return weights.source.kind if own else "checkpoint"


def load_encoder(backbone: Backbone, file: Path) -> None:
    """Fills ``backbone`` from an encoder file or a pretraining checkpoint of rsbench."""
    network, tensors = inner(backbone), read_tensors(file).tensors
    account = account_for(tensors, network, [find("timm")], OWN_PREFIXES, _OWN_DROP)
    fill(network, tensors, account, str(file))


def inner(backbone: Backbone) -> nn.Module:
    """The network whose names a checkpoint uses: the wrapped model if it is all there is, else the backbone itself."""
    model = getattr(backbone, "model", None)
    whole = all(name.startswith("model.") for name in backbone.state_dict())
    return model if isinstance(model, nn.Module) and whole else backbone
