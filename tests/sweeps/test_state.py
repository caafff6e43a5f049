"""What a folder of a sweep says: whose word counts, what is left, and that a look costs little."""

import json
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sweeps.sweeping import START, cells_of, iso, make_sweep, report, say, write_log

from rsbench.errors import UserError
from rsbench.sweeps.cell import Cell, Resources
from rsbench.sweeps.events import Event, append
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.latest import deciding, follow
from rsbench.sweeps.state import SweepState


@pytest.fixture
def folder(tmp_path):
    return make_sweep(tmp_path)


def look(folder) -> SweepState:
    state = SweepState(folder)
    state.refresh()
    return state


def test_a_new_sweep_waits(folder):
    state = look(folder)
    assert state.counts == {
        "waiting": 8, "running": 0, "elsewhere": 0, "done": 0, "reused": 0, "failed": 0, "interrupted": 0
    }  # fmt: skip
    assert [one.cell for one in state.cells.values()] == list(folder.cells)
    assert state.eta() is None and state.running() == []


def test_a_cell_from_its_queue_to_its_end(folder):
    cell, state = folder.cells[3], SweepState(folder)
    assert state.refresh() == []
    say(folder, cell, "waiting", START, job=None)
    say(folder, cell, "running", START + 1, job=0, pid=7, host="here")
    (running,) = state.refresh()
    assert (running.cell, running.state, running.since, running.job) == (cell, "running", START + 1, 0)
    assert running.progress is None and running.log is None

    write_log(folder, cell)
    report(folder, cell, 0, 30, 120, began=START + 2, at=START + 5, note="epoch 1/4, loss 0.5")
    assert state.refresh() == [], "its state is the same"
    (running,) = state.running()
    assert (running.progress.done, running.progress.total, running.progress.note) == (30, 120, "epoch 1/4, loss 0.5")
    assert running.log == folder.log(cell.key) and running.elapsed(START + 5) == 4

    say(folder, cell, "done", START + 9, job=0, run="abc", seconds=8.25, metric="val/top1", value=87.5)
    (done,) = state.refresh()
    assert (done.state, done.run, done.seconds, done.metric, done.value) == ("done", "abc", 8.25, "val/top1", 87.5)
    assert done.ended and done.progress is None
    assert state.counts["done"] == state.ended == 1


SKEW = st.sampled_from([-3600.0, -5.0, 0.0, 5.0, 3600.0])


@given(skews=st.lists(SKEW, min_size=4, max_size=4), end=st.sampled_from(["done", "failed", "killed"]))
@settings(max_examples=60, deadline=None)
def test_clocks_that_differ_change_nothing_where_waiting_names_the_job(skews, end):
    """A cell whose first job is killed, which is given to a second one: after each step the truth is told."""
    latest, clock = {}, 0

    def told(source: int, state: str, **facts) -> str:
        nonlocal clock
        clock += 1
        event = Event("x", state, iso(START + clock + skews[source]), facts)
        latest[source] = follow(latest.get(source), event)
        return latest[deciding(latest)].state

    assert told(-1, "waiting", job=0) == "waiting"
    assert told(0, "running") == "running"
    assert told(-1, "waiting", job=2) == "waiting"
    assert told(2, "running") == "running"
    if end == "killed":
        assert told(-1, "failed", reason="killed") == "failed"
    else:
        assert told(2, end) == end
    assert told(-1, "waiting") == ("failed" if end == "killed" else end)  # noise
    if end != "done":
        assert told(-1, "waiting", job=3) == "waiting", "a retry is none"
        assert told(3, "running") == "running"
        assert told(3, "done") == "done"


