"""One block of a suite: its values, read and looked at one by one."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rsbench.errors import UserError, near_miss
from rsbench.method import Method
from rsbench.opening import DEMO
from rsbench.plugins import Registry
from rsbench.request import PRECISIONS, check_precision
from rsbench.spec import RunSpec, configure
from rsbench.sweeps.cell import Resources
from rsbench.sweeps.suites.mistakes import Mistakes, Place
from rsbench.sweeps.suites.shapes import (
    RESOURCES,
    as_number,
    as_resources,
    as_seeds,
    as_setting,
    as_text,
    as_texts,
    by_task,
    check_keys,
)
from rsbench.sweeps.suites.yaml_lines import Node, Table, Text
from rsbench.task import Protocol, Task
from rsbench.weights import ARCHITECTURE

FIELDS = (
    "methods", "tasks", "protocols", "seeds", "set", "data", "split", "checkpoint", "precision", "device", "batch_size",
    "resources",
)  # fmt: skip
_MAPPING = "Write a mapping from method to file."
_DEVICE = re.compile(r"auto|cpu|(cuda|mps|xpu)(:\d{1,3})?")


@dataclass(frozen=True)
class Field:
    """A value of a block.

    Attributes:
        node: the value.
        place: of its key.
        base: folder to which paths in it are relative.
        own: it stands in the block itself, so that every task that it names must be one of the block's.
    """

    node: Node
    place: Place
    base: Path
    own: bool = True


@dataclass(frozen=True)
class Named:
    """A method where a block names it."""

    method: Method
    variant: str
    place: Place

    @property
    def id(self) -> str:
        """``method/variant``."""
        return f"{self.method.name}/{self.variant}"


class Block:
    """The values of one block; a mistake is added for each that is wrong.

    Args:
        fields: by their names, those for all blocks too.
        place: of the block.
        registry: of methods and tasks.
        mistakes: all that is wrong is added.

    Attributes:
        methods, tasks, seeds: as far as they are there.
        columns: tasks with the protocols by which each is evaluated.
        resources: by the name of the task.
    """

    def __init__(self, fields: Mapping[str, Field], place: Place, registry: Registry, mistakes: Mistakes) -> None:
        self.fields, self.place, self.registry, self.mistakes = fields, place, registry, mistakes
        for name in ("methods", "tasks"):
            if name not in fields:
                mistakes.add(place, f"There are no {name} here.", f"Give {name}.")
        self.methods = self._methods()
        self.tasks = self._tasks()
        self.columns = self._columns()
        self.seeds = as_seeds(fields["seeds"].node, mistakes) if "seeds" in fields else [0]
        self.resources = {name: self._resources(name) for name in self.tasks}
        self._settings = self._set()
        self._data = self._data_folders()
        self._splits = self._partitions()
        self._checkpoints = self._files()
        self._precision = self._one("precision", PRECISIONS[0])
        with mistakes.at(self.place_of("precision")):
            given, self._precision = self._precision, PRECISIONS[0]
            check_precision(given)
            self._precision = given
        self._device = self._one("device", "auto")
        if not _DEVICE.fullmatch(self._device):
            known = near_miss("cuda" if "gpu" in self._device.lower() else self._device, ("auto", "cpu", "cuda"))
            mistakes.add(self.place_of("device"), f"There is no device {self._device!r}.", known)
        size = fields.get("batch_size")
        self._batch_size = as_number(size.node, "batch_size", int, mistakes) if size else None

    def place_of(self, name: str, task: str = "") -> Place:
        """Returns the place of a field, a setting or a resource where it is given; that of the block if it is not."""
        for field in ("set", "resources"):
            node = self.fields[field].node if field in self.fields else None
            inner = node.entries.get(task) if isinstance(node, Table) else None
            for key in (name, "nodes") if name == "processes" else (name,):
                for table in (inner, node):
                    if isinstance(table, Table) and key in table.keys:
                        return table.keys[key]
        return self.fields[name].place if name in self.fields else self.place

    def spec(self, named: Named, task: Task, protocol: Protocol) -> tuple[RunSpec, bool]:
        """Returns what a row asks as far as it can be, and whether that is all of it; the rest is a mistake."""
        changes, fine = self._changes(named, task, protocol)
        checkpoint = self._checkpoints.get(named.id)
        fine = fine and checkpoint != "" and task.name in self._data and task.name in self._splits
        spec = RunSpec(
            method=named.id,
            task=task.name,
            protocol=protocol.name,
            changes=changes,
            data=self._data.get(task.name),
            split=self._splits.get(task.name, ""),
            checkpoint=checkpoint or None,
            precision=self._precision,
            device=self._device,
            batch_size=self._batch_size,
        )
        return spec, fine

    def has_checkpoint(self, named: Named) -> bool:
        """Whether a file is named for a method, be it there or not."""
        return named.id in self._checkpoints

    def _changes(self, named: Named, task: Task, protocol: Protocol) -> tuple[dict[str, str], bool]:
        """Returns the settings of a row that can be, and whether these are all."""
        result, fine = {}, True
        for key, node in self._settings.get(task.name, {}).items():
            text = as_setting(node, key, self.mistakes)
            backbone = key.startswith(ARCHITECTURE) or key == "preprocess"
            try:
                if text is not None and backbone:
                    configure(named.method, named.variant, {key: text})
                elif text is not None:
                    protocol.with_settings({key: text})
            except UserError as error:
                about = named.id if backbone else task.name
                self.mistakes.add(self.place_of(key, task.name), f"{about}: {error.message}", error.hint)
                text = None
            if text is None:
                fine = False
            else:
                result[key] = text
        return result, fine

    def _methods(self) -> list[Named]:
        found: dict[str, Named] = {}
        for text in self._texts("methods"):
            with self.mistakes.at(text.place):
                named = Named(*self.registry.method(text.value), text.place)
                if named.id in found:
                    self.mistakes.add(text.place, f"{text.value!r} is {named.id}, which is named already.")
                found.setdefault(named.id, named)
        return list(found.values())

    def _tasks(self) -> dict[str, Task]:
        found: dict[str, Task] = {}
        for text in self._texts("tasks"):
            with self.mistakes.at(text.place):
                found[text.value] = self.registry.task(text.value)
        return found

    def _texts(self, name: str) -> list[Text]:
        return as_texts(self.fields[name].node, name, self.mistakes) if name in self.fields else []

    def _one(self, name: str, default: str) -> str:
        text = as_text(self.fields[name].node, name, self.mistakes) if name in self.fields else None
        return text.value if text else default

    def _per_task(self, name: str) -> list[tuple[Task, Node, Field]]:
        """Returns the value of a field for each task that has one."""
        if name not in self.fields:
            return []
        field = self.fields[name]
        known = self.tasks if field.own else self.registry.tasks.items
        values = by_task(field.node, self.tasks, known, name, self.mistakes)
        return [(self.tasks[task], node, field) for task, node in values]

    def _columns(self) -> list[tuple[Task, Protocol]]:
        given = {task.name: as_texts(node, "protocols", self.mistakes) for task, node, _ in self._per_task("protocols")}
        found = []
        for task in self.tasks.values():
            if task.name not in given:
                found.append((task, task.protocol()))
            for text in given.get(task.name, ()):
                with self.mistakes.at(text.place):
                    found.append((task, task.protocol(text.value)))
        return found

    def _set(self) -> dict[str, dict[str, Node]]:
        """Returns the settings of each task: those of all, and those of its own before them."""
        if "set" not in self.fields:
            return {}
        field = self.fields["set"]
        if not isinstance(field.node, Table):
            self.mistakes.add(field.node.place, f"set is {field.node.kind}.", "Write a mapping such as {epochs: 10}.")
            return {}
        entries = field.node.entries
        known = self.tasks if field.own else self.registry.tasks.items
        shared = {key: node for key, node in entries.items() if not isinstance(node, Table)}
        for key, node in entries.items():
            if isinstance(node, Table) and key not in known:
                self.mistakes.add(field.node.keys[key], f"There is no task {key!r} here.", near_miss(key, known))
        return {task: {**shared, **self._own_settings(entries.get(task))} for task in self.tasks}

    @staticmethod
    def _own_settings(node: Node | None) -> Mapping[str, Node]:
        return node.entries if isinstance(node, Table) else {}

    def _resources(self, task: str) -> Resources:
        if "resources" not in self.fields:
            return Resources()
        field = self.fields["resources"]
        if not isinstance(field.node, Table):
            self.mistakes.add(field.node.place, f"resources is {field.node.kind}.", "Write a mapping: {cpus: 4}.")
            return Resources()
        known = self.tasks if field.own else self.registry.tasks.items
        check_keys(field.node, (*RESOURCES, *known), "resources", self.mistakes)
        resources = as_resources(field.node, Resources(), self.mistakes)
        own = field.node.entries.get(task)
        if own is None or task in RESOURCES:  # a field goes before a task of the same name
            return resources
        if not isinstance(own, Table):
            self.mistakes.add(own.place, f"The resources of {task} are {own.kind}.", "Write a mapping: {cpus: 4}.")
            return resources
        check_keys(own, RESOURCES, f"{task}: resources", self.mistakes)
        return as_resources(own, resources, self.mistakes)

    def _data_folders(self) -> dict[str, str | None]:
        found: dict[str, str | None] = dict.fromkeys(self.tasks)
        for task, node, field in self._per_task("data"):
            text = as_text(node, "data", self.mistakes)
            if text is None:
                del found[task.name]
            elif text.value == DEMO:
                found[task.name] = DEMO
            else:
                folder = _absolute(text.value, field.base)
                inner = Path(folder, task.name)
                several = len(self.tasks) > 1 or os.path.isdir(inner)  # noqa: PTH112 - any text is a path or none
                found[task.name] = str(inner) if several and node is field.node else folder
        return found

    def _partitions(self) -> dict[str, str]:
        found = dict.fromkeys(self.tasks, "")
        for task, node, _ in self._per_task("split"):
            text = as_text(node, "split", self.mistakes)
            place = text.place if text else node.place
            try:
                if text and self._data.get(task.name) == DEMO:
                    raise UserError("Demo scenes have a split of their own.", "Leave out split.")
                found[task.name] = task.split(text.value).name if text else ""
            except UserError as error:
                self.mistakes.add(place, error.message, error.hint)
                text = None
            if text is None:
                del found[task.name]
        return found

    def _files(self) -> dict[str, str]:
        """Returns the file of each method that has one; empty, with a mistake, if it is none."""
        if "checkpoint" not in self.fields:
            return {}
        field, found = self.fields["checkpoint"], {}
        pairs: list[tuple[str, Node]] = []
        if isinstance(field.node, Table):
            own = {named.id for named in self.methods}
            for key, node in field.node.entries.items():
                with self.mistakes.at(field.node.keys[key]):
                    method, variant = self.registry.method(key)
                    pairs.append((f"{method.name}/{variant}", node))
                    if field.own and pairs[-1][0] not in own:
                        raise UserError(f"{key!r} is no method of this block.", near_miss(key, own))
        elif len(self.methods) > 1:
            many = f"A checkpoint is that of one method, and here are {len(self.methods)}."
            hint = "Give a single method, or write a suite." if isinstance(field.place, str) else _MAPPING
            self.mistakes.add(field.place, many, hint)
        else:
            pairs = [(named.id, field.node) for named in self.methods]
        for method_id, node in pairs:
            text = as_text(node, "checkpoint", self.mistakes)
            file = _absolute(text.value, field.base) if text else ""
            if text and not os.path.isfile(file):  # noqa: PTH113 - any text is a path or none
                what = "is a folder" if os.path.isdir(file) else "does not exist"  # noqa: PTH112
                self.mistakes.add(text.place, f"The checkpoint {file} {what}.", "Give the path of a file.")
                file = ""
            found[method_id] = file
        return found


def _absolute(path: str, base: Path) -> str:
    return os.path.normpath(base.absolute() / os.path.expanduser(path))  # noqa: PTH111 - raises nothing
