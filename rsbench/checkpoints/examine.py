"""Looks at a checkpoint as a load would, and reports instead of stopping at the first fault."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rsbench.checkpoints.account import Account, MisfitError, fill, refuse_not_finite
from rsbench.checkpoints.digest import digest
from rsbench.checkpoints.load import inner, other_variants, prepare
from rsbench.checkpoints.read import Tensors, read_tensors, sha256_file
from rsbench.checkpoints.untrained import refuse_untrained
from rsbench.errors import UserError
from rsbench.method import Method


@dataclass(frozen=True)
class Examination:
    """What was found in a file.

    Attributes:
        file: that was examined.
        tensors: of it.
        account: of its keys.
        parameters: of the network.
        filled: how many of them the file fills.
        digest: of the filled network; None if the contract fails.
        problem: why a load would refuse the file; None if it would not.
        expected: sha256 of the method's own file, or its first digits; None where nobody published one.
    """

    file: Path
    tensors: Tensors
    account: Account
    parameters: int
    filled: int
    digest: str | None
    problem: UserError | None
    expected: str | None

    def _published(self, sha256: str) -> str:
        """Whether this is the file that the method names."""
        if self.expected is None:
            return "no digest is published"
        return "the published file" if sha256.startswith(self.expected) else "not the published file"

    def facts(self) -> dict[str, Any]:
        """Everything as plain values."""
        account = self.account
        return {
            "file": str(self.file),
            "size_bytes": self.file.stat().st_size,
            "file_sha256": (found := sha256_file(self.file)),
            "published": self._published(found),
            "container": self.tensors.container,
            "where": self.tensors.where,
            "beside": list(self.tensors.beside),
            "foreign": list(self.tensors.foreign),
            "layout": account.layout.name,
            "prefix": account.prefix,
            "mapped": dict(account.mapped),
            "made": dict(account.made),
            "resized": {name: [*map(list, shapes), rule] for name, (shapes, rule) in account.resized.items()},
            "dropped": list(account.dropped),
            "missing": list(account.missing),
            "zeroed": list(account.zeroed),
            "unexpected": list(account.unexpected),
            "misshapen": {name: [*map(list, shapes)] for name, shapes in account.misshapen.items()},
            "parameters": self.parameters,
            "filled": self.filled,
            "digest": self.digest,
            "complete": self.problem is None,
        }


def examine(method: Method, variant: str, file: Path) -> Examination:
    """Returns what a load of ``file`` as ``method``/``variant`` would find.

    Raises:
        UserError: the file cannot be read at all, or holds no named tensors.
    """
    weights = method.weights(variant)
    tensors = read_tensors(file)
    backbone, account = prepare(weights, tensors)
    network, problem = inner(backbone), None
    try:
        fill(network, tensors.tensors, account, str(file))
        refuse_not_finite(network, account, str(file))
        refuse_untrained(backbone, weights, account.layout.kwargs, 0, str(file))
    except MisfitError as error:
        problem = UserError(error.message, error.hint + other_variants(method, variant, file))
    except UserError as error:
        problem = error
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    filled = sum(size for name, size in sizes.items() if name in account.moves and name not in account.misshapen)
    known = None if problem else digest(backbone)
    return Examination(file, tensors, account, sum(sizes.values()), filled, known, problem, weights.sha256)
