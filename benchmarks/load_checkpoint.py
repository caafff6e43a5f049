"""Time and memory of loading a checkpoint with full verification, against torch.load and load_state_dict.

All fill a ViT-L that is there already, from a checkpoint in the layout of masked autoencoders (1.2 GB). The plain side
is ``torch.load(mmap=True)`` and ``load_state_dict``. Ours reads without executing anything, accounts for every key,
refuses values that are not finite and weights that were never trained, and takes the digest of the filled network. At
the first use it hashes the file too (sha256); later it does so only if the file was touched or the network is another
one. Each measurement runs in a process of its own; the three alternate.

    python benchmarks/load_checkpoint.py [--rounds 3] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

KB = 1024


def memory() -> int:
    """Peak resident memory of this process so far, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KB


def resident() -> int:
    """Resident memory of this process now, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def plain(file: Path) -> tuple[float, int]:
    """Returns seconds and extra bytes of the plain way."""
    import torch

    from rsbench.backbones import create

    network = create("vit_l").model
    before, start = resident(), time.perf_counter()
    state = torch.load(file, map_location="cpu", mmap=True, weights_only=True)["model"]
    wanted = network.state_dict().keys()
    network.load_state_dict({key: value for key, value in state.items() if key in wanted})
    return time.perf_counter() - start, memory() - before


def first(file: Path) -> tuple[float, int]:
    """Returns seconds and extra bytes of mapping and verifying a file that was never used."""
    from rsbench.checkpoints.memo import Memo

    Memo.of(file).path.unlink(missing_ok=True)
    return later(file)


def later(file: Path) -> tuple[float, int]:
    """Returns seconds and extra bytes of mapping and verifying a file that ``first`` has verified."""
    from rsbench.backbones import create
    from rsbench.checkpoints.fetch import Obtained
    from rsbench.checkpoints.load import fill_verified
    from rsbench.checkpoints.memo import Memo
    from rsbench.plugins import load

    method, variant = load().method("satmaepp")
    weights = replace(method.weights(variant), sha256=None)  # the file of this benchmark is another one
    backbone = create("vit_l", **weights.kwargs)
    before, start = resident(), time.perf_counter()
    fill_verified(Obtained(file, weights, Memo.of(file)), backbone=backbone)
    return time.perf_counter() - start, memory() - before


SIDES = {"plain": plain, "first": first, "later": later}


def write(file: Path) -> None:
    """Writes a checkpoint of random numbers in the layout of SatMAE++, without its optimizer."""
    import torch

    from rsbench.backbones import create

    torch.manual_seed(0)
    state = {key: torch.randn_like(value) * 0.02 + 0.001 for key, value in create("vit_l").model.state_dict().items()}
    state["mask_token"] = torch.randn(1, 1, 512)
    state["decoder_embed.weight"] = torch.randn(512, 1024)
    torch.save({"model": state, "epoch": 799, "epochs": 800}, file)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--side", choices=tuple(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(json.dumps(SIDES[given.side](given.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "checkpoint.pth"
        write(file)
        size = file.stat().st_size
        print(f"checkpoint of {size / 1e9:.2f} GB, {given.threads} threads")
        results: dict[str, list[tuple[float, int]]] = {side: [] for side in SIDES}
        environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads)}
        for number in range(given.rounds):
            for side, found in results.items():
                command = [sys.executable, __file__, "--side", side, "--file", str(file)]
                out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
                found.append(tuple(json.loads(out.splitlines()[-1])))
            shown = [f"{side} {found[-1][0]:.2f} s, {found[-1][1] / size:.2f} x" for side, found in results.items()]
            print(f"round {number + 1}: {'; '.join(shown)} extra memory")
        for side in ("first", "later"):
            pairs = zip(results[side], results["plain"], strict=True)
            ratios = [mine[0] / other[0] for mine, other in pairs]
            rounds = ", ".join(f"{ratio:.2f}" for ratio in ratios)
            print(f"time {side} / plain: {statistics.median(ratios):.2f} (rounds {rounds})")


if __name__ == "__main__":
    main()