@given(
    st.lists(
        st.tuples(
            st.sampled_from([-1, 0, 1, 2]),
            st.sampled_from(["waiting", "running", "elsewhere", "reused", "failed", "interrupted", "done"]),
            st.integers(0, 100),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=200, deadline=None)
def test_a_record_is_not_forgotten_and_order_between_files_is_no_matter(events):
    def after(sequence) -> str:
        latest = {}
        for source, state, at in sequence:
            latest[source] = follow(latest.get(source), Event("x", state, iso(START + at)))
        return latest[deciding(latest)].state

    states = [state for _, state, _ in events]
    found = after(events)
    if "done" in states:
        assert found == "done"
    elif "reused" in states:
        assert found == "reused"
    for sign in (1, -1):  # file by file: sorting is stable, so that the order within each stays
        assert after(sorted(events, key=lambda event: sign * event[0])) == found


def test_the_later_one_counts_where_nothing_else_tells():
    def told(first: tuple[int, str, float], second: tuple[int, str, float]) -> str:
        latest = {source: Event("x", state, iso(START + at)) for source, state, at in (first, second)}
        return latest[deciding(latest)].state

    assert told((-1, "waiting", 1), (0, "running", 2)) == "running"
    assert told((-1, "waiting", 3), (0, "running", 2)) == "waiting"
    assert told((-1, "interrupted", 3), (0, "running", 2)) == "interrupted"
    assert told((-1, "waiting", 2), (0, "running", 2)) == "running", "it cannot run before it waited"
    assert told((0, "interrupted", 9), (1, "running", 2)) == "running", "jobs are numbered as they are made"
    assert told((0, "failed", 9), (1, "running", 2)) == "running"
    assert told((-1, "failed", 1), (0, "running", 2)) == "failed"


@given(seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_looking_often_tells_the_same_as_looking_once(tmp_path_factory, seed):
    """Bytes arrive in pieces of any size; what is read in between changes nothing."""
    draw = random.Random(seed)
    folder = make_sweep(tmp_path_factory.mktemp("pieces"))
    lines: dict[str, bytes] = {}
    for step in range(40):
        cell = draw.choice(folder.cells)
        name = draw.choice(["events.jsonl", "jobs/0.jsonl", "jobs/1.jsonl", "jobs/12.jsonl"])
        state = draw.choice(["waiting", "running", "elsewhere", "done", "reused", "failed", "interrupted"])
        line = {"cell": cell.key, "state": state, "time": iso(START + step), "reason": "größer", "seconds": step}
        lines[name] = lines.get(name, b"") + json.dumps(line, ensure_ascii=False).encode() + b"\n"
    often = SweepState(folder)
    while any(lines.values()):
        name = draw.choice([name for name, left in lines.items() if left])
        piece = draw.randint(1, 200)
        with (folder.path / name).open("ab") as stream:
            stream.write(lines[name][:piece])
        lines[name] = lines[name][piece:]
        often.refresh()
    once = look(folder)
    assert often.cells == once.cells
    assert often.refresh() == [] and sum(once.counts.values()) == len(folder.cells)


HOSTILE = [
    b"\xff\xfe\n",
    b"[]\n",
    b"7\n",
    b"null\n",
    b'{"cell": ["a"], "state": "done", "time": "x"}\n',
    b'{"cell": "unknown", "state": "done", "time": "x"}\n',
    b'{"cell": "KEY", "state": "exploded", "time": "x"}\n',
    b'{"cell": "KEY", "state": {}, "time": "x"}\n',
    b'{"cell": "KEY", "state": "done"}\n',
    b'{"cell": "KEY", "st\n',
]


@pytest.mark.parametrize("line", HOSTILE)
def test_lines_that_are_no_events_are_passed_over(folder, line):
    cell = folder.cells[0]
    line = line.replace(b"KEY", cell.key.encode())
    for file in (folder.events, folder.path / "jobs" / "0.jsonl"):
        file.write_bytes(line)
    (folder.path / "jobs" / "notes.jsonl").write_text("of somebody else")
    (folder.path / "jobs" / ".partial-1.jsonl").write_text("")
    state = look(folder)
    assert state.counts["waiting"] == 8
    say(folder, cell, "running", START, job=0)
    assert [one.cell for one in state.refresh()] == [cell]


def test_half_a_line_does_not_swallow_the_next_one(folder):
    """A full disk, or a process that was killed, left the beginning of a line; another one goes on with the file."""
    first, second = folder.cells[:2]
    file = folder.path / "jobs" / "0.jsonl"
    say(folder, first, "running", START, job=0)
    state = look(folder)
    with file.open("ab") as stream:
        stream.write(b'{"cell": "' + second.key.encode())
    assert state.refresh() == []
    say(folder, first, "done", START + 1, job=0)
    say(folder, second, "running", START + 2, job=0)
    assert [one.state for one in state.refresh()] == ["done", "running"]
    assert look(folder).cells == state.cells and len(file.read_text().splitlines()) == 4


def test_odd_facts_are_not_believed(folder):
    cell = folder.cells[0]
    odd = {"seconds": float("nan"), "value": "many", "run": 7, "metric": None, "reason": ["a"], "log": "/etc/passwd"}
    append(folder.path / "jobs" / "0.jsonl", Event(cell.key, "done", "yesterday", odd))
    (done,) = look(folder).of("done")
    assert (done.since, done.seconds, done.value, done.run, done.metric) == (None, None, None, "7", None)
    assert done.reason == "['a']" and done.log is None and done.elapsed(START) == 0


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"cell": "x"}', '{"cell": "KEY", "done": "1", "total": 2, "note": "", "started": 1, "time": 9e9}'],
)
def test_a_report_that_is_none_is_no_progress(folder, content):
    cell = folder.cells[0]
    say(folder, cell, "running", START, job=0)
    (folder.path / "jobs" / "0.now").write_text(content.replace("KEY", cell.key))
    assert look(folder).running()[0].progress is None


def test_reports_of_another_cell_and_of_an_earlier_attempt_do_not_count(folder):
    first, second = folder.cells[:2]
    say(folder, second, "running", START + 50, job=0)
    report(folder, first, 0, 1, 2, began=START, at=START + 60)
    state = look(folder)
    assert state.running()[0].progress is None
    report(folder, second, 0, 1, 2, began=START, at=START + 40)
    state.refresh()
    assert state.running()[0].progress is None
    report(folder, second, 0, 1, 2, began=START, at=START + 55)
    state.refresh()
    assert state.running()[0].progress.done == 1


def test_who_schedules_and_the_three_phases(folder):
    with folder.hold():
        state = look(folder)
        assert state.scheduler.pid == os.getpid() and state.phase == "running" and state.warnings() == []
    state.refresh()
    assert state.scheduler is None and state.phase == "stopped"
    assert state.warnings() == ["Nobody schedules this sweep any more; 8 of 8 cells have not ended."]
    for cell, end in zip(folder.cells, ["done", "failed", "reused", "done"] * 2, strict=True):
        say(folder, cell, end, START)
    state.refresh()
    assert state.phase == "ended" and state.warnings() == [] and state.eta() is None


def test_a_running_cell_that_says_nothing_is_told_of(folder):
    cell = folder.cells[0]
    with folder.hold():
        say(folder, cell, "running", START, job=0)
        state = look(folder)
        assert state.warnings(START + 599) == []
        assert state.warnings(START + 660) == [f"{cell.name} has reported nothing for 11 minutes."]
        report(folder, cell, 0, 1, 2, began=START, at=START + 500)
        state.refresh()
        assert state.warnings(START + 660) == []


def test_what_is_left_of_a_cell(folder):
    """As those of another seed, else nothing is known; a running one by its report if that takes longer."""
    same, other_seed = folder.cells[:2]
    other_method = next(cell for cell in folder.cells if cell.spec.method == "m1/nano" and cell.spec.task == "eurosat")
    other_task = next(cell for cell in folder.cells if cell.spec.task == "resisc45")
    with folder.hold():
        state = look(folder)
        assert state.expected(same) is None
        say(folder, other_method, "done", START, job=0, seconds=100.0)
        state.refresh()
        assert state.expected(same) is None, "of another method"
        say(folder, other_seed, "done", START, job=1, seconds=40.0)
        state.refresh()
        assert state.expected(same) == 40 and state.expected(other_task) is None

        say(folder, same, "running", START, job=2)
        state.refresh()
        assert state.remaining(state.cells[same.key], START + 10) == 30
        assert state.remaining(state.cells[same.key], START + 90) == 0
        report(folder, same, 2, 10, 100, began=START, at=START + 10)  # a second each: 90 are left
        state.refresh()
        assert state.remaining(state.cells[same.key], START + 10) == pytest.approx(90)
        assert state.remaining(state.cells[same.key], START + 20) == pytest.approx(80)


def test_what_is_left_of_the_sweep(tmp_path):
    cells = [*cells_of(1, ("eurosat",), 4), Cell(spec=cells_of(1)[0].spec, seed=9, resources=Resources(processes=2))]
    folder = make_sweep(tmp_path, cells, slots=2)
    with folder.hold():
        say(folder, cells[0], "done", START, job=0, seconds=60.0)
        say(folder, cells[1], "running", START, job=1)
        state = look(folder)
        # 30 s of the running one, 60 s of two waiting ones, 60 s of one on two places: 270 s on two places
        assert state.eta(START + 30) == 135
        say(folder, cells[2], "reused", START)
        say(folder, cells[3], "failed", START, job=3)
        state.refresh()
        assert state.eta(START + 30) == 75
        say(folder, cells[4], "elsewhere", START, job=4, owner="process 3 of a on b")
        state.refresh()
        assert state.eta(START + 30) == 60, "it takes no place here, but its end is waited for"
        assert state.cells[cells[4].key].owner == "process 3 of a on b"
    state.refresh()
    assert state.eta(START + 30) is None, "it was stopped"


def test_a_large_sweep_costs_little(tmp_path):
    """1,000 cells of 1,000 jobs: a look at which nothing has changed takes milliseconds, the first one a second."""
    cells = cells_of(100, ("eurosat", "resisc45"), 5)
    folder = make_sweep(tmp_path, cells)
    for number, cell in enumerate(cells):
        say(folder, cell, "waiting", START, job=None)
        say(folder, cell, "running", START + 1, job=number)
        say(folder, cell, "done", START + 2, job=number, seconds=1.0)
    state = SweepState(SweepFolder.read(folder.path))
    state.refresh()
    assert state.counts["done"] == 1000
    costs = []
    for _ in range(10):
        began = time.process_time()
        assert state.refresh() == []
        assert (state.phase, state.counts["done"], state.warnings()) == ("ended", 1000, [])
        costs.append(time.process_time() - began)
    assert min(costs) < 0.05, "ten times what it takes"


def test_files_of_jobs_that_have_ended_are_left_alone(tmp_path, monkeypatch):
    """3,000 jobs of which one still runs: a look asks for the size of one file, and a late word is heard, later."""
    cells = cells_of(300, ("eurosat", "resisc45"), 5)
    folder = make_sweep(tmp_path, cells)
    for number, cell in enumerate(cells):
        append(folder.events, Event(cell.key, "waiting", iso(START), {"job": number}))
        say(folder, cell, "running", START + 1, job=number)
        if number:
            say(folder, cell, "done" if number > 1 else "failed", START + 2, job=number, seconds=1.0)
    state = look(folder)
    assert state.counts["done"] == 2998 and state.counts["running"] == 1
    asked = []
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **options: asked.append(path.name) or stat(path, **options))
    assert state.refresh() == []
    assert [name for name in asked if name.endswith(".jsonl") and name != "events.jsonl"] == ["0.jsonl"]
    say(folder, cells[0], "done", START + 9, job=0, seconds=1.0)
    assert [one.cell for one in state.refresh()] == [cells[0]]
    append(folder.events, Event(cells[1].key, "waiting", iso(START), {"job": 5000}))
    say(folder, cells[1], "running", START + 9, job=5000)
    say(folder, cells[1], "done", START + 10, job=1)  # by the first one, which was thought to be dead
    monkeypatch.setattr("rsbench.sweeps.state._SLOW", 0.0)
    assert [one.state for one in state.refresh()] == ["done"]


