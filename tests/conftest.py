"""Shared by all tests: nothing outside the test's own folders is read or written, and the real command line."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps tests away from the plugins, caches and datasets of the user who runs them."""
    base = tmp_path_factory.getbasetemp()
    monkeypatch.delenv("RSBENCH_PLUGINS", raising=False)
    monkeypatch.setenv("RSBENCH_CACHE", str(base / "cache"))
    monkeypatch.setenv("RSBENCH_DATA", str(base / "no-datasets"))


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs ``rsbench`` in a process of its own, in ``tmp_path``: cli("list", "methods", RSBENCH_PLUGINS="a.py")."""

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "rsbench", *map(str, arguments)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)

    return run
