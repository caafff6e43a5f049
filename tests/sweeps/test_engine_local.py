"""Jobs on this machine: who has which GPU and how many threads, and what is heard of those that die."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rsbench.cli import app
from rsbench.errors import RunError, UserError
from rsbench.spec import RunSpec
from rsbench.sweeps.cell import Cell, Resources
from rsbench.sweeps.engines import machine
from rsbench.sweeps.engines.forked import message
from rsbench.sweeps.engines.local import LocalEngine
from rsbench.sweeps.job import Job, Surroundings
from rsbench.sweeps.planning import standings

TARGET = "local_targets:work"
PATIENCE = 60


def make(folder: Path, number: int, what: str, device: str = "cpu", closing: str | None = None, **resources) -> Job:
    """Writes a job that does what a function of tests/local_targets.py does."""
    spec = RunSpec(method="random/nano", task="eurosat", protocol=what, device=device)
    cell = Cell(spec=spec, seed=number, resources=Resources(**resources))
    around = Surroundings(results=str(folder))
    job = Job(number=number, folder=folder, cells=(cell,), surroundings=around, closing=closing)
    for place in ("jobs", "logs"):
        (folder / place).mkdir(exist_ok=True, parents=True)
    job.write()
    return job


def notes(job: Job) -> list:
    file = job.file.with_suffix(".notes")
    return [json.loads(line) if line[0] in "[0123456789" else line for line in file.read_text().splitlines()]


def until(condition, seconds=PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(0.02)


def noted(job: Job, lines: int = 1):
    file = job.file.with_suffix(".notes")
    return lambda: file.exists() and file.read_text().count("\n") >= lines


def all_of(engine: LocalEngine, count: int, seconds=PATIENCE) -> dict:
    found = {}
    deadline = time.monotonic() + seconds
    while len(found) < count:
        assert time.monotonic() < deadline, f"only {found} ended"
        found |= {ended.number: ended for ended in engine.wait(0.2)}
    return found


def runs(process: int) -> bool:
    """Whether a process is there that has not ended yet."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def shared(environment):
    """Two processes; it is started once."""
    engine = LocalEngine(2, threads=1, target=TARGET)
    yield engine
    engine.close()


@pytest.fixture
def made(environment):
    """Makes engines that are closed at the end."""
    engines = []

    def make_engine(*arguments, **options) -> LocalEngine:
        engines.append(LocalEngine(*arguments, **options, target=TARGET))
        return engines[-1]

    yield make_engine
    for engine in engines:
        engine.close()


def test_a_gpu_is_for_one_process_and_nobody_sees_those_of_others(made, tmp_path):
    with pytest.raises(ValueError, match="3 processes"):
        made(3, gpus=["4", "7"])
    engine = made(2, threads=1, gpus=["4", "7"])
    both = [make(tmp_path, number, "waits", "auto") for number in range(2)]
    surplus, on_cpu = make(tmp_path, 2, "tells", "cuda"), make(tmp_path, 3, "tells", "cpu")
    closing, too_many = make(tmp_path, 4, "tells", "cuda", "It died."), make(tmp_path, 5, "tells", "cuda", processes=3)
    nodes = make(tmp_path, 6, "tells", nodes=2)
    assert list(engine.submit([*both, surplus, on_cpu, closing, too_many, nodes])) == [surplus]
    ended = all_of(engine, 4)
    assert ended[3].reason is ended[4].reason is None
    assert ended[5].reason == "It wants 3 GPUs, and this sweep has 2." and not ended[5].blameless
    assert "2 nodes" in ended[6].reason
    until(lambda: all(noted(job)() for job in both))
    assert [notes(job)[0][0] for job in (*both, on_cpu, closing)] == [
        "4",
        "7",
        "",
        os.environ.get("CUDA_VISIBLE_DEVICES"),
    ]
    assert list(engine.submit([surplus])) == [surplus]
    both[1].file.with_suffix(".go").touch()
    assert list(all_of(engine, 1)) == [1]
    assert list(engine.submit([surplus])) == []
    assert all_of(engine, 1)[2].reason is None and notes(surplus)[0][0] == "7"
    both[0].file.with_suffix(".go").touch()
    all_of(engine, 1)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, ["0", "1"]), ("", []), ("-1", []), ("1,0", ["1", "0"]), ("GPU-8, 3", ["GPU-8", "3"]), ("1,-1,0", ["1"])],
)
def test_gpus_are_those_that_the_variable_leaves(monkeypatch, tmp_path, registry, value, expected):
    import torch

    from rsbench.records import Store

    (tmp_path / "device").touch()
    monkeypatch.setattr(machine, "GPU_DEVICES", (str(tmp_path / "device"),))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(expected))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if value is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert machine.gpus() == expected
    assert machine.may_have_gpus() is bool(expected)
    devices = []
    monkeypatch.setattr("rsbench.spec.Chosen.request", lambda self, *given, **more: devices.append(given[3]) or 1 / 0)
    spec = RunSpec(method="means/well", task="tiny-scenes", protocol="paper", data="demo")
    scenes = registry.task("tiny-scenes")
    from rsbench.opening import open_data

    open_data(scenes, "demo", "", False)
    with pytest.raises(ZeroDivisionError):
        standings([Cell(spec=spec, seed=0)], registry, Store(tmp_path))
    assert devices == ["cuda" if expected else "cpu"], "a plan expects what the engine will find"


