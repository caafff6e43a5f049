"""Losses over epochs: of runs, from their records, and of pretrainings, from what they leave in their folder.

What differs in nothing but the seed is one curve: the mean of the seeds, in a band from the lowest to the highest.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rsbench.errors import UserError, near_miss
from rsbench.records import Store, canonical_json
from rsbench.reporting.figures.log_scale import set_logarithmic
from rsbench.reporting.figures.runs import done, names_of, pretraining_title, shared_heading
from rsbench.reporting.figures.style import SINGLE, looks, new_figure, set_heading, styled
from rsbench.reporting.measured import all_but_seed
from rsbench.reporting.versions import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROVENANCE, LOG = "provenance.json", "log.jsonl"  # of rsbench.pretraining.run, which imports torch
PRETRAINING = "pretraining"  # stands for the kind
_TALL = 1.9  # inches of a panel
_FEW = 3  # options that a name has room for
_NO_LOSS = ("lr", "seconds", "epoch", "step")

History = list[dict[str, float]]


@dataclass(frozen=True, eq=False)
class Trained:
    """What one training left.

    Args:
        origin: id of the run, or the folder of the pretraining.
        name: in the legend.
        kind: of loss: curves of different kinds say nothing beside each other.
        alike: equal for trainings that differ in nothing but the seed.
        seed: of the training.
        history: mean losses of each epoch.
        options: by which trainings of one name can be told apart.
    """

    origin: str
    name: str
    kind: str
    alike: str
    seed: int
    history: History
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve of the figure.

    Args:
        name: in the legend.
        values: of each loss by name, float64 (seeds, epochs).
    """

    name: str
    values: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Curves:
    """All curves of a figure, and what they have in common.

    Args:
        curves: all with the same losses.
        heading: a line above.
    """

    curves: list[Curve]
    heading: str


def curves_of(
    store: Store | None, sources: Sequence[str], wanted: Sequence[str], titles: Mapping[str, str] | None = None
) -> Curves:
    """Returns the curves of runs and pretrainings.

    Args:
        store: holds the runs; None where there are none.
        sources: ids of runs, and folders of ``rsbench pretrain``.
        wanted: names of losses.
        titles: of tasks, by name, for the heading; a task without one is called by its name.

    Raises:
        UserError: there is no such run, folder or loss; nothing was trained epoch by epoch; or the losses are of
            different kinds.
    """
    found, heading = _trained(store, list(dict.fromkeys(sources)), titles or {})
    kinds = {one.kind: one.origin for one in reversed(found)}
    if len(kinds) > 1:
        listed = ", ".join(f"{kind} ({origin})" for kind, origin in sorted(kinds.items()))
        raise UserError(f"These losses are not of one kind: {listed}.", "Draw each kind in a figure of its own.")
    for one in found:
        _check_losses(one, wanted)
    groups: dict[str, list[Trained]] = {}
    for one in found:
        groups.setdefault(f"{len(one.history)} {one.alike}", []).append(one)
    curves: list[list[Trained]] = []
    for members in groups.values():
        by_seed = {one.seed: one for one in members}
        if len(by_seed) < len(members):  # the same seed twice, as on two machines: these are no seeds to average
            curves += [[one] for one in members]
        else:
            curves.append([by_seed[seed] for seed in sorted(by_seed)])
    names = _told_apart([members[0] for members in curves])
    return Curves([_curve(members, name, wanted) for members, name in zip(curves, names, strict=True)], heading)


def _check_losses(one: Trained, wanted: Sequence[str]) -> None:
    known = [name for name in one.history[0] if name not in _NO_LOSS]
    for name in wanted:
        if name not in known:
            raise UserError(f"{one.origin} has no loss {name!r}.", near_miss(name, known))
        for number, epoch in enumerate(one.history, 1):
            if name not in epoch:
                raise UserError(
                    f"{one.origin} has no loss {name!r} in epoch {number}.",
                    "Draw a loss that all epochs have, or make the training again.",
                )


