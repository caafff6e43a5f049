"""What jobs of tests/sweeps/test_engine_local.py do in processes of their own, in place of cells."""

import json
import os
import stat
import subprocess
import time
from pathlib import Path


def note(file: Path, text: object) -> None:
    """Appends a line to ``<number>.notes`` beside the file of the job."""
    with file.with_suffix(".notes").open("a") as stream:
        stream.write(f"{text}\n")


def work(file: Path) -> None:
    """Does what the protocol of the job's cell says."""
    globals()[json.loads(file.read_text())["cells"][0]["spec"]["protocol"]](file)


def tells(file: Path) -> None:
    """Notes the GPUs, the threads, and whether there is nothing on standard input."""
    import torch

    nothing = os.path.sameopenfile(0, os.open(os.devnull, os.O_RDONLY))
    threads = [os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"], torch.get_num_threads()]
    note(file, json.dumps([os.environ.get("CUDA_VISIBLE_DEVICES"), *map(int, threads), nothing]))


def waits(file: Path) -> None:
    """As ``tells``, but ends only when there is a file for it."""
    tells(file)
    while not file.with_suffix(".go").exists():
        time.sleep(0.01)


def sleeps(file: Path) -> None:
    """Starts a child of its own, and goes on for ever."""
    child = subprocess.Popen(["sleep", "300"])
    note(file, os.getpid())
    note(file, child.pid)
    while True:
        time.sleep(1)


def pipes() -> list[int]:
    """All pipes that this process has."""
    found = []
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                found.append(descriptor)
        except OSError:
            continue
    return found


def leaves(file: Path) -> None:
    """Leaves a daemon for two seconds that has all pipes of this process, and goes on for ever."""
    for descriptor in pipes():
        os.set_inheritable(descriptor, True)
    subprocess.Popen(["sleep", "2"], close_fds=False, start_new_session=True)
    note(file, "left")
    time.sleep(300)


def forks(file: Path) -> None:
    """Notes how many pipes a process has that is forked from this one."""
    child = os.fork()
    if child == 0:
        note(file, len(pipes()))
        return  # as a plugin does that knows no better
    os.waitpid(child, 0)


def babbles(file: Path) -> None:
    """Writes to all pipes what is no message."""
    for descriptor in pipes():
        for text in (
            b"no message\n",
            b"[1]\n",
            b'{"ended": 99, "code": 1}\n{"done": [3]}\n{"ended": 0}',
            b"and no end",
        ):
            try:
                os.write(descriptor, text)
            except OSError:  # the end to read from
                break


class Silent(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise KeyError("text")


def raises(file: Path) -> None:
    raise Silent


def complains(file: Path) -> None:
    raise ValueError("\N{SNOWMAN}\x07\U0001f600" * 4000)
