"""Whole sweeps: what is done is not done again, what breaks is told, and the rest goes on."""

import os
import signal
import threading
import time
from contextlib import ExitStack

import pytest
from sweep_numbers import numbers, only

from rsbench.evaluation import run as evaluate
from rsbench.leases import Lease
from rsbench.locks import exclusive
from rsbench.opening import open_data
from rsbench.records import Store
from rsbench.reporting.verification import verify
from rsbench.request import WORK
from rsbench.spec import RunSpec, choose
from rsbench.sweeps.job import Job
from rsbench.sweeps.worker import LEASES

BOTH = {"methods": "means/well,random/nano", "tasks": "tiny-scenes", "protocol": "paper,knn", "seeds": "0-1"}


def states(state):
    return {one.cell.name: one.state for one in state.cells.values()}


def said(state):
    return "".join(file.read_text() for file in (state.folder.events, *state.folder.jobs()))


def test_a_sweep_makes_what_single_runs_make_and_a_second_one_makes_nothing(sweep, registry, tmp_path):
    assert set(states(sweep(**BOTH)).values()) == {"done"}
    for method in ("means/well", "random/nano"):
        for protocol in ("paper", "knn"):
            spec = RunSpec(method=method, task="tiny-scenes", protocol=protocol, data="demo", use_cache=False)
            chosen = choose(spec, registry)
            dataset, split, kind = open_data(chosen.task, "demo", "", False)
            request = chosen.request(dataset, split, kind, "cpu")
            list(evaluate(request, [0, 1], Store(tmp_path / "single"), {}, ""))
    assert numbers(tmp_path / "runs") == numbers(tmp_path / "single")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").glob("*/record.json")}
    again = sweep(**BOTH)
    assert set(states(again).values()) == {"reused"}
    jobs = {one.cell.spec.method for one in again.cells.values() if one.job is not None}
    assert jobs == {"means/well"}, "whose network is made by a plugin; for the others no process was started"
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "runs").glob("*/record.json")} == before


def test_the_record_of_a_cell_has_a_command_that_makes_it(sweep, registry, tmp_path):
    sweep(protocol="paper", changes={"epochs": "21"})
    record = only(tmp_path / "runs")
    command = record.command.split()
    assert command[:6] == ["rsbench", "run", "--method", "means/well", "--task", "tiny-scenes"]
    assert "--set epochs=21" in record.command and "--data demo" in record.command
    assert record.arguments["given"]["changes"] == {"epochs": "21"}
    assert record.changed == {"epochs": 21}


@pytest.mark.parametrize("method", ["random/nano", "means/well"])
def test_a_run_that_differs_is_not_reused_and_it_is_said_in_what(sweep, tmp_path, method):
    sweep(method, protocol="paper")
    state = sweep(method, protocol="paper", changes={"epochs": "21"})
    [cell] = state.cells.values()
    assert cell.state == "done"
    assert "settings.epochs is 20, not 21" in said(state)
    assert len(Store(tmp_path / "runs").ids()) == 2


def test_a_record_that_was_damaged_is_made_again(sweep, tmp_path):
    sweep(protocol="paper")
    expected = numbers(tmp_path / "runs")
    [file] = (tmp_path / "runs").glob("*/record.json")
    file.write_text(file.read_text().replace('"seed": 0', '"seed":  0').replace("tiny", "tinY", 1))
    state = sweep(protocol="paper")
    assert list(states(state).values()) == ["done"]
    assert "changed after it was written" in said(state)
    predictions = tmp_path / "runs" / only(tmp_path / "runs").id / "predictions.parquet"
    for damage in (predictions.unlink, lambda: os.truncate(predictions, 100)):
        damage()
        assert list(states(sweep(protocol="paper")).values()) == ["done"]
        assert numbers(tmp_path / "runs") == expected