def _told_apart(firsts: Sequence[Trained]) -> list[str]:
    """Returns the names of curves; those that repeat get what differs, or else where they come from."""
    names = [one.name for one in firsts]
    for name in {name for name in names if names.count(name) > 1}:
        same = [n for n, other in enumerate(names) if other == name]
        facts = [{**firsts[n].options, "epochs": len(firsts[n].history)} for n in same]
        keys = sorted({key for one in facts for key in one})
        differing = [key for key in keys if len({shown(one.get(key)) for one in facts}) > 1]
        said = [", ".join(f"{key}={shown(one.get(key))}" for key in differing) for one in facts]
        if len(differing) > _FEW or len(set(said)) < len(same):
            said = _origins([firsts[n] for n in same])
        for n, text in zip(same, said, strict=True):
            names[n] = f"{name}, {text}"
    return names


def _origins(several: Sequence[Trained]) -> list[str]:
    """Returns where trainings come from, as short as tells them apart: starts of ids, ends of paths."""
    if any(one.kind != PRETRAINING for one in several):
        short = [one.origin[:8] for one in several]
        return short if len(set(short)) == len(several) else [one.origin for one in several]
    parts = [Path(one.origin).resolve().parts for one in several]
    for count in range(1, max(map(len, parts)) + 1):
        ends = [Path(*own[-count:]).as_posix() for own in parts]
        if len(set(ends)) == len(several):
            break
    return ends


def _curve(members: Sequence[Trained], name: str, wanted: Sequence[str]) -> Curve:
    many = f" ({len(members)} seeds)" if len(members) > 1 else ""
    values = {loss: np.array([[epoch[loss] for epoch in one.history] for one in members]) for loss in wanted}
    return Curve(name + many, values)


def _trained(store: Store | None, sources: Sequence[str], titles: Mapping[str, str]) -> tuple[list[Trained], str]:
    folders = {source: Path(source) for source in sources if is_pretraining(Path(source))}
    known = store.ids() if store is not None else []
    records = []
    for source in sources:
        if source in folders:
            continue
        if store is None or (source not in known and Path(source).is_dir()):
            raise UserError(
                f"{source} is no pretraining: it holds neither {PROVENANCE} nor {LOG}.",
                "Give the output folder of rsbench pretrain, or the id of a run with --results.",
            )
        record = done(store, source)
        if not record.history:
            raise UserError(
                f"Run {record.id} has no learning curve: its record holds no losses of epochs.",
                "Nothing was trained epoch by epoch (as with k-NN), or an older rsbench wrote it: make the run again.",
            )
        records.append(record)
    firsts = {all_but_seed(record): record for record in reversed(records)}
    names = dict(zip(firsts, names_of(list(firsts.values())), strict=True))
    runs = {
        record.id: Trained(
            record.id, names[all_but_seed(record)], record.kind, all_but_seed(record), record.seed, list(record.history)
        )
        for record in records
    }
    found = [_pretraining(folders[source]) if source in folders else runs[source] for source in sources]
    tasks = {record.task for record in records}
    title = titles.get(next(iter(tasks)), "") if len(tasks) == 1 else ""
    return found, shared_heading(records, title) if records else PRETRAINING


def is_pretraining(folder: Path) -> bool:
    """Whether a folder holds what ``rsbench pretrain`` leaves, be it finished or not."""
    return (folder / PROVENANCE).is_file() or (folder / LOG).is_file()


def _pretraining(folder: Path) -> Trained:
    """Reads the provenance of a finished pretraining, or the log of one that is not."""
    file = folder / (PROVENANCE if (folder / PROVENANCE).is_file() else LOG)
    options: dict[str, Any] = {}
    data = ""
    try:
        if file.name == PROVENANCE:
            about = json.loads(file.read_text(encoding="utf-8"))
            options, data = dict(about["options"]), str(about["data"]["sha256"])
            history = [{str(key): float(value) for key, value in epoch.items()} for epoch in about["losses_per_epoch"]]
            name = pretraining_title(options["objective"], options["variant"])
            seed = int(options.pop("seed"))
        else:
            history, name, seed, data = _of_log(file), f"{folder.name} (unfinished)", 0, str(folder)
    except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{file} is not what rsbench pretrain writes: {reason}.", "Give another folder.") from None
    if not history:
        raise UserError(f"{folder} has no whole epoch yet.", "Wait until one is done.")
    told = {**options, "data": data[:8]} if options else {}
    return Trained(str(folder), name, PRETRAINING, canonical_json([options, data]), seed, history, told)


