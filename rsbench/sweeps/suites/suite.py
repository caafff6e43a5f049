"""Suites: the cells that a sweep wants, from a file or from options, with everything that is wrong told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from rsbench.errors import UserError, near_miss
from rsbench.plugins import Registry
from rsbench.spec import Chosen, RunSpec
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.suites.block import FIELDS, Field
from rsbench.sweeps.suites.blocks import Cells
from rsbench.sweeps.suites.mistakes import Mistakes
from rsbench.sweeps.suites.shapes import as_text, check_keys
from rsbench.sweeps.suites.yaml_lines import Empty, Items, Node, Table, Text, read_yaml

SUFFIXES = (".yaml", ".yml")
_KEYS = ("title", "blocks", *FIELDS)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """What a sweep wants.

    Attributes:
        name: ``demo``, the name of the user's file, or ``options``.
        title: for people.
        cells: in the order of the file.
        file: from which it comes; None where it comes from options.
        shipped: with rsbench.
        chosen: the objects that each cell's ``spec`` stands for, as ``rsbench.spec.choose`` gives them.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]
    file: Path | None = None
    shipped: bool = False
    chosen: Mapping[RunSpec, Chosen] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "chosen", MappingProxyType(dict(self.chosen)))


def shipped_suites() -> dict[str, Path]:
    """Returns the files of the suites that come with rsbench, by their names."""
    folder = Path(str(resources.files("rsbench.configs"))) / "suites"
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def load_suite(
    name_or_path: str,
    registry: Registry,
    *,
    seeds: str = "",
    data: str | None = None,
    precision: str = "",
    device: str = "",
    batch_size: int | None = None,
) -> Suite:
    """Reads a suite, and checks all of it.

    Args:
        name_or_path: name of a shipped one, or the path of a file of the user's.
        registry: of methods and tasks.
        seeds, data, precision, device, batch_size: options of the command line, which go before those of the file.

    Raises:
        UserError: there is none of that name, it is no YAML, or it has mistakes, all of which the message tells.
    """
    file, shipped = _find(name_or_path)
    mistakes = Mistakes(str(file))
    what = f"The suite {file.stem}"
    root = read_yaml(file, mistakes)
    if not isinstance(root, Table):
        mistakes.add(root.place, f"A suite is a mapping with blocks, and this is {root.kind}.", "See docs/suites.md.")
        mistakes.stop(what)
        raise AssertionError  # for mypy: stop has raised
    options = _fields(seeds=seeds, data=data, precision=precision, device=device, batch_size=batch_size)
    check_keys(root, _KEYS, "A suite", mistakes)
    title = as_text(root.entries["title"], "title", mistakes) if "title" in root.entries else None
    shared = _fields_of(root, file.parent, own=False)
    cells = Cells(registry, mistakes, shipped)
    for block in _blocks(root, mistakes):
        if isinstance(block, Table):
            check_keys(block, FIELDS, "A block", mistakes)
            cells.add({**shared, **_fields_of(block, file.parent), **options}, block.place)
        else:
            what_is = "This block is empty" if isinstance(block, Empty) else f"This block is {block.kind}"
            mistakes.add(block.place, f"{what_is}.", "Write - methods: ...")
    mistakes.stop(what)
    return Suite(
        name=file.stem,
        title=title.value if title else file.stem,
        cells=tuple(cells.cells),
        file=file,
        shipped=shipped,
        chosen=cells.chosen,
    )


def from_options(
    methods: str,
    tasks: str,
    registry: Registry,
    *,
    seeds: str = "0",
    protocol: str = "",
    data: str | None = None,
    split: str = "",
    changes: Mapping[str, str] = MappingProxyType({}),
    checkpoint: str | Path | None = None,
    precision: str = "",
    device: str = "",
    batch_size: int | None = None,
    resources: Mapping[str, str | int | float] = MappingProxyType({}),
) -> Suite:
    """Makes the suite of ``rsbench sweep --methods a,b --tasks x,y``, and checks all of it.

    Args:
        methods, tasks, protocol: names with commas between; no protocol is the first of each task.
        registry: of methods and tasks.
        seeds: such as ``0-4``.
        data: a folder with one folder for each task, the folder of the dataset of a single task, or ``demo``.
        split: name of a partition that all tasks have; empty is the first of each task.
        changes: of ``--set``.
        checkpoint: file of weights of a single method.
        precision, device, batch_size: of `rsbench run`.
        resources: fields of ``rsbench.sweeps.cell.Resources``, but for ``slurm``.

    Raises:
        UserError: something is wrong; the message tells all of it, each with its option.
    """
    mistakes = Mistakes()
    fields = _fields(
        methods=methods, tasks=tasks, protocols=protocol, seeds=seeds, data=data, split=split, checkpoint=checkpoint,
        precision=precision, device=device, batch_size=batch_size,
    )  # fmt: skip
    for name, values, option in (("set", changes, "--set"), ("resources", resources, "")):
        if values:
            places = {key: option or f"--{key}" for key in values}
            nodes = {key: Text(str(value), places[key]) for key, value in values.items()}
            fields[name] = Field(Table(nodes, places, option), option, Path())
    cells = Cells(registry, mistakes)
    cells.add(fields, "--methods" if "methods" not in fields else "--tasks")
    mistakes.stop("What is asked")
    title = f"{methods} on {tasks}"
    return Suite(name="options", title=title, cells=tuple(cells.cells), chosen=cells.chosen)


def _find(name_or_path: str) -> tuple[Path, bool]:
    """Returns the file of a suite, and whether it comes with rsbench."""
    known = shipped_suites()
    if name_or_path in known:
        return known[name_or_path], True
    path = Path(name_or_path)
    if path.suffix.lower() in SUFFIXES or len(path.parts) > 1 or path.exists():
        return path, False
    raise UserError(
        f"There is no suite {name_or_path!r}.", f"{near_miss(name_or_path, known)} A file of yours ends in .yaml."
    )


def _blocks(root: Table, mistakes: Mistakes) -> Sequence[Node]:
    blocks = root.entries.get("blocks")
    if isinstance(blocks, Items) and blocks.items:
        return blocks.items
    place = root.keys.get("blocks", root.place)
    kind = "There are no blocks" if blocks is None else "The list of blocks is empty"
    if blocks is not None and not isinstance(blocks, Items):
        kind = f"blocks is {blocks.kind}"
    mistakes.add(place, f"{kind}.", "Write blocks: and below it a list, each entry of which begins with - methods: ...")
    return ()


def _fields_of(table: Table, base: Path, own: bool = True) -> dict[str, Field]:
    return {name: Field(node, table.keys[name], base, own) for name, node in table.entries.items() if name in FIELDS}


def _fields(**values: str | Path | int | None) -> dict[str, Field]:
    """Returns the fields that options of the command line give; commas part the names of several."""
    fields = {}
    for name, value in values.items():
        if value in (None, ""):
            continue
        option = f"--{name.replace('_', '-')}" if name != "protocols" else "--protocol"
        node: Node = Text(str(value), option)
        if name in ("methods", "tasks", "protocols"):
            node = Items([Text(part, option) for part in str(value).split(",")], option)
        fields[name] = Field(node, option, Path())
    return fields
