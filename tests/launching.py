"""Starts the command line in processes of its own: alone, several at once, and together as torchrun or srun would."""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
LAUNCH = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
PATIENCE = 120
"""Seconds after which a process is taken to hang."""


def environment(**variables: object) -> dict[str, str]:
    """Variables of a process that can import the plugins of tests and runs one thread."""
    base = {key: value for key, value in os.environ.items() if key not in LAUNCH and not key.startswith("SLURM_")}
    path = os.pathsep.join([str(HERE), base.get("PYTHONPATH", "")])
    return {**base, "OMP_NUM_THREADS": "1", "PYTHONPATH": path, **{key: str(one) for key, one in variables.items()}}


def start(*arguments: object, **variables: object) -> subprocess.Popen[str]:
    """Starts ``rsbench`` and does not wait for it."""
    command = [sys.executable, "-m", "rsbench", *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment(**variables), text=True, **streams)


def finish(process: subprocess.Popen[str]) -> tuple[int, list[dict], str]:
    """Waits; returns (exit code, records printed as JSON, standard error)."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, [json.loads(line) for line in out.splitlines()], err


def torchrun(processes: int, *arguments: object, **variables: object) -> tuple[int, list[dict], str]:
    """Runs ``rsbench`` in several processes that work together; returns what ``finish`` does."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command = [*launcher, "-m", "rsbench", *map(str, arguments)]
    done = subprocess.run(
        command, env=environment(**variables), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def start_step(processes: int, *arguments: object, **variables: object) -> list[subprocess.Popen[str]]:
    """Starts ``rsbench`` in several processes with the variables that srun sets."""
    step = {
        "SLURM_JOB_ID": os.getpid(),
        "SLURM_STEP_ID": 0,
        "SLURM_NTASKS": processes,
        "SLURM_STEP_NUM_TASKS": processes,
        "SLURM_STEP_TASKS_PER_NODE": processes,
        "SLURM_STEP_NODELIST": "127.0.0.1",
    }
    return [start(*arguments, **variables, **step, SLURM_PROCID=rank, SLURM_LOCALID=rank) for rank in range(processes)]


def srun(processes: int, *arguments: object, **variables: object) -> list[tuple[int, list[dict], str]]:
    """Does what ``start_step`` does, and waits; returns what ``finish`` does of each."""
    return [finish(process) for process in start_step(processes, *arguments, **variables)]
