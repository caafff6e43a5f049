"""The command ``rsbench run`` in this process, on demo scenes that are drawn once per module."""

import json
from pathlib import Path

import pytest

from rsbench.cli import _main


@pytest.fixture(scope="module")
def shared(tmp_path_factory) -> Path:
    """A cache folder whose demo scenes are written once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def run(shared, tmp_path, monkeypatch, capsys):
    """Runs the command line; returns (exit code, records printed as JSON, standard error)."""
    monkeypatch.setenv("RSBENCH_CACHE", str(shared))
    monkeypatch.delenv("RSBENCH_PLUGINS", raising=False)

    def call(*arguments, task="eurosat", data="demo", method="random/nano"):
        given = ["run", "--method", method, "--task", task, "--data", data, "--results", str(tmp_path / "runs")]
        capsys.readouterr()
        code = _main([*given, "--json", "--device", "cpu", *arguments])
        out, err = capsys.readouterr()
        return code, [json.loads(line) for line in out.splitlines()], err

    return call
