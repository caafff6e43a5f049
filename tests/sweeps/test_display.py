"""What `rsbench sweep` shows while it runs, on terminals of any size and in logs, and what stands at the end."""

import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sweeps.sweeping import START, cells_of, make_sweep, report, say, write_log

from rsbench.cli.sweep_progress import SweepDisplay, closing_summary, frame
from rsbench.spec import RunSpec
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.latest import seconds
from rsbench.sweeps.state import SweepState

HOSTILE = "ValueError: [red]bad[/red] \x1b[2J\x1b]0;title\x07 band\nsecond \x9b line\r \x00 " + "long " * 50
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """A sweep of 24 cells: 16 run, 2 are done, one was there, 2 have failed; seen from its folder of runs."""
    monkeypatch.chdir(tmp_path)
    return fill(make_sweep(tmp_path, cells_of(3, ("eurosat", "resisc45"), 4)))


def fill(folder, reason: str = "ValueError: no such band"):
    cells = folder.cells
    for cell in cells[:2]:
        say(folder, cell, "done", START + 1, job=0, metric="val/top1", value=87.314, seconds=41.2)
    say(folder, cells[2], "reused", START)
    for cell in cells[3:5]:
        write_log(folder, cell)
        say(folder, cell, "failed", START + 2, job=1, reason=reason)
    now = time.time()
    for number, cell in enumerate(cells[5:21], start=10):
        say(folder, cell, "running", now - 100 + number, job=number)
        report(folder, cell, number, 120, 400, now - 100 + number, now, "epoch 3/50, loss 0.2134")
    return folder


def look(folder) -> SweepState:
    state = SweepState(folder)
    state.refresh()
    return state


def drawn(state: SweepState, width: int, height: int, file=None) -> list[str]:
    file = io.StringIO() if file is None else file
    console = Console(file=file, force_terminal=True, width=width, height=height, color_system=None)
    console.print(frame(state, state.of("done", "failed"), width, height))
    return file.getvalue().splitlines()


def test_a_narrow_small_terminal_shows_all_that_runs(sweep):
    with sweep.hold():
        lines = drawn(look(sweep), 60, 20)
    assert len(lines) == 19
    assert lines[0] == "demo, 2 processes, time left not known yet"
    assert lines[1] == "24 cells: 2 done, 1 reused, 2 failed, 16 running, 3 waiting"
    rows = lines[2:18]
    assert [row.split()[0] for row in rows] == [cell.spec.method for cell in sweep.cells[5:21]]
    assert all("seed" in row and "epoch 3/" in row and re.search(r"\d:\d\d$", row) for row in rows)
    assert lines[18].startswith("failed      m0/nano resisc45 swept seed 0  ValueError: ")


def test_a_wide_terminal_shows_amounts_and_the_last_results(sweep):
    with sweep.hold():
        lines = drawn(look(sweep), 140, 50)
    assert len(lines) == 2 + 16 + 4
    assert all("120/400 epoch 3/50, loss 0.2134 " in line for line in lines[2:18])
    assert lines[18] == "done        m0/nano eurosat swept seed 0  val/top1 87.31  41 s"
    assert "ValueError: no such band  log .sweeps/" in lines[21]


@given(
    width=st.integers(1, 200),
    height=st.integers(1, 60),
    running=st.integers(0, 20),
    note=st.text(max_size=40),
    title=st.text(max_size=80),
)
@settings(max_examples=80, deadline=None)
def test_no_terminal_is_too_small(tmp_path_factory, width, height, running, note, title):
    """Whatever is told, no line is wider than the terminal, and one line stays free for the cursor."""
    cells = [
        Cell(spec=RunSpec(method="m/名前" * 3, task="t", changes={"a": "[b]" * 9}), seed=seed) for seed in range(24)
    ]
    folder = make_sweep(tmp_path_factory.mktemp("size"), cells, title=title.encode("utf-8", "replace").decode())
    for number, cell in enumerate(cells[:running]):
        say(folder, cell, "running", START, job=number)
        report(
            folder, cell, number, number, 10 * (number % 3), START, START + 60, note.encode("utf-8", "replace").decode()
        )
    for cell in cells[20:]:
        say(folder, cell, "failed", START, reason=HOSTILE)
    with folder.hold():
        lines = drawn(look(folder), width, height)
    assert 1 <= len(lines) <= max(1, height - 1)
    measure = Console(file=io.StringIO(), width=10_000)
    assert all(measure.measure(line.replace("[", "(")).maximum <= max(width, 2) for line in lines)
    assert not any(character < " " or "\x7f" <= character <= "\x9f" for line in lines for character in line)


