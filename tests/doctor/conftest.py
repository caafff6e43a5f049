"""The command in this process, without torch: a process that imports it takes seconds."""

import json
from types import SimpleNamespace

import pytest

from rsbench.cli import _main
from rsbench.doctor import checks
from rsbench.doctor.line import Line


@pytest.fixture
def doctor(tmp_path, monkeypatch, capsys):
    """Runs ``rsbench doctor --json``; returns code, the whole object, and lines by ``area what``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RSBENCH_DATA", str(tmp_path / "datasets"))
    monkeypatch.setattr(checks, "check_torch", lambda: [Line("ok", "devices", "torch", "not looked at")])

    def call(*arguments):
        capsys.readouterr()
        code = _main(["doctor", "--json", *map(str, arguments)])
        out, err = capsys.readouterr()
        found = json.loads(out)
        lines = {f"{line['area']} {line['what']}": SimpleNamespace(**line) for line in found["lines"]}
        assert len(lines) == len(found["lines"]), "two lines cannot be told apart"
        assert code == any(line.status == "failed" for line in lines.values())
        assert all(line.remedy for line in lines.values() if line.status in ("warning", "failed"))
        return SimpleNamespace(code=code, found=found, lines=lines, err=err)

    return call
