"""The account of a checkpoint: what becomes of every key, and what every part of the backbone is made from.

The account is made from names and shapes alone, before anything is copied; a load goes on only if it is complete.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rsbench.checkpoints.layout import Layout, Move
from rsbench.checkpoints.resize import RESIZERS, Resizer
from rsbench.errors import UserError

# What training code puts around a whole network.
_WRAPPERS = ("module.", "_orig_mod.")
# A count that no computation in evaluation mode reads; old checkpoints lack it, and it becomes zero.
_COUNT = re.compile(r"(^|\.)num_batches_tracked$")


class MisfitError(UserError):
    """The file was read, and it is not whole for this backbone."""


class Reshaped(NamedTuple):
    """A tensor whose shape is not the one wanted."""

    found: tuple[int, ...]
    wanted: tuple[int, ...]


@dataclass
class Account:
    """What became of each key of a checkpoint.

    Attributes:
        layout: that the keys follow.
        prefix: that was taken off them.
        mapped: source key to target key.
        made: target key to what was done to its sources, where something was done.
        resized: target key to the shapes before and after, and the name of the rule.
        dropped: source keys that are left out by name.
        missing: parameters and buffers of the network that no key fills.
        zeroed: counters of batches that old files lack; nothing computes with them.
        unexpected: source keys that are neither mapped nor dropped.
        misshapen: target keys with the shape found and the shape wanted.
    """

    layout: Layout
    prefix: str
    mapped: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    resized: dict[str, tuple[Reshaped, str]] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    zeroed: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: dict[str, Reshaped] = field(default_factory=dict)
    moves: dict[str, Move] = field(default_factory=dict, repr=False)

    @property
    def complete(self) -> bool:
        """True if every key is mapped or dropped and everything is filled."""
        return not (self.missing or self.unexpected or self.misshapen)

    def complaint(self) -> str:
        """What is wrong, shortened, for an error message."""
        parts = []
        for title, keys in (("missing", self.missing), ("unexpected", self.unexpected)):
            if keys:
                parts.append(f"{len(keys)} {title} ({', '.join(keys[:5])}{', ...' if len(keys) > 5 else ''})")
        if self.misshapen:
            key, (found, wanted) = next(iter(self.misshapen.items()))
            parts.append(f"{len(self.misshapen)} of another shape ({key}: file {found}, network {wanted})")
        return "; ".join(parts)

    def about(self) -> dict[str, object]:
        """What a record says of it."""
        facts: dict[str, object] = {
            "layout": self.layout.name,
            "prefix": self.prefix,
            "keys": {"mapped": len(self.mapped), "dropped": len(self.dropped)},
        }
        if self.resized:
            facts["resized"] = dict(Counter(rule for _, rule in self.resized.values()))
        return facts


def account_for(
    tensors: Mapping[str, Tensor],
    network: nn.Module,
    layouts: Sequence[Layout],
    prefixes: Sequence[str] = ("",),
    drop: Sequence[str] = (),
    resize: Sequence[str] = (),
) -> Account:
    """Returns the account of ``tensors`` for ``network``; of the layouts and prefixes, those that fill most of it.

    Args:
        tensors: by source key.
        network: whose parameters and persistent buffers are to be filled.
        layouts, prefixes: that the file may have.
        drop: beginnings of source keys (without ``module.``) that are left out by name.
        resize: names of the rules by which a tensor of another shape may be fitted.
    """
    target = network.state_dict()
    bare = _unwrapped(tensors)
    best: tuple[tuple[int, int], str, Layout, dict[str, Move]] | None = None
    for prefix in prefixes:
        keys = [key.removeprefix(prefix) for key in bare if key.startswith(prefix)]
        for layout in layouts:
            wanted = [key for key in keys if not layout.drops(key)] if layout.claims(keys) else []
            moves = {name: move for name, move in layout.moves(wanted).items() if name in target}
            fits = sum(
                prefix + move.sources[0] in bare
                and tensors[bare[prefix + move.sources[0]]].shape[1:] == target[name].shape[1:]
                for name, move in moves.items()
            )
            score = (fits, len(moves))
            if best is None or score > best[0]:
                best = (score, prefix, layout, moves)
    assert best is not None  # a method has at least one layout and one prefix
    _, prefix, layout, moves = best
    return _fill_in(Account(layout, prefix, moves=moves), tensors, bare, target, drop, resize)


def _fill_in(
    account: Account,
    tensors: Mapping[str, Tensor],
    bare: Mapping[str, str],
    target: Mapping[str, Tensor],
    drop: Sequence[str],
    resize: Sequence[str],
) -> Account:
    prefix, used = account.prefix, set()
    for name, move in list(account.moves.items()):
        sources = [bare.get(prefix + source, "") for source in move.sources]
        if not all(sources):  # half of a joined tensor
            del account.moves[name]
            continue
        account.moves[name] = Move(tuple(sources), move.make, move.why)
        used.update(sources)
        account.mapped.update(dict.fromkeys(sources, name))
        if move.why:
            account.made[name] = move.why
        shape = _shape(account.moves[name], tensors)
        wanted = tuple(target[name].shape)
        if shape != wanted:
            rule = next((rule for rule in resize if RESIZERS[rule].applies(name, shape, wanted)), None)
            if rule is None:
                account.misshapen[name] = Reshaped(shape, wanted)
            else:
                account.resized[name] = (Reshaped(shape, wanted), rule)
    for key, source in bare.items():
        if source in used:
            continue
        inside = key.startswith(prefix) and account.layout.drops(key.removeprefix(prefix))
        kept = account.dropped if inside or key.startswith(tuple(drop)) else account.unexpected
        kept.append(source)
    for name in sorted(target.keys() - account.moves.keys()):
        (account.zeroed if _COUNT.search(name) else account.missing).append(name)
    return account


def _unwrapped(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Returns source keys by their names without ``module.`` and the like, if all of them have it."""
    bare = {key: key for key in tensors}
    while wrapper := next((each for each in _WRAPPERS if all(key.startswith(each) for key in bare)), None):
        bare = {key.removeprefix(wrapper): source for key, source in bare.items()}
    return bare


