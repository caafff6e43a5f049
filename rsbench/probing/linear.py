"""Many linear heads trained at once by SGD on cached features, with exactly the steps of a plain loop.

All heads of one seed see the same batches, so one matrix product serves them all. The gradient of softmax
cross-entropy is written out; after 25,000 steps the weights differ from torch.nn.Linear trained with autograd and
torch.optim.SGD by rounding alone (tests/probing/test_linear.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """SGD with momentum and a learning rate that falls in steps.

    Args:
        epochs, batch_size: as they say; the incomplete last batch is used too.
        momentum: of SGD, without dampening or Nesterov.
        milestones: shares of the epochs after which the learning rate is multiplied by ``gamma``.
        gamma: see ``milestones``.
    """

    epochs: int
    batch_size: int
    momentum: float
    milestones: tuple[float, ...]
    gamma: float

    def factor(self, epoch: int) -> float:
        """Factor of the learning rate in ``epoch``, counted from 0."""
        passed = sum(epoch >= math.floor(share * self.epochs + 1e-9) for share in self.milestones)
        return self.gamma**passed


@dataclass(frozen=True)
class Heads:
    """K linear heads for C classes on D features.

    Attributes:
        weight: (K, C, D).
        bias: (K, C).
    """

    weight: Floats
    bias: Floats

    def logits(self, features: Floats, head: int) -> Floats:
        """Returns the logits (N, C) of one head for features (N, D)."""
        return features @ self.weight[head].T + self.bias[head]


def initial_head(classes: int, dimension: int, seed: int) -> tuple[Floats, Floats]:
    """Weight (C, D) and bias (C,) as torch.nn.Linear draws them: uniform within 1 / sqrt(D)."""
    rng = np.random.default_rng([seed, 0])
    bound = 1 / math.sqrt(dimension)
    weight = rng.uniform(-bound, bound, (classes, dimension)).astype(np.float32)
    return weight, rng.uniform(-bound, bound, classes).astype(np.float32)


def epoch_order(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """The order of ``count`` items in ``epoch``; depends on seed and epoch alone."""
    return np.random.default_rng([seed, 1, epoch]).permutation(count)


def fit_heads(
    features: Floats,
    labels: NDArray[np.int64],
    classes: int,
    learning_rates: Sequence[float],
    weight_decays: Sequence[float],
    recipe: Recipe,
    seed: int,
) -> Heads:
    """Trains K heads that differ in learning rate and weight decay alone.

    Args:
        features: float32 (N, D).
        labels: (N,), from 0 to ``classes`` - 1.
        classes: C.
        learning_rates: K of them.
        weight_decays: K of them; on weights and biases, as torch.optim.SGD has it.
        recipe: shared.
        seed: of the initial head and of the order of items.

    Returns:
        The heads after the last epoch. A head that diverged holds NaN or infinities.
    """
    count, dimension = features.shape
    heads = len(learning_rates)
    columns = heads * classes
    first_weight, first_bias = initial_head(classes, dimension, seed)
    weight = np.tile(first_weight, (heads, 1))  # (K * C, D): a head is a block of rows
    bias = np.tile(first_bias, heads)
    rate = np.repeat(np.asarray(learning_rates, dtype=np.float32), classes)
    decay = np.repeat(np.asarray(weight_decays, dtype=np.float32), classes)[:, None]
    decayed = bool(decay.any())
    speed, bias_speed = np.zeros_like(weight), np.zeros_like(bias)
    gradient, scratch = np.empty_like(weight), np.empty_like(weight)
    size = min(recipe.batch_size, count)
    batch, scores = np.empty((size, dimension), np.float32), np.empty((size, columns), np.float32)
    momentum = np.float32(recipe.momentum)
    with np.errstate(over="ignore", invalid="ignore"):  # a head that diverges is the caller's to judge
        for epoch in range(recipe.epochs):
            step = (rate * np.float32(recipe.factor(epoch)))[:, None]
            order = epoch_order(count, seed, epoch)
            for start in range(0, count, size):
                chosen = order[start : start + size]
                n = len(chosen)
                x, g = batch[:n], scores[:n]
                np.take(features, chosen, axis=0, out=x, mode="clip")  # "raise" would copy through a buffer
                np.matmul(x, weight.T, out=g)
                g += bias
                _loss_gradient(g.reshape(n, heads, classes), labels[chosen])
                np.matmul(g.T, x, out=gradient)
                bias_gradient = g.sum(axis=0)
                if decayed:
                    np.multiply(weight, decay, out=scratch)
                    gradient += scratch
                    bias_gradient += decay[:, 0] * bias
                speed *= momentum
                speed += gradient
                np.multiply(speed, step, out=scratch)
                weight -= scratch
                bias_speed *= momentum
                bias_speed += bias_gradient
                bias -= step[:, 0] * bias_speed
    return Heads(weight.reshape(heads, classes, dimension), bias.reshape(heads, classes))


def _loss_gradient(logits: Floats, labels: NDArray[np.int64]) -> None:
    """Replaces logits (n, K, C) by the gradient of the mean cross-entropy of each head."""
    n = len(labels)
    logits -= logits.max(axis=2, keepdims=True)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=2, keepdims=True)
    logits[np.arange(n), :, labels] -= 1
    logits /= n


@dataclass(frozen=True)
class Standardiser:
    """Mean and standard deviation of each feature over the training images.

    Attributes:
        mean: (D,).
        std: (D,); 1 where a feature is constant.
    """

    mean: Floats
    std: Floats

    @classmethod
    def fit(cls, features: Floats) -> Standardiser:
        """Takes both from features (N, D)."""
        std = features.std(axis=0, dtype=np.float64)
        mean = features.mean(axis=0, dtype=np.float64)
        return cls(mean.astype(np.float32), np.where(std > 0, std, 1.0).astype(np.float32))

    def __call__(self, features: Floats) -> Floats:
        """Returns standardised features (N, D)."""
        result = features - self.mean
        result /= self.std  # in place: one copy of 100 MB less
        return result
