"""The protocols on frozen features: from features and labels to predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import RunError, UserError
from rsbench.probing.knn import knn_predict
from rsbench.probing.linear import Heads, Recipe, Standardiser, fit_heads
from rsbench.task import Protocol

Labels = NDArray[np.int64]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class Problem:
    """Features and labels of the parts of a dataset.

    Attributes:
        features: (N, D) of each part.
        labels: (N,) of each part.
        classes: C.
        train: the part that is trained on; all others are predicted.
    """

    features: Mapping[str, Features]
    labels: Mapping[str, Labels]
    classes: int
    train: str

    @property
    def reported(self) -> list[str]:
        """The parts that are predicted."""
        return [part for part in self.features if part != self.train]


@dataclass(frozen=True)
class Solution:
    """What a protocol gives.

    Attributes:
        predictions: labels (N,) of each reported part.
        selected: hyper-parameters that were chosen, and how.
        flags: sentences that belong beside the number.
        history: mean losses of each epoch, where the backbone was trained.
    """

    predictions: dict[str, Labels]
    selected: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)


def recipe(protocol: Protocol) -> Recipe:
    """The optimiser's settings of a protocol."""
    settings: Mapping[str, Any] = protocol.settings
    return Recipe(
        epochs=settings["epochs"],
        batch_size=settings["batch_size"],
        momentum=settings["momentum"],
        milestones=settings["milestones"],
        gamma=settings["gamma"],
    )


def solve_sgd(problem: Problem, protocol: Protocol, seed: int) -> Solution:
    """One head at the protocol's learning rate, on the features as they are (CtxMIM, section 4.2)."""
    settings: Mapping[str, Any] = protocol.settings
    heads = fit_heads(
        problem.features[problem.train],
        problem.labels[problem.train],
        problem.classes,
        [settings["lr"]],
        [settings["weight_decay"]],
        recipe(protocol),
        seed,
    )
    return Solution(_predict(heads, {part: problem.features[part] for part in problem.reported}, settings["lr"]))


def solve_swept(problem: Problem, protocol: Protocol, seed: int) -> Solution:
    """All learning rates and weight decays at once on standardised features; the chosen pair again on all of train.

    The choice is made on a stratified share of the training part that no head of the sweep has seen; reported
    parts play no role in it. Equal accuracies are decided by the lower cross-entropy.
    """
    settings: Mapping[str, Any] = protocol.settings
    grid = list(product(settings["lrs"], settings["weight_decays"]))
    features, labels = problem.features[problem.train], problem.labels[problem.train]
    kept, held = hold_out(labels, settings["holdout"], seed)
    standardise = Standardiser.fit(features[kept])
    rates, decays = [rate for rate, _ in grid], [decay for _, decay in grid]
    heads = fit_heads(standardise(features[kept]), labels[kept], problem.classes, rates, decays, recipe(protocol), seed)
    held_features = standardise(features[held])
    scores = [_score(heads.logits(held_features, k), labels[held]) for k in range(len(grid))]
    best = max(range(len(grid)), key=lambda k: scores[k])
    if scores[best][0] < 0:
        raise RunError("Every head of the sweep diverged.", "Lower the learning rates with --set lrs=...")
    rate, decay = grid[best]
    standardise = Standardiser.fit(features)
    final = fit_heads(standardise(features), labels, problem.classes, [rate], [decay], recipe(protocol), seed)
    flags = []
    if len(settings["lrs"]) > 1 and rate in (min(settings["lrs"]), max(settings["lrs"])):
        flags.append(f"learning rate {rate:g} at the edge of the grid")
    if len(settings["weight_decays"]) > 1 and decay == max(settings["weight_decays"]):
        flags.append(f"weight decay {decay:g} at the edge of the grid")
    selected = {
        "lr": rate,
        "weight_decay": decay,
        "held_out_top1": round(100 * scores[best][0], 4),
        "held_out_images": len(held),
        "grid_top1": {f"lr={r:g} wd={d:g}": round(100 * s[0], 3) for (r, d), s in zip(grid, scores, strict=True)},
    }
    reported = {part: standardise(problem.features[part]) for part in problem.reported}
    return Solution(_predict(final, reported, rate), selected, flags)


def solve_knn(problem: Problem, protocol: Protocol, seed: int) -> Solution:
    """k nearest neighbours; the seed plays no role."""
    settings: Mapping[str, Any] = protocol.settings
    train = problem.features[problem.train]
    if not 1 <= settings["k"] <= len(train):
        raise UserError(f"k={settings['k']} neighbours do not fit {len(train)} training images.", "Set k lower.")
    standardise: Callable[[Features], Features] = (
        Standardiser.fit(train) if settings["standardise"] else lambda features: features
    )
    base, labels = standardise(train), problem.labels[problem.train]
    return Solution(
        {
            part: knn_predict(base, labels, standardise(problem.features[part]), settings["k"], problem.classes)
            for part in problem.reported
        }
    )


SOLVERS: Mapping[str, Callable[[Problem, Protocol, int], Solution]] = {
    "sgd": solve_sgd,
    "swept": solve_swept,
    "knn": solve_knn,
}


def hold_out(labels: Labels, share: float, seed: int) -> tuple[Labels, Labels]:
    """Splits positions into (kept, held) with ``share`` of each class held, at least one and never all of it.

    Raises:
        UserError: a class has fewer than two images, or the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise UserError(f"holdout={share} is not between 0 and 1.", "The default is 0.1.")
    rng = np.random.default_rng([seed, 2])
    held = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        if len(members) < 2:
            raise UserError(f"Class {label} has one training image: none can be held out.", "Use knn or paper.")
        held.append(members[: min(max(1, round(share * len(members))), len(members) - 1)])
    chosen = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), chosen), chosen


def _score(logits: Features, labels: Labels) -> tuple[float, float]:
    """(accuracy, minus cross-entropy): larger is better; (-1, -inf) for a head that diverged."""
    if not np.isfinite(logits).all():
        return -1.0, -np.inf
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_likelihood = shifted[np.arange(len(labels)), labels] - np.log(np.exp(shifted).sum(axis=1))
    return float((logits.argmax(axis=1) == labels).mean()), float(log_likelihood.mean())


def _predict(heads: Heads, reported: Mapping[str, Features], rate: float) -> dict[str, Labels]:
    if not (np.isfinite(heads.weight).all() and np.isfinite(heads.bias).all()):
        raise RunError(f"The head diverged at learning rate {rate:g}.", "Lower it with --set, or use swept.")
    return {part: heads.logits(features, 0).argmax(axis=1) for part, features in reported.items()}
