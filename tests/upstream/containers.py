"""Writes files as upstream's training code does, with all that it leaves in them beside the weights."""

from __future__ import annotations

import argparse
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path, PosixPath
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from upstream.randomise import numbers

_NEWER_RECORDS = ("byteorder", ".format_version", ".storage_alignment", ".data/serialization_id")


def state_dict(tensors: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Returns what ``module.state_dict()`` returns: an OrderedDict that carries versions of its modules."""
    state = OrderedDict(tensors)
    modules = {""} | {key.rpartition(".")[0] for key in state}
    state._metadata = OrderedDict((name, {"version": 1}) for name in sorted(modules))  # type: ignore[attr-defined]
    return state


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns ``tensors`` with ``prefix`` before each key."""
    return {prefix + key: value for key, value in tensors.items()}


def save(file: Path, content: Any, *, legacy: bool = False, cuda: bool = False, old: bool = False) -> None:
    """Writes a torch file.

    Args:
        file: to write.
        content: anything that pickles.
        legacy: the container of torch before 1.6, one pickle after the other.
        cuda: the tensors were on the first GPU when they were saved.
        old: a zip container without the records that torch has added since 1.6.
    """
    place = mock.patch("torch.serialization.location_tag", return_value="cuda:0" if cuda else "cpu")
    with place:
        torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    if old:
        _strip_newer_records(file)


def _strip_newer_records(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        records = [(member.filename.partition("/")[2], archive.read(member)) for member in archive.infolist()]
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in records:
            if name not in _NEWER_RECORDS:
                archive.writestr(f"archive/{name}", data)


class Vanished:
    """Classes and functions of modules that are gone when the file is read.

    >>> with Vanished() as gone:
    ...     node = gone.type("yacs.config.CfgNode", dict)(BATCH=64)
    ...     # save it here, inside the block
    """

    def __enter__(self) -> Vanished:
        self._before: dict[str, types.ModuleType | None] = {}
        return self

    def __exit__(self, *_: object) -> None:
        for name, module in self._before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module

    def type(self, dotted: str, *bases: type) -> type:
        """Defines an empty class."""
        module, _, name = dotted.rpartition(".")
        return self._put(module, name, type(name, bases, {"__module__": module}))

    def function(self, dotted: str) -> Any:
        """Defines a function."""
        module, _, name = dotted.rpartition(".")

        def gone() -> None: ...

        gone.__module__, gone.__name__, gone.__qualname__ = module, name, name
        return self._put(module, name, gone)

    def _put(self, module: str, name: str, thing: Any) -> Any:
        parts = module.split(".")
        for count in range(1, len(parts) + 1):
            parent = ".".join(parts[:count])
            if parent not in self._before:
                self._before[parent] = sys.modules.get(parent)
                sys.modules[parent] = types.ModuleType(parent)
        setattr(sys.modules[module], name, thing)
        return thing


def config_node(gone: Vanished, content: Mapping[str, Any]) -> Any:
    """Returns a tree of yacs' CfgNode: dicts that also have attributes."""
    node_type = gone.type("yacs.config.CfgNode", dict)

    def node(inner: Mapping[str, Any]) -> Any:
        made = node_type((key, node(value) if isinstance(value, Mapping) else value) for key, value in inner.items())
        made.__dict__.update({"__immutable__": True, "__deprecated_keys__": set(), "__renamed_keys__": {}})
        return made

    return node(content)


def mae_extras(generator: torch.Generator, **arguments: Any) -> dict[str, Any]:
    """Returns what the training code of MAE, and of all that descends from it, saves beside ``model``."""
    place = PosixPath("/data/output")
    args = argparse.Namespace(batch_size=64, blr=1.5e-4, output_dir=place, log_dir=str(place), **arguments)
    scaler = {"scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
    return {
        "optimizer": adamw_state(generator),
        "epoch": 199,
        "scaler": {**scaler, "_growth_tracker": 1237},
        "args": args,
    }


def adamw_state(generator: torch.Generator) -> dict[str, Any]:
    """Returns the state dict of an AdamW over two small parameters."""
    moments = {
        index: {"step": 1000, "exp_avg": numbers(generator, 4, 8), "exp_avg_sq": numbers(generator, 4, 8) ** 2}
        for index in range(2)
    }
    group = {"lr": 1e-4, "betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.05, "amsgrad": False}
    return {"state": moments, "param_groups": [{**group, "params": [0]}, {**group, "params": [1]}]}


def sgd_state(generator: torch.Generator) -> dict[str, Any]:
    """Returns the state dict of an SGD with momentum over two small parameters."""
    buffers = {index: {"momentum_buffer": numbers(generator, 64, 3, 7, 7)} for index in range(2)}
    group = {"lr": 0.03, "momentum": 0.9, "dampening": 0, "weight_decay": 1e-4, "nesterov": False, "params": [0, 1]}
    return {"state": buffers, "param_groups": [group]}