def lines_of(file: io.StringIO) -> list[str]:
    found = file.getvalue().splitlines()
    file.seek(0)
    file.truncate()
    return found


def test_a_log_has_a_line_for_each_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, file = make_sweep(tmp_path), io.StringIO()
    state, cells = SweepState(folder), folder.cells
    clock = [0.0]
    with SweepDisplay(Console(file=file), heartbeat=180, ticks=lambda: clock[0]) as display:

        def told() -> list[str]:
            state.refresh()
            display.update(state)
            return lines_of(file)

        assert told() == [], "cells that wait are no news"
        say(folder, cells[0], "reused", START, run="abc", reason="not shown")
        say(folder, cells[1], "running", START + 1, job=0)
        assert told() == [
            "[1/8] reused      m0/nano eurosat swept seed 0",
            "[1/8] started     m0/nano eurosat swept seed 1",
        ]
        write_log(folder, cells[2])
        say(folder, cells[1], "done", START + 5, job=0, metric="val/top1", value=87.306, seconds=41.0)
        say(folder, cells[2], "failed", START + 4, job=1, reason=HOSTILE)
        failed, done = told()
        assert done == "[3/8] done        m0/nano eurosat swept seed 1  val/top1 87.31  41 s"
        reason = r"ValueError: [red]bad[/red] \x1b[2J\x1b]0;title\x07 band second \x9b line\r \x00 "
        assert failed.startswith(f"[2/8] failed      m0/nano resisc45 swept seed 0  {reason}long long")
        assert failed.endswith(f"  log .sweeps/{folder.path.name}/logs/{cells[2].key}.log")
        say(folder, cells[3], "elsewhere", START, job=2, owner="process 7 of a on b")
        say(folder, cells[4], "interrupted", START + 1, job=3)
        assert told() == [
            "[3/8] elsewhere   m0/nano resisc45 swept seed 1  by process 7 of a on b",
            "[3/8] interrupted m1/nano eurosat swept seed 0",
        ]
        say(folder, cells[4], "running", START + 2, job=3)
        report(folder, cells[4], 3, 5, 50, START, START + 9, "epoch 1/2")
        assert told() == ["[3/8] started     m1/nano eurosat swept seed 0"]
        for now, lines in ((179, 0), (180, 1), (200, 0), (359, 0), (361, 1)):
            clock[0] = now
            beats = told()
            assert beats == ["[3/8] running: m1/nano eurosat swept seed 0 5/50 epoch 1/2"] * lines


def test_a_process_that_is_not_the_first_says_nothing(sweep, monkeypatch):
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    for terminal in (True, False):
        file = io.StringIO()
        with SweepDisplay(Console(file=file, force_terminal=terminal)) as display:
            display.update(look(sweep))
        assert file.getvalue() == ""


class Broken(io.StringIO):
    """A terminal that has gone away, or a file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("terminal", [True, False])
def test_what_cannot_be_shown_ends_no_sweep(sweep, terminal):
    console = Console(file=Broken(), force_terminal=False)
    with SweepDisplay(console) as display:
        display.update(look(sweep))
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=60, height=20)
    with SweepDisplay(console) as display:
        display.update(look(sweep))
        console.file = Broken()
        display.update(look(sweep))
    assert file.getvalue()


SCRIPT = """
import sys
from pathlib import Path
from rsbench.cli.sweep_progress import SweepDisplay
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.latest import seconds
from rsbench.sweeps.state import SweepState
import time
state = SweepState(SweepFolder.read(Path(sys.argv[1])))
with SweepDisplay() as display:
    for look in range(400):
        state.refresh()
        display.update(state)
        if look == 3:
            if sys.argv[2] == "error":
                raise ValueError("[bold]of a plugin")
            if sys.argv[2] == "end":
                break
        time.sleep(0.02)
