"""What this machine has for the processes of a sweep: cores, threads and GPUs."""

from __future__ import annotations

import os
from pathlib import Path

GPU_DEVICES = ("/dev/nvidiactl", "/dev/kfd")
"""One of these is there where a system has GPUs that torch can use."""


def wished_threads() -> int | None:
    """Returns the threads of a process that OMP_NUM_THREADS asks for; None where it asks for none.

    Of a list, which is for nested loops, the first number counts; what is no number OpenMP does not heed either.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) or None if first.isascii() and first.isdigit() else None


def thread_variables(threads: int) -> dict[str, str]:
    """Returns the variables by which a process that starts with them computes with so many threads."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))


def may_have_gpus() -> bool:
    """Whether this process may have GPUs, as far as it can be told without torch, which takes seconds to import."""
    return _named() != [] and any(Path(name).exists() for name in GPU_DEVICES)


def gpus() -> list[str]:
    """Returns the GPUs that this process may use, as CUDA_VISIBLE_DEVICES has them."""
    if not may_have_gpus():
        return []
    import torch

    count = torch.cuda.device_count()  # which heeds the variable; a name in it that is none of a GPU ends the list
    named = _named()
    return [str(number) for number in range(count)] if named is None else named[:count]


def _named() -> list[str] | None:
    """The GPUs that CUDA_VISIBLE_DEVICES names, up to the first that cannot be one; None if it is not set."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    named: list[str] = []
    for name in map(str.strip, value.split(",")):
        if not name or name.startswith("-"):
            break
        named.append(name)
    return named
