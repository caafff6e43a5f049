"""Demo scenes that several processes want at the same time are drawn once, and all of them get all."""

import ast
import os
import subprocess
import sys
import time

from rsbench.datasets.demo.writers import write_eurosat

WANT = """
import os, sys, time
from pathlib import Path
from rsbench.datasets.demo import writers

root, log, start = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
plain = writers.render

def render(*given):
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, b"x")
    os.close(descriptor)
    time.sleep(0.01)
    return plain(*given)

writers.render = render
start.with_name(f"ready-{os.getpid()}").touch()
while not start.exists():
    time.sleep(0.01)
print(sorted(writers.write_eurosat(root, 0, per_class=5).parts["train"]))
print(len(list((root / "eurosat").rglob("*.jpg"))))
"""


def test_three_processes_draw_the_scenes_once(tmp_path):
    root, log, start = tmp_path / "scenes", tmp_path / "log", tmp_path / "start"
    command = [sys.executable, "-c", WANT, str(root), str(log), str(start)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        for _ in range(3)
    ]
    while len(list(tmp_path.glob("ready-*"))) < 3:
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)
    start.touch()
    done = [process.communicate(timeout=120) for process in processes]
    assert len({out for out, _ in done}) == 1 and done[0][0], done
    assert done[0][0].splitlines()[1] == "50"
    assert len(log.read_bytes()) == 50, "scenes were drawn more than once"
    assert [path.name for path in root.iterdir()] == ["eurosat"]
    assert sorted(write_eurosat(root, 0, per_class=5).parts["train"]) == ast.literal_eval(done[0][0].splitlines()[0])
