"""What SLURM means when it refuses jobs: never, or not now."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rsbench.records.characters import visible

Kind = Literal["never", "full", "wide", "busy"]

_MOST = 400
_POLICY = re.compile(r"\b(?:QOS|Assoc)(?:Max|Grp|Min)\w+")
_COUNTS = re.compile(r"Submit|(?:Max|Grp)Jobs")
# sbatch names one of those above where it knows which limit it was; these are its words where it does not.
_FULL = re.compile(r"job submit limit|maximum number of (?:\w+ )?jobs|too many jobs|queue full", re.IGNORECASE)
_WIDE = re.compile(r"invalid job array spec", re.IGNORECASE)
_BUSY = re.compile(
    r"timed out|unable to contact|connection (?:refused|failure|reset)|temporarily|standby|zero bytes|try again"
    r"|no route to host|not respond|shutting down|communication|nodes are busy|name resolution|inactive or drain"
    r"|did not answer",
    re.IGNORECASE,
)
_RESOURCES = re.compile(r"gres|gpu|node configuration|partition configuration|node count", re.IGNORECASE)


@dataclass(frozen=True)
class Refusal:
    """An answer of sbatch that is no.

    Attributes:
        words: of SLURM, in one line.
        kind: ``never``: nothing changes by waiting; ``full``: only so many jobs may be queued, fewer may still go in;
            ``wide``: the array is larger than SLURM allows; ``busy``: it does not answer, or takes nothing now.
    """

    words: str
    kind: Kind

    @classmethod
    def of(cls, text: str) -> Refusal:
        """Reads what sbatch printed.

        A limit counts as ``full`` only if it is one of the number of jobs: SLURM lets jobs wait for all others by
        itself, and refuses at once those that are larger than a limit alone.

        >>> Refusal.of("sbatch: error: AssocMaxSubmitJobLimit").kind
        'full'
        >>> Refusal.of("sbatch: error: QOSMaxWallDurationPerJobLimit").kind
        'never'
        """
        words = visible(" ".join(text.split()))[:_MOST] or "it gives no reason"
        limits: list[str] = _POLICY.findall(text)
        if limits:
            return cls(words, "full" if any(map(_COUNTS.search, limits)) else "never")
        known: tuple[tuple[Kind, re.Pattern[str]], ...] = (("wide", _WIDE), ("full", _FULL), ("busy", _BUSY))
        return cls(words, next((kind for kind, pattern in known if pattern.search(text)), "never"))

    def reason(self, gpus_by_auto: bool) -> str:
        """Returns why a job cannot run, for people; ``gpus_by_auto``: its GPUs were asked for as its device is auto."""
        remedy = "Check its resources, and the options of slurm."
        if gpus_by_auto and _RESOURCES.search(self.words):
            remedy = "A GPU was asked for, as the device is auto: where there are none, say `device: cpu`."
        return f"SLURM refuses the job: {self.words.rstrip('.')}. {remedy}"