def test_a_cell_takes_the_time_of_its_start_at_least(folder):
    with folder.hold():
        say(folder, folder.cells[0], "done", START, job=0, seconds=0.01)
        assert look(folder).expected(folder.cells[1]) == 0.5


def test_the_queue_of_a_cluster(folder):
    """That a cluster has taken a job is told of cells that wait, and the number of the job is not forgotten over it."""
    first, second = folder.cells[:2]
    say(folder, first, "failed", START + 90, job=0)  # an earlier attempt, by a clock that is ahead
    for event in (
        Event(first.key, "waiting", iso(START), {"job": 1}),
        Event(first.key, "waiting", iso(START + 1), {"queued": "77_0"}),
    ):
        append(folder.events, event)
    state = look(folder)
    assert [(one.cell, one.queued) for one in state.queued()] == [(first, "77_0")]
    say(folder, first, "running", START + 2, job=1)
    state.refresh()
    assert state.queued() == [] and state.cells[first.key].state == "running"
    assert state.cells[second.key].queued is None


def test_cells_of_a_sweep_that_was_stopped_are_interrupted(folder):
    say(folder, folder.cells[0], "running", START, job=0)
    state = look(folder)
    state.interrupt()
    assert [one.state for one in state.refresh()] == ["interrupted"]
    assert look(SweepFolder.read(folder.path)).counts["running"] == 0


def test_a_sweep_of_a_newer_schema_is_refused(folder):
    file = folder.path / "sweep.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "schema_version": 2}))
    with pytest.raises(UserError, match="this rsbench reads 1") as caught:
        SweepFolder.read(folder.path)
    assert caught.value.hint == "Update rsbench."


def test_a_folder_that_goes_away_is_no_crash(folder, tmp_path):
    say(folder, folder.cells[0], "running", START, job=0)
    state = look(folder)
    folder.path.rename(tmp_path / "elsewhere")
    assert state.refresh() == [] and state.counts["running"] == 1 and state.scheduler is None
