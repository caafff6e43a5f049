"""A training step of CtxMIM against one of SimMIM: forward, backward, optimiser.

python benchmarks/pretraining_step.py --variant nano
"""

import argparse

import numpy as np
import torch
from common import compare, report

from rsbench.memory import keep_heap
from rsbench.pretraining.masks import random_mask
from rsbench.pretraining.model import MaskedImageModel, parameter_groups
from rsbench.pretraining.options import make_options


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", default="nano")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--fp32", action="store_true")
    given = parser.parse_args()
    keep_heap()
    rng = np.random.default_rng(0)
    sides = {}
    for objective in ("simmim", "ctxmim"):
        options = make_options(objective, given.variant)
        shape = (given.batch, 3, options.image_size, options.image_size)
        images = torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)).to(given.device)
        cells = np.stack([random_mask(options.mask_grid, 0.6, rng) for _ in range(given.batch)])
        masks = torch.from_numpy(cells).to(given.device)
        model = MaskedImageModel(options).to(given.device)
        optimizer = torch.optim.AdamW(parameter_groups(model, options), lr=1e-4)

        def run(model=model, optimizer=optimizer, images=images, masks=masks) -> None:
            for _ in range(given.steps):
                optimizer.zero_grad(set_to_none=True)
                with torch.autocast(given.device, torch.bfloat16, enabled=not given.fp32):
                    loss = model(images, masks)["loss"]
                loss.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
                optimizer.step()
            if given.device == "cuda":
                torch.cuda.synchronize()

        run()
        sides[objective] = run
    seconds = compare(sides, given.rounds)
    for name, values in seconds.items():
        print(f"{name}: {given.steps * given.batch / min(values):,.0f} images/s at best")
    report(seconds, "ctxmim")


if __name__ == "__main__":
    main()
