"""Where weights come from."""

from __future__ import annotations

from dataclasses import dataclass

from rsbench.errors import UserError


@dataclass(frozen=True)
class Random:
    """No file: the weights are drawn afresh, from the seed of the run."""

    kind = "random"


@dataclass(frozen=True)
class Shipped:
    """A file that comes inside an installed package.

    Args:
        file: file name inside ``package``.
        package: dotted name of the package that holds it.
    """

    file: str
    package: str = "rsbench.methods.weights"

    kind = "shipped"


@dataclass(frozen=True)
class Url:
    """A file that is downloaded once, from the first address that answers.

    Args:
        urls: addresses of the same bytes, in the order in which they are tried.
        file: name under which it is kept.
        page: where a person finds it when no address answers.
    """

    urls: tuple[str, ...]
    file: str
    page: str = ""

    kind = "url"

    def __post_init__(self) -> None:
        if not self.urls:
            raise UserError(f"Url: no address for {self.file!r}.", "Give at least one.")


@dataclass(frozen=True)
class ByHand:
    """A file that no program can fetch: a person gets it once and puts it where rsbench looks for it.

    Args:
        file: name under which it is kept.
        how: sentences that say where it is and what to click.
    """

    file: str
    how: str

    kind = "by-hand"


@dataclass(frozen=True)
class User:
    """Weights that only the user can get or make; without ``--checkpoint`` the run stops.

    Args:
        how: one sentence that says how to get or make the file.
    """

    how: str

    kind = "user"


Source = Random | Shipped | Url | ByHand | User