def _of_log(file: Path) -> History:
    """Returns the mean losses of the epochs that are whole: those before the last, which may be at work."""
    steps: dict[int, list[dict[str, float]]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.endswith("}"):  # else it is being written
            step = json.loads(line)
            steps.setdefault(int(step["epoch"]), []).append(step)
    whole = len(next(iter(steps.values()), []))
    epochs = [steps[epoch] for epoch in sorted(steps) if len(steps[epoch]) == whole and (epoch > 0 or len(steps) > 1)]
    return [{name: float(np.mean([step[name] for step in epoch])) for name in epoch[0]} for epoch in epochs]


def draw_learning_curves(
    curves: Sequence[Curve], heading: str = "", logarithmic: bool = False, width: float = SINGLE
) -> Figure:
    """Returns the figure: a panel for each loss.

    Args:
        curves: all with the same losses.
        heading: a line above.
        logarithmic: whether the losses stand on a logarithmic scale.
        width: in inches.

    Raises:
        UserError: there are more curves than can be told apart, or a loss without a logarithm.
    """
    names = list(curves[0].values)
    lowest = {name: min(float(curve.values[name].min()) for curve in curves) for name in names}
    for name in names:
        if logarithmic and lowest[name] <= 0:
            raise UserError(f"The loss {name!r} is not positive everywhere.", "Leave --log out.")
    with styled():
        return _draw(curves, names, heading, logarithmic, width)


def _draw(curves: Sequence[Curve], names: Sequence[str], heading: str, logarithmic: bool, width: float) -> Figure:
    from matplotlib.ticker import MaxNLocator

    across = min(len(names), 1 if width <= SINGLE else 2)
    down = -(-len(names) // across)
    letters = int((width - 0.6) / 0.058)  # beside the line of a legend; a letter of 7 points is about this wide
    labels = [textwrap.fill(curve.name, letters, break_on_hyphens=False) for curve in curves]
    rows = sum(label.count("\n") + 1 for label in labels)
    figure = new_figure(width, 0.3 + _TALL * down + 0.155 * (rows if rows > 1 or not heading else 0))
    panels = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    for axes, name in zip(panels, names, strict=False):
        for curve, label, look in zip(curves, labels, looks(len(curves)), strict=True):
            _draw_curve(axes, curve.values[name], label, look)
        axes.set_ylabel(name.replace("_", " ") if name == "loss" else name)
        if logarithmic:
            set_logarithmic(axes, _TALL - 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    if all(curve.values[name].shape[1] == 1 for curve in curves for name in names):
        panels[0].set_xlim(0.5, 1.5)  # a single epoch: there is no range to take from the data
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    for axes in panels[max(0, len(names) - across) : len(names)]:
        axes.set_xlabel("epoch")
        axes.tick_params(labelbottom=True)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center")
    set_heading(figure, heading)
    return figure


def _draw_curve(axes: Axes, values: NDArray[np.float64], label: str, look: Any) -> None:
    epochs = np.arange(1, values.shape[1] + 1)
    every = max(1, len(epochs) // 10)
    axes.plot(epochs, values.mean(axis=0), label=label, markevery=every, **look.of_line)
    if len(values) > 1:
        axes.fill_between(
            epochs, values.min(axis=0), values.max(axis=0), facecolor=look.colour, alpha=0.2, linewidth=0,
            hatch=look.hatch, edgecolor=look.colour,
        )  # fmt: skip
