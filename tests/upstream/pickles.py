"""Pickles that run code or lie, put together opcode by opcode, and the torch files around them."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_START, _STOP = b"\x80\x02", b"."


def value(thing: Any) -> bytes:
    """Returns the opcodes that make a plain value."""
    return pickle.dumps(thing, protocol=2)[2:-1]


def name(module: str, attribute: str) -> bytes:
    """Returns the opcodes that fetch an attribute of a module, which may have dots in it."""
    if "." not in attribute:
        return b"c" + f"{module}\n{attribute}\n".encode()
    return b"".join(b"X" + struct.pack("<I", len(text)) + text.encode() for text in (module, attribute)) + b"\x93"


def call(function: bytes, *arguments: bytes) -> bytes:
    """Returns the opcodes that call a function."""
    return function + b"(" + b"".join(arguments) + b"tR"


def mapping(**items: bytes) -> bytes:
    """Returns the opcodes of a dict."""
    return b"}(" + b"".join(value(key) + made for key, made in items.items()) + b"u"


def bare(file: Path, code: bytes) -> Path:
    """Writes a pickle alone."""
    start = b"\x80\x04" if b"\x93" in code else _START
    file.write_bytes(start + code + _STOP)
    return file


def zipped(file: Path, code: bytes) -> Path:
    """Writes a true torch file whose pickle holds ``code`` beside honest weights."""
    weights = file.with_suffix(".weights")
    torch.save({"state_dict": honest_tensors()}, weights)
    with zipfile.ZipFile(weights) as archive:
        records = {member.filename: archive.read(member) for member in archive.infolist()}
    weights.unlink()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for record, data in records.items():
            if record.endswith("/data.pkl"):
                start = b"\x80\x04" if b"\x93" in code else _START
                data = start + data[2:-1] + b"(" + value("hook") + code + b"u" + _STOP  # one item more in the dict
            archive.writestr(record, data)
    return file


def honest_tensors() -> OrderedDict[str, Tensor]:
    """Returns a few weights."""
    return OrderedDict(weight=torch.arange(12.0).view(3, 4), bias=torch.tensor([1.0, -2.0, 0.5]))


class Rebuilt:
    """Pickles as a call of torch's function that makes a tensor, with arguments of our choice."""

    def __init__(self, tensor: Tensor, size: Sequence[int], stride: Sequence[int], offset: int = 0) -> None:
        self._tensor, self._geometry = tensor, (offset, tuple(size), tuple(stride))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        storage = self._tensor._typed_storage()
        return torch._utils._rebuild_tensor_v2, (storage, *self._geometry, False, OrderedDict())
