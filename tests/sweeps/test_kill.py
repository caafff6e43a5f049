"""SIGKILL at any instant: nothing finished is lost, nothing half-written believed, a rerun gives the same numbers."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_numbers import numbers
from tiny_sweep import PLACES

from rsbench.probing.cache import FeatureCache
from rsbench.records import Store
from rsbench.reporting.verification import verify
from rsbench.sweeps.engines.local import LocalEngine

PARTS = (  # extraction and probing; training with a checkpoint after every step
    {"methods": "means/well,random/nano", "tasks": "tiny-scenes", "protocol": "paper,knn", "seeds": "0-1"},
    {"methods": "random/nano", "tasks": "tiny-fields", "protocol": "frozen", "seeds": "0"},
)
KILLS = 220


def check(results: Path, cache: Path, expected: dict, finished: set[str]) -> set[str]:
    """Checks what can be seen after a sweep whose workers were killed; returns the ids of the runs that are done."""
    found = numbers(results)  # also that no record is broken
    done = {value[0] for value in found.values() if value[1] == "done"}
    assert finished <= done, "what was finished is still there"
    for key, value in found.items():
        if value[1] == "done":
            assert value == expected[key], "the same numbers as of an undisturbed run"
    for one in verify(Store(results)):
        assert not one.faults, one
    for entry in FeatureCache(cache / "features"):
        assert entry.fault() is None, entry
    return done


@pytest.mark.slow
def test_workers_killed_at_any_instant(sweep, environment, tmp_path, monkeypatch):
    for part in PARTS:
        sweep(**part, results=tmp_path / "undisturbed")
    expected = numbers(tmp_path / "undisturbed")
    assert len(expected) == 9 and all(value[1] == "done" for value in expected.values())

    signs, cache, results = tmp_path / "kills", tmp_path / "cache", tmp_path / "runs"
    signs.mkdir()
    (signs / "parent").write_text(str(os.getpid()))
    monkeypatch.setenv("RSBENCH_CACHE", str(cache))
    monkeypatch.setenv("TINY_KILLS", str(signs))
    engine = LocalEngine(2, threads=1)
    rounds, number, finished = 0, 0, set()
    try:
        while not (signs / "kills").exists() or len((signs / "kills").read_text().splitlines()) < KILLS or finished:
            (signs / "seed").write_text(str(number))
            number += 1
            for part in PARTS:
                sweep(**part, results=results, retry_failed=True, use=engine)
                finished = check(results, cache, expected, finished)
            if len(finished) == len(expected):
                assert numbers(results) == expected
                shutil.rmtree(results)
                shutil.rmtree(cache / "features")
                rounds, finished = rounds + 1, set()
    finally:
        engine.close()
    kills = (signs / "kills").read_text().splitlines()
    assert len(kills) >= KILLS and rounds >= 3
    for what in ("after", *PLACES):
        assert any(what in kill for kill in kills), f"none hit {what}"


def command(*arguments: str) -> list[str]:
    plugin = Path(__file__).parent.parent / "tiny_sweep.py"
    return [sys.executable, "-m", "rsbench", "sweep", *arguments, "--data", "demo", "--plugin", str(plugin)]


@pytest.mark.slow
def test_the_process_that_schedules_is_killed_and_the_same_command_completes_the_matrix(sweep, tmp_path, environment):
    part = {"methods": "means/slow,random/nano", "tasks": "tiny-scenes", "protocol": "paper,knn", "seeds": "0-1"}
    sweep(**part, results=tmp_path / "undisturbed")
    expected = numbers(tmp_path / "undisturbed")
    shutil.rmtree(environment / "features")
    options = [text for key, value in part.items() for text in (f"--{key}", value)]
    given = command(*options, "--results", str(tmp_path / "runs"), "--jobs", "2", "--retry-failed")
    draw, finished = random.Random(0), set()
    for _ in range(6):
        process = subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        for line in process.stderr:
            if "started" in line:
                break
        time.sleep(draw.uniform(0, 0.6))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        finished = check(tmp_path / "runs", environment, expected, finished) if (tmp_path / "runs").exists() else set()
    done = subprocess.run(given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert numbers(tmp_path / "runs") == expected