"""


def on_terminal(folder: Path, how: str, width: int = 60, height: int = 20) -> tuple[int, str, bool]:
    """Runs the display in a process on a pseudo-terminal; returns exit code, what the terminal got, and whether its
    settings are as they were."""
    outer, inner = pty.openpty()
    try:
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        before = termios.tcgetattr(inner)
        environment = {
            name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")
        }
        child = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder), how],
            stdin=inner,
            stdout=subprocess.DEVNULL,
            stderr=inner,
            env={**environment, "TERM": "xterm", "OMP_NUM_THREADS": "1"},
        )
        os.set_blocking(outer, False)
        got, deadline = b"", time.monotonic() + 30
        while child.poll() is None and time.monotonic() < deadline:  # a terminal that nobody reads holds its writers up
            got += _read(outer)
            if how == "interrupt" and b"epoch 3/" in got:
                child.send_signal(signal.SIGINT)
                how = "interrupted"
            time.sleep(0.01)
        child.kill()
        return child.wait(), (got + _read(outer)).decode(), termios.tcgetattr(inner) == before
    finally:
        os.close(outer)
        os.close(inner)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 20)
    except OSError:  # nothing there
        return b""


@pytest.mark.parametrize("how", ["end", "error", "interrupt"])
def test_a_terminal_is_left_as_it_was(sweep, how):
    with sweep.hold():
        code, got, same = on_terminal(sweep.path, how)
    assert (code == 0) == (how == "end") and same
    assert got.index("\x1b[?25l") < got.rindex("\x1b[?25h"), "the cursor was hidden and is there again"
    assert got.rindex("\x1b[?25l") < got.rindex("\x1b[?25h")
    assert "\x1b[?1049h" not in got, "what stood on the screen before stays"
    shown = CODES.sub("", got)
    assert "m2/nano resisc45 swept" in shown and "epoch 3/" in shown
    after = got[got.rindex("\x1b[?25h") :]
    assert "running" not in after, "the display is taken away"
    assert ("[bold]of a plugin" in after) == (how == "error")


def test_forced_colours_put_no_codes_into_a_log(sweep, tmp_path):
    with (tmp_path / "log").open("wb") as log:
        environment = {**os.environ, "FORCE_COLOR": "1", "TTY_COMPATIBLE": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", SCRIPT, str(sweep.path), "end"]
        subprocess.run(command, stderr=log, stdout=subprocess.DEVNULL, env=environment, check=True, timeout=60)
    text = (tmp_path / "log").read_text()
    assert "\x1b" not in text and len(text.splitlines()) == 21


def test_the_summary_of_a_sweep_that_was_stopped(sweep):
    name = sweep.path.name
    began = seconds(sweep.started)
    assert closing_summary(look(sweep), began + 95.2).splitlines() == [
        "demo in 95 s, 24 cells: 2 done, 1 reused, 2 failed, 16 running, 3 waiting.",
        "Failed:",
        "  m0/nano eurosat swept seed 3 and 1 more: ValueError: no such band",
        f"    log .sweeps/{name}/logs/{sweep.cells[3].key}.log",
        f"  All of them: rsbench status {name} --results . --failed",
        "Nothing finished is lost; 19 of 24 cells are left to do.",
        "Go on: rsbench sweep demo --results runs",
        "Run again what failed: rsbench sweep demo --results runs --retry-failed",
        "Next: rsbench table N --results . (N: 1 or 5), rsbench leaderboard --out leaderboard --results .",
    ]


def test_the_summary_of_a_sweep_that_has_ended(tmp_path):
    folder = make_sweep(tmp_path, cells_of(1, ("eurosat",), 2))
    for cell in folder.cells:
        say(folder, cell, "done", time.time() + 95, job=0)
    told = closing_summary(look(folder), seconds(folder.started) + 5)
    assert re.fullmatch(r"demo in 5\.0 s, 2 cells: 2 done\.\nNext: rsbench table N --results .*", told)


def test_the_summary_of_a_sweep_that_found_everything(tmp_path):
    """It took no time that is worth a word; scenes are in no table of the paper."""
    cells = [Cell(spec=RunSpec(method="m", task="eurosat", data="demo"), seed=seed) for seed in range(2)]
    folder = make_sweep(tmp_path, cells)
    for cell in cells:
        say(folder, cell, "reused", START)
    told = closing_summary(look(folder), seconds(folder.started) + 5)
    assert re.fullmatch(r"demo, 2 cells: 2 reused\.\nNext: rsbench leaderboard --out leaderboard --results .*", told)


def test_one_cell_is_left(tmp_path):
    folder = make_sweep(tmp_path, cells_of(1, ("eurosat",), 1))
    assert "Nothing finished is lost; 1 of 1 cell is left to do." in closing_summary(look(folder))


def test_the_summary_of_a_sweep_in_which_nothing_worked(tmp_path):
    argv = ["rsbench", "sweep", "demo", "--retry-failed"]
    folder = make_sweep(tmp_path, cells_of(1, ("eurosat",), 1), argv=argv)
    say(folder, folder.cells[0], "failed", START, reason=HOSTILE)
    told = closing_summary(look(folder))
    last = told.splitlines()[-1]
    assert last.startswith("Run again what failed: ") and last.endswith("rsbench sweep demo --retry-failed"), "no next"
    assert "Go on" not in told
    assert not any(character < " " and character != "\n" for character in told) and "\x9b" not in told


def test_seed_and_number_remain_on_narrow_terminals(tmp_path):
    cells = [
        Cell(spec=RunSpec(method="simmim-rs/swin_b", task="spacenet-vegas", protocol="paper"), seed=seed)
        for seed in range(10, 13)
    ]
    folder = make_sweep(tmp_path, cells, title="a very long title of many methods on many tasks")
    say(folder, cells[0], "done", START, job=0, metric="val/mIoU", value=87.314, seconds=41.2)
    say(folder, cells[1], "failed", START, job=1, reason="ValueError: no such band")
    say(folder, cells[2], "running", START, job=2)
    report(folder, cells[2], 2, 5, 10, START, START + 5)
    with folder.hold():
        for width in (40, 60):
            lines = drawn(look(folder), width, 20)
            assert "seed 10  val/mIoU 87.31" in lines[3] and lines[3].startswith("done")
            assert "seed 11" in lines[4] and "seed 12" in lines[2]
            assert lines[0].startswith("a ver") and lines[0].endswith(" left")
        assert "50 %" in drawn(look(folder), 40, 20)[2]


def test_a_note_stands_in_the_first_line_alone(sweep):
    with sweep.hold():
        state = look(sweep)
        console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30, color_system=None)
        with SweepDisplay(console) as display:
            display.note("Stopping ...")
            display.update(state)
            shown = CODES.sub("", console.file.getvalue())
    first, *others = shown.split("\n")
    assert "Stopping ... demo, 2 processes" in first and "left" not in first
    assert "Stopping" not in "".join(others)
    log = io.StringIO()
    with SweepDisplay(Console(file=log)) as display:
        display.note("Stopping ...")
    assert log.getvalue() == "Stopping ...\n"


def test_many_failures_are_grouped_by_their_reason(tmp_path):
    folder = make_sweep(tmp_path, cells_of(10, ("eurosat", "resisc45"), 5))
    for number, cell in enumerate(folder.cells):
        say(folder, cell, "failed", START, reason="Out of memory." if number % 4 else f"Line {number}: odd.")
    lines = closing_summary(look(folder)).splitlines()
    assert lines[0].startswith("demo in ") and lines[0].endswith("s, 100 cells: 100 failed.")
    assert lines[1:3] == [
        "Failed:",
        "  m0/nano eurosat swept seed 1 and 74 more: Out of memory.",
    ]
    assert lines[3] == "  m0/nano eurosat swept seed 0: Line 0: odd."
    assert "  ... and 6 more failed for other reasons" in lines
    assert any(line.startswith(f"  All of them: rsbench status {folder.path.name} --results ") for line in lines)
