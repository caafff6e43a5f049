"""The containers of PyTorch: a zip with a pickle and a member per storage, and the older run of pickles and bytes.

They are taken apart here and not by ``torch.load``, which chooses the container itself: its oldest one is a tar archive
whose members it unpacks and opens, and it writes files when a pickle brings the source code of its classes.
"""

from __future__ import annotations

import math
import struct
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from rsbench.checkpoints.unpickle import Dict, Recipe, Unpickler, UnpicklingError

_MAGIC = 0x1950A86A20F9469CFC6C  # the number at the beginning of the older container
_PROTOCOL = 1001
_UNPACKED = 20  # an archive that claims to unpack to more than so many times its size is refused
_LITTLE = sys.byteorder == "little"


def read_zip(file: Path) -> tuple[Any, set[str]]:
    """Reads a zip of torch; stored members are mapped, compressed ones are unpacked.

    Returns:
        What the pickle holds, with tensors in place of Recipes, and the names that were left closed.

    Raises:
        UnpicklingError, OSError, zipfile.BadZipFile: it is no such file, or claims what it does not hold.
    """
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        members = {member.filename.partition("/")[2]: member for member in records}
        if len(members) < len(records):
            raise UnpicklingError("it holds two records of one name; it was tampered with")
        if "constants.pkl" in members:
            raise UnpicklingError("it is a TorchScript program; save its state dict instead")
        if "data.pkl" not in members:
            raise UnpicklingError("it is a zip archive without a pickle of torch; unpack it first")
        size = file.stat().st_size
        if sum(member.file_size for member in records) > _UNPACKED * size + 2**20:
            raise UnpicklingError("it claims to unpack to many times its size")
        if "byteorder" in members and archive.read(members["byteorder"]) != sys.byteorder.encode():
            raise UnpicklingError("its numbers have another byte order than this machine")

        def claim(key: str, dtype: torch.dtype, count: int) -> None:
            member = members.get(f"data/{key}")
            if member is None or count * dtype.itemsize > member.file_size:
                raise UnpicklingError(f"its storage {key!a} claims {count} numbers, which are not in the file")

        with archive.open(members["data.pkl"]) as stream:
            unpickler = Unpickler(stream, claim)  # type: ignore[arg-type]
            content = unpickler.load()
        mapped = torch.UntypedStorage.from_file(str(file), False, size)
        storages: dict[str, torch.UntypedStorage] = {}

        def storage(key: str) -> torch.UntypedStorage:
            if key not in storages:
                member = members[f"data/{key}"]
                if member.compress_type == zipfile.ZIP_STORED:
                    start = _data_start(file, member)
                    if start + member.file_size > size:
                        raise UnpicklingError(f"its storage {key!a} reaches beyond the file")
                    storages[key] = mapped[start : start + member.file_size]
                else:
                    storages[key] = _own(archive.read(member))
            return storages[key]

        return _built(content, storage), unpickler.foreign


def _data_start(file: Path, member: zipfile.ZipInfo) -> int:
    """Where the bytes of a member begin: after its local header, whose names may be longer than the directory says."""
    with file.open("rb") as stream:
        stream.seek(member.header_offset)
        header = stream.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise UnpicklingError("a member of the archive is not where its directory says")
    name, extra = struct.unpack("<HH", header[26:30])
    return member.header_offset + 30 + name + extra


def read_legacy(file: Path) -> tuple[Any, set[str]]:
    """Reads the older container: magic number, protocol, system, content and keys as pickles, then all storages.

    Returns, Raises:
        As ``read_zip``.
    """
    size = file.stat().st_size
    claims: dict[str, tuple[torch.dtype, int]] = {}
    left = size

    def claim(key: str, dtype: torch.dtype, count: int) -> None:
        nonlocal left
        if key not in claims:
            claims[key] = dtype, count
            left -= dtype.itemsize * count
        known = claims[key]
        if left < 0 or known[0].itemsize * known[1] != dtype.itemsize * count:
            raise UnpicklingError(f"its storage {key!a} claims {count} numbers, which are not in the file")

    with file.open("rb") as stream:
        foreign: set[str] = set()
        parts = []
        for _ in range(5):
            unpickler = Unpickler(stream, claim)
            parts.append(unpickler.load())
            foreign |= unpickler.foreign
            if len(parts) == 1 and parts[0] != _MAGIC:
                raise UnpicklingError("it does not begin as files of torch do")
        _, protocol, system, content, keys = parts
        if protocol != _PROTOCOL or not isinstance(keys, list):
            raise UnpicklingError("it does not begin as files of torch do")
        if isinstance(system, Mapping) and system.get("little_endian", True) is not _LITTLE:
            raise UnpicklingError("its numbers have another byte order than this machine")
        storages: dict[str, torch.UntypedStorage] = {}
        for key in map(str, keys):
            if key not in claims or key in storages:
                raise UnpicklingError(f"nothing in it uses its storage {key!a}")
            dtype, count = claims[key]
            header = stream.read(8)
            length = struct.unpack("<q" if _LITTLE else ">q", header)[0] if len(header) == 8 else -1
            data = stream.read(count * dtype.itemsize)
            if length != count or len(data) != count * dtype.itemsize:
                raise UnpicklingError(f"its storage {key!a} is not whole")
            storages[key] = _own(data)
        if len(storages) < len(claims) or stream.read(1):
            raise UnpicklingError("its storages are not those that its pickle names")
        return _built(content, storages.__getitem__), foreign


def _own(data: bytes) -> torch.UntypedStorage:
    return torch.frombuffer(bytearray(data), dtype=torch.uint8).untyped_storage() if data else torch.UntypedStorage(0)


def _built(content: Any, storage: Callable[[str], torch.UntypedStorage]) -> Any:
    """Returns ``content`` with tensors in place of Recipes, in mappings within mappings, which may hold themselves."""
    if isinstance(content, Recipe):
        return _tensor(content, storage(content.storage.key))
    if not isinstance(content, dict):
        return content
    made: dict[int, Dict] = {id(content): Dict()}
    waiting = [content]
    while waiting:
        old = waiting.pop()
        for key, value in dict.items(old):
            if isinstance(value, Recipe):
                value = _tensor(value, storage(value.storage.key))
            elif isinstance(value, dict):
                if id(value) not in made:
                    made[id(value)] = Dict()
                    waiting.append(value)
                value = made[id(value)]
            made[id(old)][key] = value
    return made[id(content)]


def _tensor(recipe: Recipe, storage: torch.UntypedStorage) -> Tensor:
    dtype, first = recipe.storage.dtype, recipe.storage.first
    if math.prod(recipe.size) * dtype.itemsize > max(storage.nbytes(), 2**10):
        raise UnpicklingError(f"a tensor in it claims the shape {recipe.size}, which is more than its storage holds")
    return torch.empty(0, dtype=dtype).set_(storage, first + recipe.offset, recipe.size, recipe.stride)
