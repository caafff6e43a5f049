"""Turns a finished pretraining run into weights that ship with rsbench: fp16, with their provenance.

    python scripts/ship_weights.py RUN_FOLDER

writes methods/weights/OBJECTIVE_VARIANT.safetensors and .json, and prints the sha256 that belongs into methods/.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from rsbench.checkpoints.read import sha256_file

WEIGHTS = Path(__file__).resolve().parent.parent / "methods" / "weights"
LIMIT = 4_000_000  # bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished rsbench pretrain")
    given = parser.parse_args()
    provenance = json.loads((given.run / "provenance.json").read_text())
    name = f"{provenance['method']}_{provenance['options']['variant']}"
    tensors = load_file(given.run / "encoder.safetensors")
    halves = {key: value.to(torch.float16) for key, value in tensors.items()}
    for key, value in halves.items():
        if not torch.isfinite(value).all():
            raise SystemExit(f"{key} does not fit fp16")
    file = WEIGHTS / f"{name}.safetensors"
    save_file(halves, file, metadata={"format": "rsbench", "architecture": provenance["options"]["variant"]})
    if file.stat().st_size > LIMIT:
        raise SystemExit(f"{file.name} has {file.stat().st_size} bytes, more than {LIMIT}")
    digest = sha256_file(file)
    shipped = {"file": file.name, "sha256": digest, "dtype": "float16", **provenance}
    (WEIGHTS / f"{name}.json").write_text(json.dumps(shipped, indent=1) + "\n")
    print(f"{file.name}: {file.stat().st_size} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
