"""Gets the file of weights that a method names, once, and knows it again.

A file is known by the sha256 that its method gives (or the first digits of one, or an md5), else by the one that was
noted when it was first used.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from rsbench.checkpoints.memo import Memo
from rsbench.checkpoints.terms import demand_acceptance
from rsbench.download import Unwanted, fetch
from rsbench.errors import UserError
from rsbench.locks import exclusive
from rsbench.method import Method
from rsbench.paths import cache_home
from rsbench.sources import ByHand, Shipped, Url, User
from rsbench.weights import Weights


@dataclass(frozen=True)
class Obtained:
    """A local file of weights.

    Attributes:
        file: where it lies.
        weights: that it is the file of.
        memo: what is remembered of it; None for files of the user's and of packages.
        own: False for a file of the user's in place of the method's.
    """

    file: Path
    weights: Weights
    memo: Memo | None = None
    own: bool = True

    def verify(self, sha256: str) -> None:
        """Compares the digest of the file with what is known of it.

        Raises:
            UserError: it is another file.
        """
        if not self.own:
            return
        published, memo = self.weights.sha256, self.memo
        if published and not sha256.startswith(published):
            again = f"Delete {self.file.name} to get it again." if memo else "Install rsbench again."
            raise UserError(
                f"{self.file} has sha256 {sha256}, not {published} as its method says.",
                f"It is damaged or another file. {again}",
            )
        if memo and memo.sha256 and sha256 != memo.sha256:
            raise UserError(
                f"{self.file} has sha256 {sha256}, not {memo.sha256} as when it was first used.",
                f"If you want this file, delete {memo.path.name} beside it; if not, delete the file and get it again.",
            )
        if self.weights.md5 and (memo is None or memo.md5 != self.weights.md5):
            _check_md5(self.file, self.weights.md5)


def obtain(method: Method, variant: str, accept_licence: bool = False) -> Obtained:
    """Returns the file of ``method``/``variant``, downloaded if it is not there yet.

    Args:
        method, variant: from the registry; the source is not Random.
        accept_licence: the user accepts the terms of these weights, now and for later.

    Raises:
        UserError: no address gives the file, only a person can get it, or its terms were not accepted.
    """
    weights, owner = method.weights(variant), f"{method.name}/{variant}"
    source = weights.source
    if isinstance(source, Shipped):
        shipped = Path(str(resources.files(source.package) / source.file))
        if not shipped.is_file():
            raise UserError(f"{source.file} is not in {source.package}.", "The installation is damaged: install again.")
        return Obtained(shipped, weights)
    if isinstance(source, User):
        raise UserError(f"{owner} has no public weights.", f"{source.how} Then pass --checkpoint FILE.")
    assert isinstance(source, Url | ByHand)
    demand_acceptance(owner, weights, accept_licence)
    file = place(owner, source)
    if isinstance(source, ByHand):
        if not file.is_file():
            raise UserError(
                f"No program can fetch the weights of {owner}.",
                f"{source.how} Put the file at {file}, or give it with --checkpoint FILE.",
            )
    elif not file.exists():
        with exclusive(
            file.with_name(file.name + ".fetch"), f"Another process is fetching the weights of {owner}; waiting for it."
        ):
            if not file.exists():  # fetch locks the file itself
                whole = weights.sha256 is not None and len(weights.sha256) == 64
                known = weights.sha256 if whole else Memo.of(file).sha256 or weights.sha256
                fetch(
                    source.urls,
                    file,
                    f"sha256:{known}" if known and len(known) == 64 else None,
                    title=f"weights of {owner}",
                    page=source.page,
                    check=lambda part: _check(part, known, weights.md5),
                )
    return Obtained(file, weights, Memo.of(file))


def place(owner: str, source: Url | ByHand) -> Path:
    """Returns where the file of ``owner`` (``method/variant``) lies once it was fetched or put there."""
    return cache_home() / "weights" / owner / source.file


def _check(part: Path, known: str | None, md5: str | None) -> None:
    """Raises Unwanted if what arrived is no checkpoint, damaged, or another one; the next address is tried then."""
    from rsbench.checkpoints.read import read_tensors

    try:
        read_tensors(part)
        if zipfile.is_zipfile(part):
            with zipfile.ZipFile(part) as archive:
                damaged = archive.testzip()
            if damaged:
                raise Unwanted(f"its part {damaged!a} is damaged")
    except UserError as error:
        raise Unwanted(error.message.replace(str(part), "what came")) from None
    if known and len(known) < 64:
        with part.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if not found.startswith(known):
            raise Unwanted(f"the sha256 begins with {found[: len(known)]}, not with {known}")
    try:
        _check_md5(part, md5)
    except UserError as error:
        raise Unwanted(error.message) from None


def _check_md5(file: Path, md5: str | None) -> None:
    if md5 is None:
        return
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "md5").hexdigest()
    if found != md5:
        raise UserError(f"{file} has md5 {found}, not {md5}.", "Delete it, and get it again.")