def test_more_processes_than_gpus_are_refused_before_anything_starts(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "gpus", lambda: ["0", "1"])
    plugin = Path(__file__).parent.parent / "tiny_sweep.py"

    def ask(*options: str):
        given = ["--methods", "random/nano", "--tasks", "tiny-fields", "--data", "demo", "--plugin", str(plugin)]
        done = CliRunner().invoke(app, ["sweep", *given, "--results", str(tmp_path / "runs"), "--dry-run", *options])
        return done.exception if isinstance(done.exception, UserError) else done.exit_code

    refused = ask("--jobs", "3")
    assert "--jobs 3 is too many" in refused.message and "2 GPUs" in refused.message
    assert "--device cpu" in refused.hint
    assert ask("--jobs", "3", "--device", "cpu") == 0
    assert "wants 4 GPUs" in ask("--processes", "4").message
    assert ask("--processes", "4", "--device", "cpu") == ask("--processes", "2") == 0
    assert "--threads" in ask("--threads", "2", "--engine", "submitit").message


@pytest.mark.parametrize(("variable", "expected"), [("3", 3), ("3,2", 3), ("", None), ("many", None), ("0", None)])
def test_threads_are_what_the_user_says_else_the_cores_are_shared(monkeypatch, variable, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setattr("rsbench.sweeps.engines.local.cores", lambda: 8)
    assert LocalEngine(2).threads == (expected or 4)
    assert LocalEngine(2, threads=5).threads == 5


def test_workers_compute_with_the_threads_of_which_they_tell(made, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    engine = made(2)
    jobs = [make(tmp_path, 0, "tells"), make(tmp_path, 1, "tells", cpus=2)]
    engine.submit(jobs)
    assert {ended.reason for ended in all_of(engine, 2).values()} == {None}
    assert [notes(job)[0][1:] for job in jobs] == [[3, 3, 3, True], [2, 2, 2, True]]


def test_the_death_of_a_nursery_is_heard_whoever_has_its_pipes_and_the_next_one_is_left_alone(shared, tmp_path):
    engine = shared
    first, second = make(tmp_path, 0, "leaves"), make(tmp_path, 1, "waits")
    engine.submit([first])
    until(noted(first))
    start = time.monotonic()
    os.kill(engine.nursery_pid, signal.SIGKILL)
    ended = all_of(engine, 1)[0]
    assert time.monotonic() - start < 1.5, "the daemon is still there"
    assert ended.blameless and "SIGKILL" in ended.reason
    engine.submit([second])
    until(noted(second))
    until(lambda: time.monotonic() - start > 2.5)
    assert engine.wait(0) == []
    second.file.with_suffix(".go").touch()
    assert all_of(engine, 1)[1].reason is None


def test_what_is_no_message_is_not_heard(shared, tmp_path):
    shared.submit([make(tmp_path, 0, "babbles")])
    assert all_of(shared, 1)[0].reason is None
    shared.submit([make(tmp_path, 1, "tells")])
    assert list(all_of(shared, 1)) == [1]
    assert shared.wait(0.3) == []


def test_a_process_that_a_worker_forks_has_none_of_its_pipes_and_tells_nothing(shared, tmp_path):
    job = make(tmp_path, 0, "forks")
    shared.submit([job])
    assert all_of(shared, 1)[0].reason is None
    assert notes(job) == [0]
    assert shared.wait(0.3) == []


def test_whatever_an_exception_says_it_is_told(shared, tmp_path):
    shared.submit([make(tmp_path, 0, "raises"), make(tmp_path, 1, "complains")])
    ended = all_of(shared, 2)
    assert "Silent" in ended[0].reason and "ValueError: \N{SNOWMAN}" in ended[1].reason
    shared.submit([make(tmp_path, 2, "tells")])
    assert all_of(shared, 1)[2].reason is None, "the nursery is as it was"


@pytest.mark.parametrize("reason", ["", "short", "\x00" * 700, "\U0001f600" * 500, "a" * 100_000])
def test_a_message_fits_into_one_write_and_loses_no_more_than_it_must(reason):
    line = message(broken=12, reason=reason)
    assert len(line) <= select.PIPE_BUF
    told = json.loads(line)
    assert told["broken"] == 12 and reason.startswith(told["reason"])
    assert told["reason"] == reason or len(line) > 0.9 * select.PIPE_BUF


def test_closing_ends_at_once_what_runs(made, tmp_path):
    engine = made(2, threads=1)
    jobs = [make(tmp_path, 0, "sleeps"), make(tmp_path, 1, "sleeps")]
    engine.submit(jobs)
    until(lambda: all(noted(job, 2)() for job in jobs))
    nursery, start = engine.nursery_pid, time.monotonic()
    engine.close()
    engine.close()
    assert time.monotonic() - start < 2
    until(lambda: not any(map(runs, [nursery, *notes(jobs[0]), *notes(jobs[1])])), 1)


PARENT = """
import sys, time
from pathlib import Path
from rsbench.sweeps.engines.local import LocalEngine
from rsbench.sweeps.job import Job
engine = LocalEngine(2, threads=1, target="local_targets:work")
engine.submit([Job.read(Path(sys.argv[1]))])
print(engine.nursery_pid, flush=True)
while True:
    print(engine.wait(1), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["scheduler", "nursery"])
def test_no_process_of_a_cell_outlives_who_started_it(environment, tmp_path, whom):
    job = make(tmp_path, 0, "sleeps", processes=2)
    given = [sys.executable, "-c", PARENT, str(job.file)]
    parent = subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    nursery = int(parent.stdout.readline())
    until(noted(job, 4))
    assert len(notes(job)) == 4 and all(map(runs, notes(job)))
    os.kill(parent.pid if whom == "scheduler" else nursery, signal.SIGKILL)
    if whom == "nursery":
        heard = next(line for line in parent.stdout if line != "[]\n")
        assert "SIGKILL" in heard and "blameless=True" in heard
    until(lambda: not any(map(runs, notes(job))), 15)
    parent.kill()
    parent.communicate()
    until(lambda: not runs(nursery), 15)


CUDA = """
import torch
torch.cuda.is_initialized = lambda: True
"""
ASKED = """
import torch
def is_available():
    raise SystemExit("asked for a GPU")
torch.cuda.is_available = is_available
"""


def test_a_plugin_that_uses_a_gpu_as_it_is_imported_is_the_fault_of_no_cell(made, tmp_path, monkeypatch):
    (tmp_path / "greedy.py").write_text(CUDA)
    monkeypatch.setenv("RSBENCH_PLUGINS", str(tmp_path / "greedy.py"))
    engine = made(1)
    engine.submit([make(tmp_path, 0, "tells")])
    with pytest.raises(RunError, match=r"uses CUDA while it is imported.*greedy"):
        all_of(engine, 1)


def test_the_nursery_itself_does_not_ask_for_gpus(made, tmp_path, monkeypatch):
    (tmp_path / "asked.py").write_text(ASKED)
    monkeypatch.setenv("RSBENCH_PLUGINS", str(tmp_path / "asked.py"))
    engine = made(1)
    engine.submit([make(tmp_path, 0, "waits")])
    assert engine.wait(0.1) == []
    (tmp_path / "jobs" / "0.go").touch()
    assert all_of(engine, 1)[0].reason is None


STUBBORN = """
import signal, sys
if "rsbench.sweeps.engines.forked" in sys.modules:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "times"), [("SIGHUP", 1), ("SIGINT", 2)])
def test_signals_stop_a_sweep_and_a_second_one_at_once(environment, tmp_path, monkeypatch, name, times):
    monkeypatch.setenv("TINY_SECONDS", "100")
    tests = Path(__file__).parents[1]
    given = ["--methods", "means/slow", "--tasks", "tiny-scenes", "--protocol", "paper", "--data", "demo"]
    given += ["--plugin", str(tests / "tiny_sweep.py"), "--results", str(tmp_path / "runs"), "--jobs", "1"]
    if times == 2:
        (tmp_path / "stubborn.py").write_text(STUBBORN)
        given += ["--plugin", str(tmp_path / "stubborn.py")]
    command = [sys.executable, "-m", "rsbench", "sweep", *given]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # these tests may run under nohup
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "started" in line:
            break
    [events] = (tmp_path / "runs").glob(".sweeps/*/jobs/0.jsonl")
    until(lambda: "pid" in events.read_text())
    worker = json.loads(events.read_text().splitlines()[0])["pid"]
    time.sleep(1)
    start = time.monotonic()
    for _ in range(times):
        process.send_signal(getattr(signal, name))
        time.sleep(1)
    out, err = process.communicate(timeout=60)
    assert time.monotonic() - start < 8
    assert process.returncode == 130, err
    assert "Traceback" not in out + err
    assert "1 interrupted" in out and "go on" in out.lower()
    assert not runs(worker)
