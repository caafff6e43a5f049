"""What jobs of tests/sweeps/test_engine_slurm.py do in processes of their own, in place of cells."""

import json
import os
import signal
import time
from pathlib import Path


def note(file: Path, text: str) -> None:
    """Appends a line to ``<number>.notes`` beside the file of the job."""
    with file.with_suffix(".notes").open("a") as stream:
        stream.write(text + "\n")


def work(file: Path) -> None:
    """Does what the title of the job's cell says: its protocol."""
    what = json.loads(file.read_text())["cells"][0]["spec"]["protocol"]
    globals()[what](file)


def done(file: Path) -> None:
    note(file, f"{os.environ.get('OMP_NUM_THREADS')} threads, world {os.environ.get('WORLD_SIZE')}")


def raises(file: Path) -> None:
    raise OSError(28, "No space left on device", str(file))


def dies(file: Path) -> None:
    print("about to die", flush=True)
    os.write(2, b"out of luck\n")
    os.kill(os.getpid(), signal.SIGKILL)


def leaves(file: Path) -> None:
    os._exit(3)


def sleeps(file: Path) -> None:
    try:
        note(file, "begun")
        time.sleep(100)
    except KeyboardInterrupt:
        note(file, "interrupted")
        raise


def goes_on(file: Path) -> None:
    again = file.with_suffix(".notes").exists()
    note(file, "second time" if again else "first time")
    if not again:
        time.sleep(100)


def together(file: Path) -> None:
    import torch

    from rsbench.fabric import launch_on

    fabric = launch_on("cpu", "fp32")
    total = fabric.all_reduce(torch.tensor(float(fabric.global_rank + 1)), reduce_op="sum")
    if fabric.is_global_zero:
        note(file, f"{fabric.world_size} tasks, sum {float(total):g}")
