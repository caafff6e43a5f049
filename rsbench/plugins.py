"""Finds Method and Task objects in installed packages and in given files.

A plugin is an importable module or package named in the entry-point group ``rsbench.plugins``, or a file
given with ``--plugin`` or in ``RSBENCH_PLUGINS``. Every Method and Task at its module level is registered.
The built-in methods and tasks come in by exactly this door.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from rsbench.errors import RsbenchError, UserError, near_miss
from rsbench.method import Method
from rsbench.task import Task

GROUP = "rsbench.plugins"
Item = TypeVar("Item", Method, Task)


@dataclass(frozen=True)
class Broken:
    """A plugin that cannot be imported: where it came from, why, and the traceback."""

    origin: str
    reason: str
    traceback: str


@dataclass
class Shelf(Generic[Item]):
    """Objects of one kind by name, each with its origin; a name that two modules claim is an error."""

    what: str
    items: dict[str, Item] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def add(self, item: Item, origin: str) -> None:
        """Registers ``item``; the same object seen again (re-exported by another module) is no collision."""
        known = self.items.get(item.name)
        if known is item:
            return
        if known is not None:
            raise UserError(
                f"Two plugins claim the {self.what} {item.name!r}: {self.origins[item.name]} and {origin}.",
                "Rename one of them, or leave one plugin out.",
            )
        self.items[item.name] = item
        self.origins[item.name] = origin

    def get(self, name: str) -> Item:
        """Returns the object called ``name``; UserError with the near miss if there is none."""
        if name not in self.items:
            raise UserError(f"There is no {self.what} {name!r}.", near_miss(name, self.items))
        return self.items[name]


@dataclass
class Registry:
    """All methods and tasks of this process, and the plugins that could not be imported."""

    methods: Shelf[Method] = field(default_factory=lambda: Shelf[Method]("method"))
    tasks: Shelf[Task] = field(default_factory=lambda: Shelf[Task]("task"))
    broken: list[Broken] = field(default_factory=list)

    def method(self, name: str) -> tuple[Method, str]:
        """Resolves ``method`` or ``method/variant`` to the method and the name of the variant."""
        base, slash, variant = name.partition("/")
        if slash and not variant:
            raise UserError(f"The method {name!r} ends in a slash.", "Write METHOD or METHOD/VARIANT.")
        try:
            method = self.methods.get(base)
        except UserError as error:
            raise self._blame_broken(error) from None
        method.weights(variant)
        return method, variant or method.default_variant

    def task(self, name: str) -> Task:
        """Returns the task called ``name``."""
        try:
            return self.tasks.get(name)
        except UserError as error:
            raise self._blame_broken(error) from None

    def _blame_broken(self, error: UserError) -> UserError:
        """Adds the broken plugins to ``error``: what is looked for may be in one of them."""
        lines = [error.hint, *(f"Broken plugin {broken.origin}: {broken.reason}" for broken in self.broken)]
        return UserError(error.message, "\n  ".join(lines))

    def add_module(self, module: ModuleType, origin: str) -> None:
        """Registers every Method and Task at the module level of ``module``."""
        for value in list(vars(module).values()):
            if isinstance(value, Method):
                self.methods.add(value, origin)
            elif isinstance(value, Task):
                self.tasks.add(value, origin)


def load(files: Sequence[str | Path] = ()) -> Registry:
    """Imports all plugins and returns what they offer.

    Args:
        files: Python files given by the user; those of ``RSBENCH_PLUGINS`` (separated as in PATH) come first.

    Raises:
        UserError: two plugins claim one name, or a given file does not exist. A plugin that cannot be imported
            raises nothing here: it is listed in ``Registry.broken`` and harms nobody else.
    """
    registry = Registry()
    for origin, found in _found(files):
        if isinstance(found, Broken):
            registry.broken.append(found)
        else:
            registry.add_module(found, origin)
    return registry


def _found(files: Sequence[str | Path]) -> Iterator[tuple[str, ModuleType | Broken]]:
    for name in _declared():
        package = _attempt(name, partial(importlib.import_module, name))
        yield name, package
        for info in pkgutil.iter_modules(getattr(package, "__path__", [])):
            if not info.name.startswith("_"):  # private modules are the plugin's own, and __main__ would run it
                inner = f"{name}.{info.name}"
                yield inner, _attempt(inner, partial(importlib.import_module, inner))
    listed = [part for part in os.environ.get("RSBENCH_PLUGINS", "").split(os.pathsep) if part]
    for path in dict.fromkeys(Path(file).resolve() for file in [*listed, *files]):
        if not path.exists():
            raise UserError(f"The plugin {path} does not exist.", "Check --plugin and RSBENCH_PLUGINS.")
        if not path.is_file() or path.suffix != ".py":
            raise UserError(f"The plugin {path} is not a Python file.", "A package comes in as an entry point.")
        yield str(path), _attempt(str(path), partial(_import_file, path))


@cache
def _declared() -> tuple[str, ...]:
    """Modules that installed packages declare; what is installed while a process runs is the next one's."""
    return tuple(sorted({point.module for point in entry_points(group=GROUP)}))


def _attempt(origin: str, load_module: Callable[[], ModuleType]) -> ModuleType | Broken:
    try:
        return load_module()
    except (Exception, SystemExit) as error:  # whatever a stranger's module raises is its own failure, and is listed
        if isinstance(error, RsbenchError):
            reason = f"{error.message} {error.hint}".strip()
        else:
            reason = f"{type(error).__name__}: {error}"
        return Broken(origin, reason, "".join(traceback.format_exception(error)))


def _import_file(path: Path) -> ModuleType:
    # Named after its content: the name is part of the identity of an architecture that the file defines, so features
    # of an older version of the code are never taken for those of the new one, wherever the file lies.
    name = f"rsbench_plugin_{path.stem}_{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # the name ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
