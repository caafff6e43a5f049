"""`rsbench sweep` on the command line, as far as nothing is run: mistakes, help and plans."""

import json

import pytest

from rsbench.cli import _main

PAIR = ("--methods", "random/nano", "--tasks", "eurosat")


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """Runs ``rsbench sweep`` in an empty folder; returns exit code, output and standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = _main(["sweep", *arguments])
        return code, *capsys.readouterr()

    return call


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("demo", "--json"), "--json needs --dry-run."),
        (("demo", "--methods", "x"), "--methods does not go with a suite: demo names its own.\n  Leave it out."),
        (
            ("demo", "--methods", "x", "--tasks", "y"),
            "--methods and --tasks do not go with a suite: demo names its own.\n  Leave them out.",
        ),
        (("--methods", "random/nano"), "--tasks is missing."),
        (("--tasks", "eurosat"), "--methods is missing."),
        ((), "A sweep wants a suite, or --methods and --tasks."),
        ((*PAIR, "--array-parallelism", "3"), "--array-parallelism is for --engine slurm."),
        ((*PAIR, "--engine", "slurm", "--jobs", "3"), "--jobs does not go with --engine slurm."),
        ((*PAIR, "--dry-run", "--results", "file"), "--results file cannot be a folder:"),
        ((*PAIR, "--dry-run", "--results", "file/runs"), "--results file/runs cannot be a folder:"),
        ((*PAIR, "--device", "gpu"), "Did you mean 'cuda'?"),
    ],
)
def test_mistakes_are_told_before_anything_is_run(sweep, tmp_path, arguments, told):
    (tmp_path / "file").write_text("no folder")
    code, out, err = sweep(*arguments)
    assert code == 2 and out == ""
    assert told in err
    assert {path.name for path in tmp_path.iterdir()} <= {"file", "cache", "home"}, "nothing was made"


def test_the_help(sweep):
    text = " ".join(sweep("--help")[1].split())
    for sentence in (
        "Run every method on every task with every seed; skip what has a record.",
        "Processes at once. 0: one per GPU; without GPUs one per core, at most 8.",
        "Processes that share each cell, as under torchrun.",
        "Seeds: 0, 0-4 or 0,2,7. [default: 0, or the suite's]",
    ):
        assert sentence in text


def test_the_plan_of_a_cluster_is_for_it(sweep):
    code, out, _ = sweep(*PAIR, "--data", "demo", "--dry-run", "--json", "--engine", "slurm")
    plan = json.loads(out)
    assert code == 0
    assert (plan["where"], plan["slots"], plan["available_memory"]) == ("cluster", None, None)
    code, out, _ = sweep(
        *PAIR, "--data", "demo", "--dry-run", "--json", "--engine", "slurm", "--array-parallelism", "4"
    )
    assert json.loads(out)["slots"] == 4
