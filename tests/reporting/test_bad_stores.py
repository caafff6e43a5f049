"""Every command that reads a whole store names what it cannot trust, and does its work with the rest."""

import json
import os
import shutil

import pytest

from rsbench.cli import _main
from rsbench.records import Store


@pytest.fixture
def spoiled(tmp_path, make, hits):
    """A store with one good run and every kind of folder that cannot be trusted; and what is said of each."""
    store = Store(tmp_path / "runs")
    good = {"method": "ctxmim/nano", "title": "CtxMIM, re-implemented, nano", "intervals": {"val/top1": (11.0, 14.0)}}
    store.write(make(**good, metrics={"val/top1": 12.5}), hits(0.125, 0))
    said = {}

    def run(seed, **changes):
        return store.write(make(seed=seed, method="random/nano", title="Random Init., nano", **changes))

    def edit(folder, **changes):
        content = json.loads((folder / "record.json").read_text())
        (folder / "record.json").write_text(json.dumps({**content, **changes}))
        return folder.name

    said[edit(run(1), schema_version=99)] = "schema version 99"
    said[edit(run(2), metrics={"val/top1": 99.4321})] = "changed after it was written"
    said[edit(run(7), schema_version="99")] = 'schema version "99"'
    said[edit(run(8), dataset={"counts": "abc"})] = "how many items"
    said[edit(run(9), changed={"x": "\ud800"})] = "not valid Unicode"
    said[edit(run(10), title="\x1b[2J")] = "control character"
    latin = run(11)
    (latin / "record.json").write_bytes((latin / "record.json").read_bytes().replace(b"random", b"r\xe4ndom"))
    said[latin.name] = "is no UTF-8"
    half = run(3)
    (half / "record.json").write_text((half / "record.json").read_text()[:300])
    said[half.name] = "is not JSON"
    empty = run(4)
    (empty / "record.json").unlink()
    said[empty.name] = "has no record.json"
    run(5).rename(store.root / "other")
    said[run(5, metrics={"val/top1": 87.6543}).name] = said["other"] = "several times with different results"
    shutil.copytree(run(6), store.root / "copy")
    said["copy"] = "is a copy of the run"
    left = store.root / ".0123456789abcdef.tmp-00000000"
    left.mkdir()
    os.utime(left, (0, 0))
    said[left.name] = "never finished"
    return store, said


@pytest.mark.parametrize(
    "command",
    [
        ["table", "1"],
        ["table", "1", "--format", "latex"],
        ["table", "5", "--format", "json"],
        ["leaderboard", "--out", "page"],
        ["export", "--out", "runs.parquet"],
        ["cite"],
    ],
    ids=lambda command: " ".join(command),
)
def test_what_cannot_be_trusted_is_named_and_the_rest_is_used(spoiled, capsys, monkeypatch, tmp_path, command):
    store, said = spoiled
    monkeypatch.chdir(tmp_path)
    assert _main([*command, "--results", str(store.root)]) == 0
    out, err = capsys.readouterr()
    for folder, reason in said.items():
        assert any(folder in line and reason in line for line in err.splitlines()), (folder, err)
    for path in ("page/index.html", "runs.parquet"):
        if (tmp_path / path).exists():
            out += (tmp_path / path).read_bytes().decode(errors="replace")
    assert "99.43" not in out
    assert "87.65" not in out


def test_what_cannot_be_trusted_is_refused_by_its_id(spoiled, capsys):
    store, said = spoiled
    good = next(iter(store)).id
    for folder, reason in said.items():
        if reason != "several times with different results":  # that takes a look at all folders
            assert _main(["compare", good, folder, "--results", str(store.root)]) == 2
            assert folder in capsys.readouterr().err


def test_a_single_run_that_was_changed_is_refused_by_name(spoiled, capsys):
    store, said = spoiled
    [changed] = [folder for folder, reason in said.items() if reason.startswith("changed")]
    good = next(iter(store)).id
    assert _main(["compare", good, changed, "--results", str(store.root)]) == 2
    err = capsys.readouterr().err
    assert changed in err
    assert "changed after it was written" in err


def test_a_run_that_is_there_twice_with_different_results_is_refused_by_name(spoiled, capsys, tmp_path):
    store, said = spoiled
    twice = next(folder for folder, reason in said.items() if reason.startswith("several") and folder != "other")
    good = next(iter(store)).id
    for command in (["compare", good, twice], ["figure", "confusion", twice, "--out", str(tmp_path / "figure")]):
        assert _main([*command, "--results", str(store.root)]) == 2
        assert "is there several times with different results" in capsys.readouterr().err
