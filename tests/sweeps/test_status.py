"""`rsbench status` through the command line, on folders as sweeps leave them."""

import json
import os
import subprocess
import sys
import threading
import time

import pytest
from sweeps.sweeping import START, cells_of, make_sweep, report, say, write_log

from rsbench.cli import _main
from rsbench.sweeps.folder import SweepFolder


@pytest.fixture
def status(tmp_path, monkeypatch, capsys):
    """Runs ``rsbench status`` beside the folder ``runs``; returns exit code, output and standard error."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = _main(["status", "--results", "runs", *arguments])
        return code, *capsys.readouterr()

    return call


def busy(results, **about):
    """A sweep of eight cells: two done, one running, one elsewhere, one failed, three waiting."""
    folder = make_sweep(results, **about)
    cells, now = folder.cells, time.time()
    for cell in cells[:2]:
        say(folder, cell, "done", now - 60, job=0, metric="val/top1", value=87.3, seconds=100.0, run="abc")
    say(folder, cells[2], "running", now - 75, job=1)
    report(folder, cells[2], 1, 120, 400, now - 12, now, "epoch 3/50, loss 0.21")
    say(folder, cells[3], "elsewhere", now - 50, job=2, owner="process 7 of a on b")
    write_log(folder, cells[4])
    say(folder, cells[4], "failed", now - 40, job=3, reason="ValueError: [b]\x1b[2Jodd\nand more")
    return folder


def test_a_sweep_at_work(status, tmp_path):
    folder = busy(tmp_path / "runs")
    with folder.hold():
        code, out, err = status()
    assert (code, err) == (0, "")
    lines = out.splitlines()
    name, cells = folder.path.name, folder.cells
    assert lines[0] == f"Sweep {name}: demo, on 2 processes"
    assert lines[1].startswith("Running since 20") and f"scheduled by process {os.getpid()} of " in lines[1]
    assert lines[1].endswith(f" on {folder.host}.")
    assert lines[2].startswith("8 cells: 2 done, 1 failed, 1 running, 1 elsewhere, 3 waiting, time left not known yet")
    assert lines[3:] == [
        "Running:",
        f"  {cells[2].name}  120/400 epoch 3/50, loss 0.21  1:15  about 28 s left",
        "At work elsewhere:",
        f"  {cells[3].name}  process 7 of a on b",
        "Failed:",
        rf"  {cells[4].name}: ValueError: [b]\x1b[2Jodd and more",
        f"    log runs/.sweeps/{name}/logs/{cells[4].key}.log",
    ]


def test_a_sweep_that_was_killed_says_how_to_go_on(status, tmp_path):
    folder = busy(tmp_path / "runs")
    _, out, _ = status()
    lines = out.splitlines()
    assert lines[1].startswith("Stopped before its end; started 20")
    assert lines[3] == "Warning: Nobody schedules this sweep any more; 5 of 8 cells have not ended."
    assert lines[4:6] == [
        "Running when last heard of:",
        f"  {folder.cells[2].name}  120/400 epoch 3/50, loss 0.21",
    ]
    assert lines[-2:] == [
        "Go on: rsbench sweep demo --results runs",
        "Run again what failed: rsbench sweep demo --results runs --retry-failed",
    ]


def test_a_sweep_that_has_ended(status, tmp_path):
    folder = make_sweep(tmp_path / "runs")
    for cell in folder.cells:
        say(folder, cell, "done", START, job=0)
    _, out, _ = status()
    assert out.splitlines()[1].startswith("Ended; started 20") and out.splitlines()[2:] == ["8 cells: 8 done"]


def test_the_last_one_a_named_one_and_all(status, tmp_path):
    folders = []
    for title in ("first", "second \x1b[1m"):
        folders.append(make_sweep(tmp_path / "runs", title=title))
        target = folders[-1].path.with_name(f"2026010{len(folders)}-000000-abcd")
        folders[-1].path.rename(target)
    with_names = sorted(path.name for path in (tmp_path / "runs" / ".sweeps").iterdir())
    assert status()[1].startswith(f"Sweep {with_names[1]}: second \\x1b[1m, on")
    assert status(with_names[0])[1].startswith(f"Sweep {with_names[0]}: first, on")
    (tmp_path / "runs" / ".sweeps" / "20260103-000000-abcd").mkdir()
    (tmp_path / "runs" / ".sweeps" / "20260103-000000-abcd" / "sweep.json").write_text("{}")
    code, out, _ = status("--all")
    assert code == 0 and out.splitlines()[:2] == [
        f"{with_names[0]}  stopped     first, 8 cells: 8 waiting",
        rf"{with_names[1]}  stopped     second \x1b[1m, 8 cells: 8 waiting",
    ]
    assert out.splitlines()[2].startswith("20260103-000000-abcd  unreadable  ")
    found = json.loads(status("--all", "--json")[1])
    assert [one["sweep"] for one in found["sweeps"]] == [*with_names, "20260103-000000-abcd"]
    assert found["schema_version"] == 1 and found["sweeps"][0]["counts"]["waiting"] == 8
    code, _, err = status()
    assert code == 2 and "is not the folder of a sweep" in err


def test_json_tells_everything(status, tmp_path):
    folder = busy(tmp_path / "runs")
    with folder.hold():
        found = json.loads(status("--json")[1])
    assert (found["schema_version"], found["sweep"], found["phase"]) == (1, folder.path.name, "running")
    assert (
        found["scheduler"]["pid"] == os.getpid()
        and found["go_on"] == found["command"] == "rsbench sweep demo --results runs"
    )
    assert found["counts"]["done"] == 2 and sum(found["counts"].values()) == len(found["cells"]) == 8
    assert found["seconds_left"] is None and found["warnings"] == []
    by_key = {cell["key"]: cell for cell in found["cells"]}
    done, running, elsewhere, failed = (by_key[folder.cells[index].key] for index in (0, 2, 3, 4))
    assert (done["metric"], done["value"], done["seconds"], done["run"]) == ("val/top1", 87.3, 100.0, "abc")
    assert running["progress"] == {"done": 120, "total": 400, "note": "epoch 3/50, loss 0.21"}
    assert running["seconds_left"] == pytest.approx(28, abs=1)
    assert elsewhere["owner"] == "process 7 of a on b"
    assert failed["reason"] == "ValueError: [b]\x1b[2Jodd\nand more" and failed["log"] == str(folder.log(failed["key"]))
    assert (failed["method"], failed["task"], failed["protocol"], failed["seed"]) == ("m1/nano", "eurosat", "swept", 0)


def test_many_failures_can_be_listed_one_by_one(status, tmp_path):
    folder = make_sweep(tmp_path / "runs", cells_of(10, ("eurosat",), 5))
    for cell in folder.cells:
        say(folder, cell, "failed", START, reason="Out of memory.")
    assert status()[1].count("Out of memory.") == 1
    assert status("--failed")[1].count("Out of memory.") == 50


def test_many_running_cells_are_cut_short(status, tmp_path):
    folder = make_sweep(tmp_path / "runs", cells_of(10, ("eurosat",), 5))
    for number, cell in enumerate(folder.cells):
        say(folder, cell, "running", START, job=number)
    with folder.hold():
        out = status()[1]
    assert out.count("  m") == 20 and "  ... and 30 more" in out


def test_what_is_not_there(status, tmp_path):
    code, _, err = status()
    assert code == 2 and "There is no sweep in runs." in err and "rsbench sweep" in err
    folder = make_sweep(tmp_path / "runs")
    code, _, err = status(folder.path.name[:-1])
    assert code == 2 and f"Did you mean '{folder.path.name}'?" in err
    code, _, err = status("zzz")
    assert code == 2 and f"Known: {folder.path.name}." in err
    for _ in range(6):
        make_sweep(tmp_path / "runs")
    code, _, err = status("zzz")
    assert code == 2 and "rsbench status --all" in err
    assert status("--watch", "--json")[0] == status("--watch", "--all")[0] == status("x", "--all")[0] == 2
    (tmp_path / "runs").rename(tmp_path / "other")
    assert "does not exist" in status()[2]


def test_watching_until_the_end(status, tmp_path):
    """Without a terminal each change is a line on standard error; the state at the end is printed as always."""
    folder = make_sweep(tmp_path / "runs", cells_of(1, ("eurosat",), 2))

    def go() -> None:
        with folder.hold():
            for number, cell in enumerate(folder.cells):
                say(folder, cell, "running", time.time(), job=number)
                time.sleep(0.8)
                say(folder, cell, "done", time.time(), job=number)

    thread = threading.Thread(target=go)
    thread.start()
    code, out, err = status("--watch")
    thread.join()
    assert code == 0 and out.splitlines()[2] == "2 cells: 2 done"
    assert [line.split()[1] for line in err.splitlines()] == ["started", "done", "started", "done"]


def test_it_starts_without_torch_and_tables(tmp_path):
    busy(tmp_path)
    code = (
        "import sys; from rsbench.cli import _main; code = _main(sys.argv[1:]);"
        "print(code, sorted({'torch', 'pandas', 'numpy', 'pyarrow', 'rich.live'} & {*sys.modules}))"
    )
    command = [sys.executable, "-c", code, "status", "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr


def test_what_goes_on_can_be_pasted_anywhere(status, tmp_path):
    make_sweep(
        tmp_path / "runs",
        argv=["rsbench", "sweep", "my demo.yaml"],
        cwd="/some where",
        variables={"RSBENCH_DATA": "/d a"},
    )
    command = "cd '/some where' && RSBENCH_DATA='/d a' rsbench sweep 'my demo.yaml'"
    assert status()[1].splitlines()[-1] == f"Go on: {command}"
    found = json.loads(status("--json")[1])
    assert (found["command"], found["go_on"]) == ("rsbench sweep 'my demo.yaml'", command)


@pytest.mark.parametrize(
    "argv",
    [["rm", "-rf", "~"], [], ["rsbench"], ["rsbench", "run", "sweep"], ["bash", "-c", "rsbench sweep"]],
)
def test_what_is_no_sweep_is_never_shown_as_a_command(status, tmp_path, argv):
    folder = make_sweep(tmp_path / "runs", argv=argv)
    say(folder, folder.cells[0], "failed", START, reason="odd")
    assert not {"Go on", "Run again"} & {line.partition(":")[0] for line in status()[1].splitlines()}
    assert json.loads(status("--json")[1])["go_on"] is None


def test_a_command_cannot_rewrite_the_screen(status, tmp_path):
    argv = ["rsbench", "sweep", "a;\nrm -rf ~\n\x1b[2J\u202e"]
    make_sweep(tmp_path / "runs", argv=argv)
    assert status()[1].splitlines()[-1] == r"Go on: rsbench sweep 'a;\nrm -rf ~\n\x1b[2J\u202e'"


def test_cells_in_the_queue_of_a_cluster(status, tmp_path):
    folder = make_sweep(tmp_path / "runs")
    say(folder, folder.cells[0], "waiting", START, queued="77_3")
    with folder.hold():
        lines = status()[1].splitlines()
        found = json.loads(status("--json")[1])
    assert lines[2].startswith("8 cells: 1 queued, 7 waiting")
    assert lines[3:] == ["Queued on the cluster:", f"  {folder.cells[0].name}  job 77_3"]
    assert found["cells"][0]["queued"] == "77_3" and found["counts"]["waiting"] == 8


def test_failures_of_earlier_sweeps_point_to_nothing_that_is_not_there(status, tmp_path):
    folder = make_sweep(tmp_path / "runs", cells_of(1, ("eurosat",), 4))
    cells = folder.cells
    for cell in cells[:2]:
        reason = "The process ended with exit code 1; its log says why."
        say(folder, cell, "failed", START, reason=reason, earlier=True)
        write_log(folder, cell)
    say(folder, cells[2], "failed", START, reason="Long. (its log has all of it)", earlier=True)
    _, out, _ = status()
    assert f"  {cells[0].name} and 1 more: failed earlier: The process ended with exit code 1.\n" in out
    assert f"  {cells[2].name}: failed earlier: Long.\n" in out and "log" not in out
    say(folder, cells[3], "failed", START, reason="It is not there.")
    assert f"  {cells[3].name}: It is not there.\n" in status()[1]
    assert [cell["earlier"] for cell in json.loads(status("--json")[1])["cells"]] == [True, True, True, False]


def test_a_sweep_knows_where_it_was_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RSBENCH_DATA", "/x")
    monkeypatch.setenv("RSBENCH_CACHE", "/y")
    monkeypatch.delenv("RSBENCH_PLUGINS", raising=False)
    about = {"title": "t", "engine": "e", "slots": 1, "argv": ["rsbench", "sweep", "demo"]}
    made = SweepFolder.create(tmp_path, cells_of(), **about)
    found = SweepFolder.read(made.path)
    assert found == made and found.cwd == str(tmp_path)
    assert found.variables == {"RSBENCH_DATA": "/x", "RSBENCH_CACHE": "/y"}
