"""YAML as texts, lists and mappings that know their lines; nothing in a file can make an object or run code.

A text stays as it stands in the file: whoever wants a number reads it as `--set` does, so that ``1e-4`` and ``yes``
mean the same in a suite and on the command line. Aliases, tags and anything deep are refused: a few lines of them can
stand for more than a machine holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rsbench.errors import UserError
from rsbench.sweeps.suites.mistakes import Mistakes, Place

LARGEST = 256 << 10
"""Bytes of a file."""
LONGEST = 4096
"""Characters of a text."""
DEEPEST = 10
"""Lists and mappings inside one another."""


@dataclass(frozen=True)
class Text:
    """A scalar as it stands in the file, without quotes.

    Attributes:
        value: of it.
        place: line of the file, or option of the command line.
        quoted: in the file.
    """

    value: str
    place: Place
    quoted: bool = False

    kind = "a text"


@dataclass(frozen=True)
class Empty:
    """Nothing, or ``null``."""

    place: Place

    kind = "nothing"


@dataclass(frozen=True)
class Items:
    """A list."""

    items: Sequence[Node]
    place: Place

    kind = "a list"

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


@dataclass(frozen=True)
class Table:
    """A mapping.

    Attributes:
        entries: by their keys.
        keys: the place of each key, which is that of its value or before it.
        place: of it.
    """

    entries: Mapping[str, Node]
    keys: Mapping[str, Place]
    place: Place

    kind = "a mapping"


Node = Text | Empty | Items | Table


def read_yaml(file: Path, mistakes: Mistakes) -> Node:
    """Reads a file.

    Args:
        file: of at most ``LARGEST`` bytes.
        mistakes: keys that stand twice, and the like, are added.

    Raises:
        UserError: it cannot be read, is no YAML, or holds what is refused.
    """
    try:
        if not file.is_file():
            what = "is a folder" if file.is_dir() else "is not there" if not file.exists() else "is no regular file"
            raise UserError(f"The suite {file} {what}.", "Give the path of a YAML file, or the name of a suite.")
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise UserError(f"The suite {file} cannot be read: {error.strerror or error}.", "Check the path.") from None
    if len(content) > LARGEST:
        raise UserError(f"{file} is larger than {LARGEST >> 10} KiB, which no suite is.", "Give another file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{file}:{line}: this is no text in UTF-8.", "Give a YAML file.") from None
    return parse_yaml(text, str(file), mistakes)


def parse_yaml(text: str, name: str, mistakes: Mistakes) -> Node:
    """Reads a text of YAML; ``name`` is that of its file. See ``read_yaml``."""
    try:
        _refuse(text, name)
        root = yaml.compose(text, Loader=yaml.SafeLoader)  # nodes alone: nothing is constructed
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = ", ".join(part for part in (error.context, error.problem) if part)
        raise UserError(f"{name}:{mark.line + 1 if mark else 1}: this is no YAML: {problem}.", _WRITE) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise UserError(f"{name}:{line}: a character that YAML does not allow: {error.reason}.", _WRITE) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: of escapes and numbers out of range
        raise UserError(f"{name}: this is no YAML: {error}.", _WRITE) from None
    return Empty(1) if root is None else _node(root, mistakes)


_WRITE = "docs/suites.md says how a suite is written."


def _refuse(text: str, name: str) -> None:
    """Raises UserError for aliases, tags and depth, before anything is built of them."""
    depth = 0
    event: Any
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        where = f"{name}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise UserError(f"{where}: aliases (*{event.anchor}) are not read.", "Write the value again.")
        if getattr(event, "tag", None):
            raise UserError(f"{where}: tags ({event.tag}) are not read.", "Write the plain value.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UserError(f"{where}: more than {DEEPEST} lists and mappings inside one another.", _WRITE)


def _node(node: Any, mistakes: Mistakes) -> Node:
    place = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return Items([_node(item, mistakes) for item in node.value], place)
    if isinstance(node, yaml.MappingNode):
        return _table(node, place, mistakes)
    if len(node.value) > LONGEST:
        mistakes.add(place, f"This text has {len(node.value):,} characters; {LONGEST:,} is the most.", last=True)
        return Text("", place, True)
    if not node.value.isprintable():
        mistakes.add(place, f"{node.value!a} holds characters that cannot be printed.", "Leave them out.")
        return Text(ascii(node.value), place, True)
    if node.tag == "tag:yaml.org,2002:null":
        return Empty(place)
    return Text(node.value, place, node.style is not None)


def _table(node: Any, place: int, mistakes: Mistakes) -> Table:
    entries: dict[str, Node] = {}
    keys: dict[str, Place] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not key.value.isprintable() or len(key.value) > LONGEST:
            mistakes.add(line, "This key is no name.", "Write KEY: VALUE.")
        elif key.value in keys:
            mistakes.add(line, f"{key.value!r} stands in line {keys[key.value]} already.", "Give it once.")
        else:
            entries[key.value], keys[key.value] = _node(value, mistakes), line
    return Table(entries, keys, place)
