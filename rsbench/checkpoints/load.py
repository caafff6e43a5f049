"""From a method's name to a backbone with its weights, and the proof that they are in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rsbench.backbones import Backbone, create
from rsbench.checkpoints.account import OWN_DROP, fill
from rsbench.checkpoints.read import read_tensors, sha256_file
from rsbench.errors import UserError
from rsbench.method import Method, Random, Shipped, User, Weights


@dataclass(frozen=True)
class Loaded:
    """A backbone ready to use.

    Attributes:
        backbone: with its weights, frozen.
        digest: sha256 over all parameters and buffers: what the backbone computes depends on it alone.
        source: kind of the source: ``random``, ``shipped``, ``url``; ``user`` for a file of the user's where only the
            user has one, ``checkpoint`` for one that took the place of the method's own.
        file_sha256: of the file; None where there is none.
        keys: how many keys were mapped and dropped.
    """

    backbone: Backbone
    digest: str
    source: str
    file_sha256: str | None
    keys: dict[str, int]

    def about(self) -> dict[str, Any]:
        """What a record says of the weights."""
        return {"digest": self.digest, "source": self.source, "file_sha256": self.file_sha256, "keys": self.keys}


def load(method: Method, variant: str, checkpoint: Path | None = None, seed: int = 0) -> Loaded:
    """Makes the backbone of ``method``/``variant`` and fills it.

    Args:
        method: from the registry.
        variant: one of its variants.
        checkpoint: a file of the user's, in place of the method's own source.
        seed: of the initialisation, which is what remains where the source is ``Random``.

    Raises:
        UserError: the weights cannot be had, cannot be read, do not fit, or equal a fresh initialisation.
    """
    weights = method.weights(variant)
    backbone = create(weights.architecture, seed=seed, **weights.kwargs)
    file = checkpoint or _file(method, variant, weights)
    if file is None:
        return Loaded(backbone.freeze(), digest(backbone), "random", None, {})
    found = sha256_file(file) if file.is_file() else None
    if checkpoint is None and weights.sha256 and found != weights.sha256:
        raise UserError(
            f"{file} has sha256 {found}, not {weights.sha256} as {method.name}/{variant} says.",
            "The file is damaged: install rsbench again, or get the file again.",
        )
    fresh = {digest(backbone)}
    if seed != 0:  # the seed that whoever saved it most likely had
        fresh.add(digest(create(weights.architecture, seed=0, **weights.kwargs)))
    account = fill(_inner(backbone), read_tensors(file), weights.layout, (*weights.drop, *OWN_DROP), str(file))
    after = digest(backbone)
    if after in fresh:
        raise UserError(
            f"{file} holds exactly the fresh initialisation of {weights.architecture_name}.",
            "It was saved before training; for the random baseline use --method random/...",
        )
    keys = {"mapped": len(account.mapped), "dropped": len(account.dropped)}
    return Loaded(backbone.freeze(), after, source_kind(weights, checkpoint), found, keys)


def source_kind(weights: Weights, checkpoint: Path | None) -> str:
    """Kind of the source of the weights that are used; see ``Loaded.source``."""
    own = checkpoint is None or isinstance(weights.source, User)
    return weights.source.kind if own else "checkpoint"


def load_encoder(backbone: Backbone, file: Path) -> None:
    """Fills ``backbone`` from an encoder file or a pretraining checkpoint of rsbench."""
    fill(_inner(backbone), read_tensors(file), "rsbench", OWN_DROP, str(file))


def digest(module: nn.Module) -> str:
    """sha256 over the names, types, shapes and bytes of all parameters and buffers of ``module``."""
    result = hashlib.sha256()
    tensors: dict[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        result.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        result.update(tensor.view(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return result.hexdigest()


def _inner(backbone: Backbone) -> nn.Module:
    """The network whose names a checkpoint uses: the wrapped model if it is all there is, else the backbone itself."""
    model = getattr(backbone, "model", None)
    whole = all(name.startswith("model.") for name in backbone.state_dict())
    return model if isinstance(model, nn.Module) and whole else backbone


def _file(method: Method, variant: str, weights: Weights) -> Path | None:
    source = weights.source
    if isinstance(source, Random):
        return None
    if isinstance(source, Shipped):
        file = Path(str(resources.files(source.package) / source.file))
        if not file.is_file():
            raise UserError(f"{source.file} is not in {source.package}.", "The installation is damaged: install again.")
        return file
    if isinstance(source, User):
        raise UserError(f"{method.name}/{variant} has no public weights.", f"{source.how} Then pass --checkpoint FILE.")
    from rsbench.checkpoints.fetch import fetch_weights

    return fetch_weights(source, weights.sha256, f"{method.name}/{variant}")