def test_two_records_of_one_run_that_differ_are_neither_reused_nor_made_again(sweep, tmp_path):
    [cell] = sweep("random/nano", protocol="paper").cells.values()
    store = Store(tmp_path / "runs")
    record = store.read(cell.run)
    other = record.model_copy(update={"metrics": {key: value / 2 for key, value in record.metrics.items()}})
    Store(tmp_path / "other").write(other, store.predictions(cell.run))
    (tmp_path / "other" / cell.run).rename(tmp_path / "runs" / "copy")
    for retry in (False, True):
        [again] = sweep("random/nano", protocol="paper", retry_failed=retry).cells.values()
        assert again.state == "failed" and "several times with different results" in again.reason
    assert len(store.ids()) == 2


def test_a_job_that_cannot_be_written_fails_alone(sweep, tmp_path, monkeypatch):
    written = []

    def write(job, own=Job.write):
        written.append(job)
        if len(written) == 1:
            raise OSError(28, "No space left on device", str(job.file))
        own(job)

    monkeypatch.setattr(Job, "write", write)
    state = sweep("means/well,random/nano", protocol="paper,knn")
    assert state.counts["failed"] == 1 and state.counts["done"] == 3
    [failed] = state.of("failed")
    assert "No space left on device" in failed.reason


def test_a_run_that_rsbench_run_is_at_work_on_is_waited_for(sweep, tmp_path):
    [cell] = sweep("random/nano", "tiny-fields", protocol="frozen", results=tmp_path / "other").cells.values()
    lock, seen = ExitStack(), []
    lock.enter_context(exclusive(tmp_path / "runs" / WORK / cell.run))

    def look(scheduler):
        if scheduler.elsewhere and not seen:
            seen.append(scheduler)
            lock.close()

    state = sweep("random/nano", "tiny-fields", protocol="frozen", look=look)
    assert seen and list(states(state).values()) == ["done"]
    assert numbers(tmp_path / "runs") == numbers(tmp_path / "other")


REASONS = {
    "killed": "killed by SIGKILL",
    "raises": "ValueError: no such band",
    "exits": "exit code 3",
    "memory": "Out of memory: CUDA out of memory. Tried to allocate 20.00 GiB. Nothing was made smaller",
    "too large": "Out of memory: ",
    "interrupted": "Its process was interrupted, and not by this sweep.",
    "long": "xxx ... (its log has all of it)",
    "mute": "Mute: (it cannot say why)",
    "nan": "32 of 32 embeddings are not finite",
    "full disk": "/features: No space left on device",
    "never made": "ValueError: no such architecture,",
}


def test_what_breaks_is_failed_with_its_reason_and_its_log_and_the_rest_goes_on(sweep, tmp_path):
    methods = ",".join(f"means/{mood.replace(' ', '_')}" for mood in ("well", *REASONS))
    state = sweep(methods, seeds="0-1", protocol="paper")
    found = states(state)
    assert [found[f"means/well tiny-scenes paper seed {seed}"] for seed in (0, 1)] == ["done", "done"]
    for mood, reason in REASONS.items():
        for seed in (0, 1):
            name = f"means/{mood.replace(' ', '_')} tiny-scenes paper seed {seed}"
            [cell] = [one for one in state.cells.values() if one.cell.name == name]
            assert cell.state == "failed" and reason in cell.reason, (name, cell.reason)
            assert (cell.log is not None and name in cell.log.read_text()) or mood == "never made"
            assert len(cell.reason) < 500
            if mood in ("raises", "memory", "full disk", "nan"):
                assert ("Traceback" in cell.log.read_text()) is (mood != "nan")
    kept = {(record.method, record.seed): record for record in Store(tmp_path / "runs")}
    for mood, reason in REASONS.items():
        if mood != "never made":  # a network that cannot be made has no run id
            for seed in (0, 1):
                record = kept[f"means/{mood.replace(' ', '_')}", seed]
                assert record.status == ("interrupted" if mood == "interrupted" else "failed")
                assert mood == "interrupted" or reason in record.reason
    later = sweep(methods, seeds="0-1", protocol="paper")
    assert later.counts["failed"] == 2 * len(REASONS) and later.counts["reused"] == 2