def _shape(move: Move, tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
    """The shape of what ``move`` makes, without making it."""
    if move.make is None:
        return tuple(tensors[move.sources[0]].shape)
    try:
        made = move.make(*(torch.empty(tensors[source].shape, device="meta") for source in move.sources))
    except RuntimeError:  # tensors that cannot be joined or reordered: the first one tells how they look
        return tuple(tensors[move.sources[0]].shape)
    return tuple(made.shape)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], account: Account, origin: str) -> None:
    """Copies ``tensors`` into ``network`` as its account says; all of it or nothing that anyone may use.

    Args:
        network: the one that the account was made for.
        tensors: by source key.
        account: complete.
        origin: of the tensors, for messages.

    Raises:
        MisfitError: the account is not complete.
        UserError: a tensor is not of floating point.
    """
    if not account.complete:
        raise MisfitError(
            f"{origin} does not fit the backbone: {account.complaint()}.",
            "It was made with another architecture, window or key layout; nothing was loaded. "
            "rsbench inspect FILE --method METHOD --keys shows every key.",
        )
    target = network.state_dict()
    with torch.no_grad():
        for name in account.zeroed:
            target[name].zero_()
        for name, move in account.moves.items():
            parts = [tensors[source].detach() for source in move.sources]
            if target[name].is_floating_point() and not all(part.is_floating_point() for part in parts):
                raise UserError(f"{origin}: {move.sources[0]} is {parts[0].dtype}.", "Give weights in floating point.")
            tensor = parts[0] if move.make is None else move.make(*parts)
            if name in account.resized:
                rule: Resizer = RESIZERS[account.resized[name][1]]
                tensor = rule.resize(tensor.float(), tuple(target[name].shape))
            target[name].copy_(tensor)


def refuse_not_finite(network: nn.Module, account: Account, origin: str) -> None:
    """Raises UserError if something that was filled from ``origin`` is NaN or infinite."""
    target = network.state_dict()
    for name, move in account.moves.items():
        tensor = target[name]
        if tensor.is_floating_point() and tensor.numel():
            low, high = tensor.aminmax()  # NaN is passed on by both; one pass, no copy
            if not (torch.isfinite(low) and torch.isfinite(high)):
                raise UserError(
                    f"{origin}: {', '.join(move.sources)} holds values that are not finite.",
                    "The training that wrote it diverged, or the file is damaged; take another checkpoint.",
                )
