"""Where a run took place: versions, commit, processor, accelerator."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import rsbench

PACKAGES = (
    "torch", "torchvision", "timm", "torchgeo", "torchmetrics", "lightning", "numpy", "scipy", "pillow", "pandas",
    "pyarrow", "safetensors", "pycocotools", "faster-coco-eval", "rasterio", "detectron2",
)  # fmt: skip


def environment() -> dict[str, Any]:
    """Returns what a record keeps of this process and machine, as plain JSON; what is not known is absent.

    It imports no package: threads and accelerator are told only where torch is loaded already. It holds no path
    and no host name.

    >>> environment()["rsbench"] == rsbench.__version__
    True
    """
    found: dict[str, Any] = {
        "rsbench": rsbench.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "packages": versions(),
        "cores": cores(),
        "cpu": cpu_name(),
        **_commit(),
        **_torch(),
    }
    threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if name in os.environ}
    return {key: value for key, value in {**found, "thread_variables": threads}.items() if value not in (None, {})}


def versions() -> dict[str, str]:
    """Returns the installed version of each package that can change a number, where it is installed."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    known = {}
    for name in PACKAGES:
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            continue
    return known


def cpu_name() -> str | None:
    """Returns the processor's name, or None where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or None
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor() or None


def cores() -> int | None:
    """Returns the cores this process may use, which a container makes fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@cache  # of a process: what it runs is what it has imported, whatever becomes of the checkout
def _commit() -> dict[str, Any]:
    """Returns the commit of the checkout that rsbench runs from, and whether it is changed; empty if installed."""
    root = Path(rsbench.__file__).parent.parent
    if not (root / ".git").exists():  # else a repository around the environment would be taken for ours
        return {}
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return {}


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _torch() -> dict[str, Any]:
    torch = sys.modules.get("torch")
    if torch is None:
        return {}
    found: dict[str, Any] = {"threads": torch.get_num_threads()}
    if torch.cuda.is_available():
        found |= {"gpu": torch.cuda.get_device_name(), "gpus": torch.cuda.device_count(), "cuda": torch.version.cuda}
    return found
