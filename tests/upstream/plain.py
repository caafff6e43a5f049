"""Reads the files of this package as upstream's users would, with what is not installed left out."""

from __future__ import annotations

import pickle
import types
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file


class _Absent:
    """Stands for objects of modules that are not there."""

    def __init__(self, *_: Any) -> None: ...

    def __setstate__(self, state: Any) -> None: ...


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except (ImportError, AttributeError):
            return type(name, (_Absent, dict), {})


def content_of(file: Path) -> Any:
    """Returns what a file holds. It runs what the file wants to run: for files that were written here alone."""
    if file.suffix == ".safetensors":
        return load_file(file)
    plain = types.SimpleNamespace(__name__="pickle", Unpickler=_Unpickler)
    plain.load = lambda stream, **options: _Unpickler(stream, **options).load()
    return torch.load(file, map_location="cpu", weights_only=False, pickle_module=plain)