def test_a_failed_cell_is_retried_when_asked_and_its_success_takes_the_place(sweep, tmp_path, monkeypatch, registry):
    from rsbench.sweeps.engines.local import LocalEngine

    monkeypatch.setenv("TINY_SIGN", str(tmp_path / "sign"))
    own = LocalEngine(1, threads=1)  # workers take their variables from the process that starts them
    try:
        assert list(states(sweep("means/killed_once", use=own)).values()) == ["failed"]
        assert only(tmp_path / "runs").status == "failed"
        assert list(states(sweep("means/killed_once", use=own)).values()) == ["failed"]
        assert list(states(sweep("means/killed_once", use=own, retry_failed=True)).values()) == ["done"]
        assert only(tmp_path / "runs").status == "done"

        def kill(scheduler):
            if scheduler.running and not (tmp_path / "killed").exists():
                (tmp_path / "killed").touch()
                os.kill(own.nursery_pid, signal.SIGKILL)

        monkeypatch.setenv("TINY_SECONDS", "1")
        state = sweep("means/slow", seeds="0-1", use=own, look=kill)
        assert (tmp_path / "killed").exists()
        assert list(states(state).values()) == ["done", "done"], "that its nursery died is not the fault of a cell"
        assert "tried once more" in state.folder.events.read_text()
    finally:
        own.close()


def test_features_are_computed_once_for_all_cells_that_need_them(sweep, tmp_path, monkeypatch):
    from rsbench.sweeps.engines.local import LocalEngine

    monkeypatch.setenv("RSBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TINY_COUNT", str(tmp_path / "count"))
    monkeypatch.setenv("TINY_SECONDS", "0.3")
    own = LocalEngine(3, threads=1)
    try:
        state = sweep("means/slow", seeds="0", protocol="paper,swept,knn", use=own)
    finally:
        own.close()
    assert set(states(state).values()) == {"done"}
    embedded = [int(line) for line in (tmp_path / "count").read_text().split()]
    assert sum(count for count in embedded if count > 1) == 32, "every image once; one alone is for its cost"


def test_a_cell_that_somebody_else_works_on_is_waited_for(sweep, tmp_path):
    expected = sweep(results=tmp_path / "other", protocol="paper")
    run = next(iter(expected.cells.values())).run
    place = tmp_path / "runs" / LEASES / run
    place.parent.mkdir(parents=True)
    lease = Lease(place)
    seen = []

    def look(scheduler):
        if scheduler.elsewhere and not seen:
            seen.append(time.monotonic())
            threading.Timer(1.0, lease.release).start()

    state = sweep(protocol="paper", look=look)
    assert seen, "the lease was met"
    assert list(states(state).values()) == ["done"]
    assert numbers(tmp_path / "runs") == numbers(tmp_path / "other")

    lease = Lease(tmp_path / "third" / LEASES / run)

    def finish() -> None:
        (tmp_path / "runs" / run).rename(tmp_path / "third" / run)
        lease.release()

    seen.clear()

    def look_again(scheduler):
        if scheduler.elsewhere and not seen:
            seen.append(time.monotonic())
            threading.Timer(0.5, finish).start()

    state = sweep(protocol="paper", results=tmp_path / "third", look=look_again)
    assert list(states(state).values()) == ["reused"], "the other one has finished it"


def test_a_cell_of_several_processes_is_launched_and_equals_itself(sweep, tmp_path):
    state = sweep("random/nano", "tiny-fields", protocol="frozen", resources={"processes": 2})
    assert list(states(state).values()) == ["done"]
    assert only(tmp_path / "runs").identity["processes"] == 2
    assert list(states(sweep("random/nano", "tiny-fields", protocol="frozen")).values()) == ["done"], "another run"
    again = sweep("random/nano", "tiny-fields", protocol="frozen", resources={"processes": 2})
    assert list(states(again).values()) == ["reused"]


def test_everything_that_a_sweep_leaves_can_be_verified(sweep, tmp_path):
    sweep("means/well,random/nano", "tiny-scenes", seeds="0-1")
    sweep("random/nano", "tiny-fields", protocol="frozen")
    found = list(verify(Store(tmp_path / "runs")))
    assert len(found) == 5 and all(one.agreeing and not one.faults for one in found)
