"""``rsbench sweep`` as a user meets it: in a process of its own, on whole or broken disks, alone or with others."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweep_numbers import numbers

PLUGIN = Path(__file__).parent.parent / "tiny_sweep.py"


def command(results: Path, *arguments: str) -> list[str]:
    given = ["--data", "demo", "--plugin", str(PLUGIN), "--results", str(results), "--jobs", "2"]
    return [sys.executable, "-m", "rsbench", "sweep", *arguments, *given]


def run(results: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(results, *arguments), capture_output=True, text=True, timeout=200)


pytestmark = pytest.mark.slow  # each test starts rsbench several times
MATRIX = ("--methods", "means/slow,random/nano", "--tasks", "tiny-scenes", "--protocol", "paper,knn", "--seeds", "0-1")


def test_a_plan_a_sweep_and_another_one(tmp_path, environment):
    plan = run(tmp_path / "runs", *MATRIX, "--dry-run")
    assert plan.returncode == 0 and "8 to do" in plan.stdout
    assert not (tmp_path / "runs").exists(), "a plan writes nothing"
    first = run(tmp_path / "runs", *MATRIX)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("done ") == 8 and "\x1b" not in first.stderr
    assert "8 cells: 8 done" in first.stdout
    again = run(tmp_path / "runs", *MATRIX)
    assert again.returncode == 0 and "8 cells: 8 reused" in again.stdout
    facts = json.loads(run(tmp_path / "runs", *MATRIX, "--dry-run", "--json").stdout)
    stand = {(cell["spec"]["method"], cell["state"]) for cell in facts["cells"]}
    assert stand == {("random/nano", "done"), ("means/slow", "unknown")}, "a plugin's network must be made to tell"
    status = subprocess.run(
        [sys.executable, "-m", "rsbench", "status", "--results", str(tmp_path / "runs"), "--json"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert json.loads(status.stdout)["counts"]["reused"] == 8


def test_failures_are_in_the_exit_code_and_in_the_summary(tmp_path, environment):
    asked = ("--methods", "means/raises,means/well", "--tasks", "tiny-scenes", "--protocol", "paper")
    done = run(tmp_path / "runs", *asked)
    assert done.returncode == 1
    assert "1 done" in done.stdout and "1 failed" in done.stdout
    assert "ValueError: no such band" in done.stdout and ".log" in done.stdout and "--retry-failed" in done.stdout


def test_ctrl_c_stops_in_order_and_says_how_to_go_on(tmp_path, environment):
    asked = ("--methods", "random/nano", "--tasks", "tiny-fields", "--seeds", "0-3", "--protocol", "paper")
    process = subprocess.Popen(
        command(tmp_path / "runs", *asked),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "started" in line:
            break
    time.sleep(1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "go on" in out.lower() and "rsbench sweep --methods random/nano" in out
    assert "Traceback" not in out + err
    found = numbers(tmp_path / "runs")
    assert {value[1] for value in found.values()} <= {"done", "interrupted"}
    assert not list((tmp_path / "runs" / ".leases").glob("*")), "nobody is at work any more"
    done = run(tmp_path / "runs", *asked)
    assert done.returncode == 0, done.stderr
    assert {value[1] for value in numbers(tmp_path / "runs").values()} == {"done"}


def test_two_sweeps_at_once_on_one_store_never_do_a_cell_twice(tmp_path, environment, monkeypatch):
    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TINY_COUNT", str(tmp_path / "count"))
    asked = (
        "--methods",
        "means/slow,means/well",
        "--tasks",
        "tiny-scenes",
        "--protocol",
        "paper,swept,knn",
        "--seeds",
        "0-1",
    )
    both = [
        subprocess.Popen(command(tmp_path / "runs", *asked), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    events = [
        json.loads(line)
        for file in (tmp_path / "runs" / ".sweeps").glob("*/jobs/*.jsonl")
        for line in file.read_text().splitlines()
    ]
    done = [event["cell"] for event in events if event["state"] == "done"]
    assert len(done) == len(set(done)) == 12, "each cell once, by one of the two"
    embedded = [int(line) for line in (tmp_path / "count").read_text().split()]
    assert sum(count for count in embedded if count > 1) == 2 * 32, "the features of both methods once"
    assert len(numbers(tmp_path / "runs")) == 12


def test_the_way_of_a_cluster_gives_the_same(tmp_path, environment):
    here = run(tmp_path / "here", *MATRIX)
    there = run(tmp_path / "there", *MATRIX, "--engine", "submitit")
    assert here.returncode == there.returncode == 0, there.stderr
    assert numbers(tmp_path / "here") == numbers(tmp_path / "there")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_full_fails_cells_and_nothing_else(small_disk, tmp_path, environment):
    assert run(small_disk / "runs", *MATRIX[:-1], "0").returncode == 0
    before = numbers(small_disk / "runs")
    filler = os.open(small_disk / "filler", os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(filler, b"0" * (1 << 12))
    os.close(filler)
    done = run(small_disk / "runs", *MATRIX)
    assert done.returncode in (1, 2)
    assert "No space left" in done.stdout + done.stderr and "Traceback" not in done.stdout + done.stderr
    assert numbers(small_disk / "runs") == before
    (small_disk / "filler").unlink()
    assert run(small_disk / "runs", *MATRIX).returncode == 0
    assert len(numbers(small_disk / "runs")) == 8


def test_a_store_that_is_read_only_is_refused_before_anything_is_run(small_disk, environment):
    assert run(small_disk / "runs", *MATRIX[:-1], "0").returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refused = run(small_disk / "runs", *MATRIX)
    assert refused.returncode == 2 and "read-only" in refused.stderr and "Traceback" not in refused.stderr
    assert run(small_disk / "runs", *MATRIX, "--dry-run").returncode == 0, "a plan is only looked at"
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert "4 reused" in run(small_disk / "runs", *MATRIX).stdout
