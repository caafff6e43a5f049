"""Reads tensors from checkpoint files without executing anything that the file holds."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rsbench.checkpoints.containers import read_legacy, read_zip
from rsbench.checkpoints.unpickle import HostileError, Inert, UnpicklingError
from rsbench.errors import UserError

CONTAINERS = ("module", "model", "state_dict")  # where training code keeps the weights inside a file
_OTHER_KINDS: Mapping[str, Callable[[bytes], bool]] = {
    "a web page": lambda head: head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml", b"<head")),
    "a gzip archive": lambda head: head.startswith(b"\x1f\x8b"),
    "a bzip2 archive": lambda head: head.startswith(b"BZh"),
    "an xz archive": lambda head: head.startswith(b"\xfd7zXZ"),
    "a 7-Zip archive": lambda head: head.startswith(b"7z\xbc\xaf"),
    "an HDF5 file": lambda head: head.startswith(b"\x89HDF"),
    "a NumPy array": lambda head: head.startswith(b"\x93NUMPY"),
    "a pointer to a file in Git LFS": lambda head: head.startswith(b"version https://git-lfs"),
    "a tar archive": lambda head: head[257:262] == b"ustar",
}


@dataclass(frozen=True)
class Contents:
    """What a checkpoint file holds.

    Attributes:
        content: the outermost mapping, with stand-ins where the file holds objects that are not plain data.
        container: ``torch zip``, ``torch legacy`` or ``safetensors``.
        foreign: dotted names of classes and functions that were left closed.
    """

    content: dict[str, Any]
    container: str
    foreign: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tensors:
    """The named tensors of a checkpoint.

    Attributes:
        tensors: by key; zip and safetensors files are mapped, and a tensor costs memory when it is touched.
        where: the path inside the file, such as ``state_dict``; empty where they are outermost.
        beside: what else lies on that path, such as ``optimizer``.
        container, foreign: as in Contents.
    """

    tensors: dict[str, Tensor] = field(repr=False)
    where: str
    beside: tuple[str, ...]
    container: str
    foreign: tuple[str, ...]


def sha256_file(file: Path) -> str:
    """Returns the sha256 of a file as 64 hex digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_contents(file: Path) -> Contents:
    """Returns what a torch file (zip or legacy pickle) or a safetensors file holds.

    The kind of file is told from its bytes; its name does not matter.

    Raises:
        UserError: no such file, truncated, not a checkpoint, or one whose pickle wants to run code.
    """
    if not file.is_file():
        what = "is a folder" if file.is_dir() else "does not exist"
        raise UserError(f"The checkpoint {file} {what}.", "Give the path of a file.")
    with file.open("rb") as stream:
        head = stream.read(512)
    again = "The file is truncated or of another kind; get it again."
    if not head:
        raise UserError(f"{file} is empty.", again)
    for kind, fits in _OTHER_KINDS.items():
        if fits(head):
            hint = "Unpack it first." if kind.endswith("archive") else "Get the file again, from where its link leads."
            raise UserError(f"{file} is {kind}, not a checkpoint.", hint)
    try:
        found = _safetensors(file) if head[8:9] == b"{" and not head.startswith(b"PK") else _torch(file, head)
    except HostileError as error:
        raise UserError(
            f"{file} is a program, not a checkpoint: {error}. Nothing of it was run.",
            "Do not open it with other software; get the weights from their authors.",
        ) from None
    except Exception as error:  # a malformed file may raise anything in pickle, zipfile and safetensors
        if isinstance(error, MemoryError) and not str(error):
            error = MemoryError("it claims more memory than there is")
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        reason = reason if len(reason) <= 160 else f"{reason[:160]}..."
        raise UserError(f"{file} cannot be read as a checkpoint: {reason}.", again) from error
    if not isinstance(found.content, dict):
        kind = "a pickled object" if isinstance(found.content, Inert) else f"a {type(found.content).__name__}"
        raise UserError(
            f"{file} holds {kind}, not named tensors.", "Save its state dict: torch.save(model.state_dict(), FILE)."
        )
    return found


def _safetensors(file: Path) -> Contents:
    try:
        return Contents(dict(load_file(file)), "safetensors")
    except SafetensorError as error:
        raise SafetensorError(f"its safetensors header is wrong ({error})") from None


def _torch(file: Path, head: bytes) -> Contents:
    if head.startswith(b"PK"):
        if not zipfile.is_zipfile(file):
            raise UnpicklingError("it is the beginning of a zip file, and its end is missing")
        content, foreign = read_zip(file)
        return Contents(content, "torch zip", tuple(sorted(foreign)))
    content, foreign = read_legacy(file)
    return Contents(content, "torch legacy", tuple(sorted(foreign)))


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Returns the outermost mapping of a checkpoint; see ``read_contents``."""
    return read_contents(file).content


def read_tensors(file: Path) -> Tensors:
    """Returns the named tensors of a checkpoint, from inside ``module``, ``model`` or ``state_dict`` if there is one.

    Raises:
        UserError: as ``read_contents``, or no named tensors are found.
    """
    found = read_contents(file)
    content, where, beside = found.content, list[str](), list[str]()
    while len(where) < 4 and (inner := next((key for key in CONTAINERS if isinstance(content.get(key), dict)), None)):
        beside += [ascii(key)[1:-1] for key in content if isinstance(key, str) and key != inner]
        content = content[inner]
        where.append(inner)
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    for name in tensors:
        if not isinstance(name, str) or not name.isprintable():
            raise UserError(f"{file}: the key {name!a} is no name of a tensor.", "Save a state dict.")
    if not tensors:
        keys = ", ".join(sorted(ascii(key)[1:-1] for key in content if isinstance(key, str))[:8]) or "none"
        what = "only the state of an optimizer" if "optimizer" in content or "param_groups" in content else "no tensors"
        raise UserError(f"{file} holds {what} (its keys: {keys}).", "Give the file that holds the network's weights.")
    return Tensors(tensors, ".".join(where), tuple(beside), found.container, found.foreign)
