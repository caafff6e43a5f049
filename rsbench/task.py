"""What a task is: a dataset, its split, the protocols with every hyper-parameter, and the metrics.

Like ``rsbench.method``, this module is light: readers are named and opened only when a run needs them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from rsbench.errors import UserError, near_miss
from rsbench.method import check_name, check_title
from rsbench.settings import parse_setting

Kind = Literal["classification", "segmentation", "detection", "instance-segmentation"]
Setting = bool | int | float | str | tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """A way to evaluate, with every hyper-parameter that can change the number.

    Args:
        name: as on the command line.
        solver: which evaluation of the task's kind runs it (``sgd``, ``swept``, ``knn``, ``finetune``).
        settings: hyper-parameters by name; ``--set key=value`` can replace each, and no other.
        limits: lowest and highest value of a setting, or of each number of one that holds several.
        choices: the values that a setting can have, where they are few.
        assumed: settings on which the source of the protocol says nothing, so that their values are rsbench's.
        description: one sentence.
    """

    name: str
    solver: str
    settings: Mapping[str, Setting]
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "Protocol")
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
        object.__setattr__(self, "limits", MappingProxyType(dict(self.limits)))
        object.__setattr__(self, "choices", MappingProxyType(dict(self.choices)))
        for key in (*self.choices, *self.assumed):
            if key not in self.settings:
                raise UserError(f"Protocol {self.name!r} has no setting {key!r}.", near_miss(key, self.settings))
        for key, known in self.choices.items():
            if self.settings[key] not in known:
                raise UserError(
                    f"Protocol {self.name!r}: {key} cannot be {self.settings[key]!r}.",
                    near_miss(str(self.settings[key]), known),
                )
        for key, value in self.settings.items():
            low, high = self.limits.get(key, (-math.inf, math.inf))
            numbers = value if isinstance(value, tuple) else (value,)
            if not numbers or any(isinstance(n, (int, float)) and not low <= n <= high for n in numbers):
                raise UserError(
                    f"Protocol {self.name!r}: {key}={value} is not within {low:g} and {high:g}.",
                    f"Set {key} to a value in that range.",
                )

    def with_settings(self, changes: Mapping[str, str]) -> Protocol:
        """Returns this protocol with some settings replaced, each parsed to the type it had.

        >>> sgd = Protocol(name="paper", solver="sgd", settings={"epochs": 100, "lr": 1e-4})
        >>> sgd.with_settings({"epochs": "5"}).settings["epochs"]
        5
        >>> sgd.with_settings({"epoch": "5"})
        Traceback (most recent call last):
        rsbench.errors.UserError: Protocol 'paper' has no setting 'epoch'.
          Did you mean 'epochs'?

        Raises:
            UserError: an unknown name, or a value that is not of the setting's type.
        """
        settings = dict(self.settings)
        for key, text in changes.items():
            if key not in settings:
                raise UserError(f"Protocol {self.name!r} has no setting {key!r}.", near_miss(key, settings))
            settings[key] = parse_setting(key, text, settings[key])
        return replace(self, settings=settings)


@dataclass(frozen=True)
class Lazy:
    """A function that is imported when it is first called, so that naming it costs nothing.

    >>> Lazy("math:sqrt")(9.0)
    3.0

    Args:
        target: ``module:function``.
    """

    target: str

    def __call__(self, *args: Any) -> Any:
        module, _, name = self.target.partition(":")
        return getattr(import_module(module), name)(*args)


@dataclass(frozen=True, kw_only=True)
class Split:
    """A named partition of a dataset: shipped as a file so that nobody draws it again, or made by a fixed rule.

    Exactly one of ``file`` and ``draw`` is given; ``rsbench.datasets.splits.resolve_split`` serves both.

    Args:
        name: of the partition, such as ``seco`` or ``60-20-20``.
        file: file name inside ``package``; the format is that of ``rsbench.datasets.splits``.
        sha256: of the file.
        counts: images per part, as the file has them.
        draw: ``draw(root)`` makes the partition from the files under the folder ``root`` and returns a SplitList, the
            same for the same files (``Lazy`` imports the function when it is called).
        package: dotted name of the package that holds the file.
        origin: where the partition comes from, in a sentence.
        citation: BibTeX of the work that it comes from; empty where that is the dataset's own, or rsbench drew it.

    Raises:
        UserError: neither or both of ``file`` and ``draw``, or a digest or counts without a file.
    """

    name: str
    file: str = ""
    sha256: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    draw: Callable[[Path], Any] | None = None
    package: str = "rsbench.tasks.splits"
    origin: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))
        if bool(self.file) == (self.draw is not None):
            what = "both a file and a rule" if self.file else "neither a file nor a rule"
            raise UserError(f"The split {self.name!r} has {what} to draw it.", "Give either file or draw.")
        if self.draw is not None and (self.sha256 or self.counts):
            raise UserError(
                f"The split {self.name!r} is drawn from the files that are there, and has a sha256 or counts.",
                "Leave them out: they belong to a split file.",
            )


@dataclass(frozen=True, kw_only=True)
class Task:
    """Something to be good at: data, split, protocols, metrics.

    Args:
        name: lower case, as on the command line.
        title: as a table prints it.
        kind: of evaluation.
        open: ``open(root, split)`` returns the reader of the dataset under the folder ``root`` with the parts of
            the ``rsbench.datasets.splits.SplitList`` (for classification a ``ClassificationDataset``); it
            imports what it needs when it is called (``Lazy`` does that).
        demo: ``demo(root, seed)`` writes demo scenes in the true layout under ``root`` (or finds them there) and
            returns their SplitList.
        download: ``download(root)`` fetches the public files; None where there is none to fetch.
        prepare: ``prepare(root, output, settings, workers, report)`` makes of the published files what ``open`` reads,
            for `rsbench data prepare`. It takes the folder of the dataset, the one to write to (None: its own choice),
            settings by name, a number of processes (0: one for each core) and ``report(done, total)``; it returns the
            folder that it made, of which ``summary.txt`` is shown. None where ``open`` reads the published files.
        splits: partitions by name; the first is the default.
        protocols: by name; the first is the default.
        train: part that is trained on.
        report: parts on which metrics are reported.
        rank: the metric that ranks, as ``<part>/<metric>``.
        metrics: names of the metrics, without the part.
        classes: class names in label order.
        citation, licence, url: of the dataset.
    """

    name: str
    title: str
    kind: Kind
    open: Callable[[Path, Any], Any]
    demo: Callable[[Path, int], Any]
    splits: tuple[Split, ...]
    protocols: tuple[Protocol, ...]
    rank: str
    metrics: tuple[str, ...]
    classes: tuple[str, ...]
    download: Callable[[Path], None] | None = None
    prepare: Callable[..., Any] | None = None
    train: str = "train"
    report: tuple[str, ...] = ("val", "test")
    citation: str = ""
    licence: str = ""
    url: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        check_name(self.name, "Task")
        check_title(self.title, f"Task {self.name!r}")
        if self.kind not in get_args(Kind):
            raise UserError(f"Task {self.name!r}: unknown kind {self.kind!r}.", near_miss(self.kind, get_args(Kind)))
        if not self.protocols or not self.splits:
            raise UserError(f"Task {self.name!r} needs a protocol and a split.", "Give at least one of each.")
        if self.rank not in {f"{part}/{metric}" for part in self.report for metric in self.metrics}:
            raise UserError(
                f"Task {self.name!r} ranks by {self.rank!r}, which it does not report.",
                "Rank by one of its metrics on one of its reported parts.",
            )
        if self.train in self.report:
            raise UserError(f"Task {self.name!r} reports on its training part.", "Report on another part.")

    def protocol(self, name: str = "") -> Protocol:
        """Returns the protocol called ``name`` (the default one if empty); UserError if there is none."""
        return _named(self.protocols, name, f"Task {self.name!r} has no protocol")

    def split(self, name: str = "") -> Split:
        """Returns the split called ``name`` (the default one if empty); UserError if there is none."""
        return _named(self.splits, name, f"Task {self.name!r} has no split")


def _named(items: tuple[Any, ...], name: str, message: str) -> Any:
    known = {item.name: item for item in items}
    if not name:
        return items[0]
    if name not in known:
        raise UserError(f"{message} {name!r}.", near_miss(name, known))
    return known[name]
