"""Leases: one holder at a time, whatever processes do, and none that is gone keeps others out."""

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from rsbench import leases
from rsbench.errors import RunError
from rsbench.leases import Lease, Taken, holder


def elsewhere(path: Path, **changes: object) -> None:
    """Makes a lease that is held now look like that of a process on another machine."""
    owner = json.loads(path.read_text())
    path.write_text(json.dumps({**owner, "host": "another 1234", "token": "other", **changes}))


def test_a_lease_keeps_others_out_and_says_whose_it_is(tmp_path):
    with Lease(tmp_path / "cell") as lease:
        with pytest.raises(Taken) as taken:
            Lease(tmp_path / "cell")
        assert taken.value.owner == lease.owner == holder(tmp_path / "cell")
        assert str(os.getpid()) in str(taken.value)
    assert holder(tmp_path / "cell") is None
    assert list(tmp_path.iterdir()) == [], "nothing is left"


def test_the_lease_of_a_process_that_was_killed_is_taken_over_at_once(tmp_path):
    code = f"""
        import time; from pathlib import Path; from rsbench.leases import Lease
        Lease(Path({str(tmp_path / "cell")!r})); print("held", flush=True); time.sleep(60)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    with pytest.raises(Taken):
        Lease(tmp_path / "cell")
    process.send_signal(signal.SIGSTOP)  # one that sleeps is alive: on one machine no time makes it stale
    with pytest.raises(Taken):
        Lease(tmp_path / "cell")
    process.kill()
    process.wait()
    assert holder(tmp_path / "cell") is None
    Lease(tmp_path / "cell").release()


def test_a_process_of_another_machine_is_gone_when_it_gives_no_sign_of_life(tmp_path, monkeypatch):
    path = tmp_path / "cell"
    lost = Lease(path)
    elsewhere(path)
    with pytest.raises(Taken) as taken:
        Lease(path)
    assert taken.value.owner is not None and taken.value.owner.host == "another 1234"
    old = time.time() - leases.STALE - 5
    os.utime(path, (old, old))
    assert holder(path) is None
    with Lease(path), pytest.raises(RunError, match="taken over"):
        lost.check()
    lost.release()


def test_the_owner_gives_signs_of_life_and_notices_when_it_lost_the_lease(tmp_path, monkeypatch):
    monkeypatch.setattr(leases, "BEAT", 0.05)
    path = tmp_path / "cell"
    lease = Lease(path)
    old = time.time() - 1000
    os.utime(path, (old, old))
    deadline = time.monotonic() + 10
    while path.stat().st_mtime < old + 500 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.stat().st_mtime > old + 500, "touched again"
    lease.check()
    elsewhere(path)
    while not lease.lost and time.monotonic() < deadline:
        time.sleep(0.02)
    assert lease.lost
    lease.release()
    assert path.exists(), "a lease of another is left alone"


def test_a_file_that_is_no_lease_stops_nobody_for_ever(tmp_path):
    path = tmp_path / "cell"
    path.write_text("")
    with pytest.raises(Taken) as taken:  # perhaps its owner is writing it
        Lease(path)
    assert taken.value.owner is None
    old = time.time() - leases.STALE - 5
    os.utime(path, (old, old))
    Lease(path).release()


def compete(path: Path, counter: Path, rounds: int) -> None:
    done = 0
    while done < rounds:
        with contextlib.suppress(Taken), Lease(path):
            value = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(value + 1))
            done += 1


def test_processes_that_compete_hold_it_one_after_another(tmp_path):
    counter = tmp_path / "counter"
    counter.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=compete, args=(tmp_path / "cell", counter, 20)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert counter.read_text() == "80"


def test_of_many_that_find_a_stale_lease_one_takes_it_over(tmp_path):
    path = tmp_path / "cell"
    first = Lease(path)
    elsewhere(path)
    old = time.time() - leases.STALE - 5
    os.utime(path, (old, old))
    got, start = [], threading.Barrier(8)

    def take() -> None:
        start.wait()
        with contextlib.suppress(Taken):
            got.append(Lease(path))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    got[0].release()
    first.release()
