"""13 learning rates x 3 seeds of the linear probe: stacked by seed, against one head after another.

    python benchmarks/stacked_heads.py

The plain side is a loop of autograd and torch.optim.SGD on the same cached features; ``one by one`` is rsbench's own
loop with one head at a time. All sides take the same steps; cost is proportional to the number of epochs.
"""

import argparse

import numpy as np
import torch
from common import compare, report
from torch import nn

from rsbench.probing.linear import Recipe, epoch_order, fit_heads
from rsbench.probing.protocols import SWEPT

LRS = SWEPT.settings["lrs"]
SEEDS = range(3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--dimension", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    features = rng.normal(size=(given.images, given.dimension)).astype(np.float32)
    labels = rng.integers(0, 10, given.images)
    recipe = Recipe(epochs=given.epochs, batch_size=64, momentum=0.9, milestones=(0.6, 0.8), gamma=0.1)
    x, y = torch.from_numpy(features), torch.from_numpy(labels)

    def stacked() -> None:
        for seed in SEEDS:
            fit_heads(features, labels, 10, LRS, [5e-4] * len(LRS), recipe, seed)

    def one_by_one() -> None:
        for seed in SEEDS:
            for lr in LRS:
                fit_heads(features, labels, 10, [lr], [5e-4], recipe, seed)

    def plain() -> None:
        for seed in SEEDS:
            for lr in LRS:
                head = nn.Linear(given.dimension, 10)
                optimizer = torch.optim.SGD(head.parameters(), lr=lr, momentum=0.9, weight_decay=5e-4)
                for epoch in range(given.epochs):
                    for batch in torch.from_numpy(epoch_order(len(x), seed, epoch)).split(64):
                        optimizer.zero_grad()
                        nn.functional.cross_entropy(head(x[batch]), y[batch]).backward()
                        optimizer.step()

    print(f"{len(LRS)} learning rates x {len(SEEDS)} seeds, {given.images} x {given.dimension}, {given.epochs} epochs")
    seconds = compare({"plain, one by one": plain, "one by one": one_by_one, "stacked": stacked}, given.rounds)
    report(seconds, "plain, one by one")
    report(seconds, "one by one")


if __name__ == "__main__":
    main()
