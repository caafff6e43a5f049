"""Puts tensors into a network, with an account of every key: nothing is half loaded, nothing is left over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from rsbench.errors import UserError, near_miss

Rename = Callable[[str], str]


def _rsbench(key: str) -> str:
    """Names of the timm model; ``encoder.`` (shipped encoders) and ``encoder.model.`` (training) are taken off."""
    return key.removeprefix("encoder.").removeprefix("model.")


LAYOUTS: Mapping[str, Rename] = {"rsbench": _rsbench}
# What files of our own pretraining hold beside the encoder.
OWN_DROP = ("decoder.", "mask_token")


@dataclass
class Account:
    """What became of each key of a checkpoint.

    Attributes:
        mapped: source key to target key.
        dropped: source keys on the drop list.
        missing: parameters and buffers of the network that no key fills.
        unexpected: source keys that are neither mapped nor dropped.
        misshapen: target keys with the shape found and the shape wanted.
    """

    mapped: dict[str, str] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    misshapen: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """True if every key is mapped or dropped and everything is filled."""
        return not (self.missing or self.unexpected or self.misshapen)

    def complaint(self) -> str:
        """Both lists, shortened, for an error message."""
        parts = []
        for title, keys in (("missing", self.missing), ("unexpected", self.unexpected)):
            if keys:
                parts.append(f"{len(keys)} {title} ({', '.join(keys[:5])}{', ...' if len(keys) > 5 else ''})")
        if self.misshapen:
            key, (found, wanted) = next(iter(self.misshapen.items()))
            parts.append(f"{len(self.misshapen)} of another shape ({key}: file {found}, network {wanted})")
        return "; ".join(parts)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], layout: str, drop: Sequence[str], origin: str) -> Account:
    """Copies ``tensors`` into ``network``; all of it or nothing.

    Args:
        network: parameters and persistent buffers are filled.
        tensors: by source key.
        layout: name of the renaming in ``LAYOUTS``.
        drop: prefixes of source keys that are left out by name.
        origin: of the tensors, for messages.

    Raises:
        UserError: some key is neither mapped nor dropped, or something is not filled; both lists are printed.
    """
    if layout not in LAYOUTS:
        raise UserError(f"There is no key layout {layout!r}.", near_miss(layout, LAYOUTS))
    target = network.state_dict()
    account = Account()
    ready: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        name = key if key in target else LAYOUTS[layout](key)
        if name in target:
            if name in ready:
                account.unexpected.append(f"{key} (a second one for {name})")
                continue
            account.mapped[key] = name
            found, wanted = tuple(tensor.shape), tuple(target[name].shape)
            if found != wanted:
                account.misshapen[name] = (found, wanted)
            ready[name] = tensor.to(target[name].dtype)
        elif key.startswith(tuple(drop)):
            account.dropped.append(key)
        else:
            account.unexpected.append(key)
    account.missing = sorted(target.keys() - ready.keys())
    if not account.complete:
        raise UserError(
            f"{origin} does not fit the backbone: {account.complaint()}.",
            "It was made with another architecture, window or key layout; nothing was loaded.",
        )
    network.load_state_dict(ready)
    return account
