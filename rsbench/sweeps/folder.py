"""The folder of one sweep, which tells what was wanted, and whether somebody is at work on it."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rsbench.atomic import write_whole
from rsbench.errors import UserError
from rsbench.leases import Lease, Owner, holder
from rsbench.records import utc_now
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.events import SWEEPS

FILE = "sweep.json"
EVENTS = "events.jsonl"
SCHEMA_VERSION = 1
VARIABLES = ("RSBENCH_DATA", "RSBENCH_CACHE", "RSBENCH_PLUGINS")
"""Of the environment, on which it depends what a command does."""
_LEASE = "scheduler"


@dataclass(frozen=True, kw_only=True)
class SweepFolder:
    """A sweep as its folder tells it; the files are listed in ``rsbench.sweeps.events``.

    Attributes:
        path: of the folder.
        title: of the suite, or what was asked on the command line.
        argv: of the command that started it, which goes on with it, too; empty where nobody knows.
        cwd: folder in which it was given; None where nobody knows.
        variables: those of ``VARIABLES`` that were set.
        engine: for people.
        slots: processes that run at the same time.
        host, pid: of the process that schedules.
        started: when the command began; ISO 8601 in UTC.
        cells: all that were wanted.
    """

    path: Path
    title: str
    engine: str
    slots: int
    host: str
    pid: int
    started: str
    cells: tuple[Cell, ...]
    argv: tuple[str, ...] = ()
    cwd: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def events(self) -> Path:
        """File of the events that the process that schedules writes."""
        return self.path / EVENTS

    def jobs(self) -> list[Path]:
        """Files of the events of jobs, in order of their numbers."""
        return sorted((self.path / "jobs").glob("*.jsonl"), key=lambda file: int(file.stem))

    def log(self, cell: str) -> Path:
        """File of what was printed while the cell with this key ran."""
        return self.path / "logs" / f"{cell}.log"

    def hold(self) -> Lease:
        """Says that this process schedules the sweep, until the lease is released."""
        return Lease(self.path / _LEASE)

    def scheduler(self) -> Owner | None:
        """Who schedules it now; None if nobody does: it has ended, or was killed."""
        return holder(self.path / _LEASE)

    @classmethod
    def create(cls, results: Path, cells: Sequence[Cell], **about: Any) -> SweepFolder:
        """Makes the folder of a new sweep under the folder of all runs.

        Args:
            results: folder of all runs.
            cells: all that are wanted.
            about: ``title``, ``engine``, ``slots``; ``argv``, and ``started`` where that is not now.

        Raises:
            OSError: it cannot be written.
        """
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        path = results / SWEEPS / name
        for part in ("jobs", "logs"):
            (path / part).mkdir(parents=True)
        facts = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": utc_now(),
            "cwd": str(Path.cwd()),
            "variables": {name: os.environ[name] for name in VARIABLES if os.environ.get(name)},
            **about,
            "argv": tuple(about.get("argv", ())),
        }
        content = {"schema_version": SCHEMA_VERSION, **facts, "cells": [cell.facts() for cell in cells]}
        write_whole(path / FILE, json.dumps(content, indent=1) + "\n", sync=False)
        return cls(path=path, cells=tuple(cells), **facts)

    @classmethod
    def read(cls, path: Path) -> SweepFolder:
        """Reads the folder of a sweep.

        Raises:
            UserError: it is none, or one of a newer rsbench.
        """
        try:
            content = json.loads((path / FILE).read_text(encoding="utf-8"))
            version = content.pop("schema_version")
            if version != SCHEMA_VERSION:
                known = f"this rsbench reads {SCHEMA_VERSION}"
                raise UserError(f"The sweep {path} has schema version {version}; {known}.", "Update rsbench.")
            variables = content.get("variables", {})
            content["variables"] = {name: str(variables[name]) for name in VARIABLES if name in variables}
            content["argv"] = tuple(map(str, content["argv"]))
            return cls(path=path, **{**content, "cells": tuple(map(Cell.of, content["cells"]))})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path} is not the folder of a sweep: {error}.", "Name one that is.") from None

    @classmethod
    def all(cls, results: Path) -> list[Path]:
        """Folders of the sweeps under the folder of all runs, the newest last."""
        return sorted(file.parent for file in (results / SWEEPS).glob(f"*/{FILE}"))
