"""Processor, memory, threads, and the GPUs that torch can use."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rsbench.doctor.line import Line
from rsbench.environment import environment

_GIB = 1 << 30
SECONDS = 60  # a network file system can take that long to import torch for the first time
LEAST = 4  # GiB: what the networks and batches of the protocols take at least
_INSTALL = "Install the build of torch for your driver: https://pytorch.org/get-started/locally/"


def check_machine() -> Iterator[Line]:
    """Tells cores and memory of this machine, as far as this process may use them."""
    here = environment()
    cores = here.get("cores")
    yield Line("ok", "devices", "CPU", f"{cores or 'unknown'} cores, {here.get('cpu', 'name unknown')}")
    memory = usable_memory()
    if memory is None:
        yield Line("info", "devices", "memory", "this system does not tell")
    elif memory < LEAST * _GIB:
        remedy = "Take small batches (--batch-size), or a machine or container with more."
        yield Line("warning", "devices", "memory", f"{memory / _GIB:.1f} GiB", remedy)
    else:
        yield Line("ok", "devices", "memory", f"{memory / _GIB:.1f} GiB")


def usable_memory() -> int | None:
    """Returns the bytes of memory that this process can have: the machine's, or the limit of its container."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            memory = min(memory, int(Path(file).read_text()))
        except (OSError, ValueError):  # no such limit, or the word max
            continue
    return memory


def check_torch() -> Iterator[Line]:
    """Imports torch in a process of its own, and tells what it can compute on."""
    command = [sys.executable, "-P", "-m", "rsbench.doctor.torch_probe"]
    same = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # it finds what this process finds
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, env=same)
    except subprocess.TimeoutExpired:
        remedy = "Look at the GPU's driver (nvidia-smi), or leave the GPU out: CUDA_VISIBLE_DEVICES="
        yield Line("failed", "devices", "torch", f"it did not answer within {SECONDS} s", remedy)
        return
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
        yield Line("failed", "devices", "torch", f"it cannot be used: {reason}", _INSTALL)
        return
    yield from _torch_lines(json.loads(done.stdout.strip().splitlines()[-1]))


def _torch_lines(found: Mapping[str, Any]) -> Iterator[Line]:
    build = f"built for CUDA {found['cuda']}" if found["cuda"] else "built for the CPU"
    yield Line("ok", "devices", "torch", f"{found['version']}, {build}")
    cores = environment().get("cores")
    threads = f"{found['threads']} of torch"
    if cores and found["threads"] > cores:
        value = f"{threads} on {cores} cores: they wait for each other"
        yield Line("warning", "devices", "threads", value, f"Set OMP_NUM_THREADS={cores}.")
    else:
        yield Line("ok", "devices", "threads", threads)
    if not found["gpus"]:
        yield _without_gpu(found)
    for number, gpu in enumerate(found["gpus"]):
        value = f"{gpu['name']}, {gpu['memory'] / _GIB:.0f} GiB"
        if gpu["fault"]:
            yield Line(
                "failed", "devices", f"GPU {number}", f"{value}: {gpu['fault']}", f"{_INSTALL}, or free the GPU."
            )
        else:
            yield Line("ok", "devices", f"GPU {number}", f"{value}, {'bf16' if gpu['bf16'] else 'no bf16'}")


def _without_gpu(found: Mapping[str, Any]) -> Line:
    """Returns the line of a machine on which torch sees no GPU: there is none, it is hidden, or torch cannot use it."""
    said = f": {found['said'][0]}" if found["said"] else ""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and not hidden.strip(" -1"):
        return Line("info", "devices", "GPU", "none: CUDA_VISIBLE_DEVICES hides them")
    if not (Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi")):
        return Line("info", "devices", "GPU", "none: runs compute on the CPU")
    why = f"torch cannot use it{said}" if found["cuda"] else "torch is built for the CPU"
    return Line("warning", "devices", "GPU", f"there is an NVIDIA driver, and {why}", _INSTALL)
