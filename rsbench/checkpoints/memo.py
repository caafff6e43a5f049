"""What rsbench remembers of a file of weights: its sha256, and which network it filled last time.

A file that was verified once, and that the file system has not touched since, is not hashed again as long as the
network filled from it has the same digest as then: every bit that is used is verified at every load, at a tenth of the
time. Whenever either differs, the file is hashed and compared.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Memo:
    """The note beside a file of weights.

    Attributes:
        path: of the note.
        sha256: of the file; None if the file was never used.
        stamp: size and times of the file when it was hashed.
        networks: digest of the filled network by architecture and arguments.
        md5: that the file was found to have, where a method gives one.
    """

    path: Path
    sha256: str | None = None
    stamp: list[int] = field(default_factory=list)
    networks: dict[str, str] = field(default_factory=dict)
    md5: str | None = None

    @classmethod
    def of(cls, file: Path) -> Memo:
        """Reads the note beside ``file``; an empty one if there is none or it cannot be read."""
        path = file.with_name(file.name + ".verified.json")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                path, str(content["sha256"]), list(content["stamp"]), dict(content["networks"]), content.get("md5")
            )
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    def expected(self, file: Path, network: str) -> str | None:
        """The digest that ``network`` must have when filled from ``file``, if the file was not touched since."""
        return self.networks.get(network) if self.stamp == stamp(file) else None

    def write(self, file: Path, sha256: str, network: str, digest: str, md5: str | None) -> None:
        """Notes that ``file`` has ``sha256`` (and ``md5``) and fills ``network`` to ``digest``."""
        now = stamp(file)
        kept = self.networks if self.sha256 == sha256 else {}
        self.sha256, self.stamp, self.networks = sha256, now, {**kept, network: digest}
        content: dict[str, Any] = {"sha256": sha256, "md5": md5, "stamp": now, "networks": self.networks}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(f"{self.path.name}.{secrets.token_hex(4)}")
        unfinished.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        unfinished.replace(self.path)


def stamp(file: Path) -> list[int]:
    """Size and times of ``file``; the time of its inode changes with every write, whatever sets the others."""
    found = file.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]
