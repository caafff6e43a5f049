"""Reads tensors from checkpoint files without executing anything that the file holds."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from rsbench.errors import UserError

CONTAINERS = ("module", "model", "state_dict")  # where training code keeps the weights inside a file


def sha256_file(file: Path) -> str:
    """Returns the sha256 of a file as 64 hex digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Returns what a torch file (zip or legacy pickle) or a safetensors file holds.

    Raises:
        UserError: no such file, truncated, not a checkpoint, or one whose pickle wants to run code.
    """
    if not file.is_file():
        raise UserError(f"The checkpoint {file} does not exist.", "Check the path given with --checkpoint.")
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file))
        content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).split("\n", 1)[0]
        raise UserError(
            f"{file} holds more than tensors and plain data, or is no checkpoint: {reason}",
            "Save its state dict alone, with torch.save(model.state_dict(), file) or as safetensors.",
        ) from error
    except (SafetensorError, EOFError, OSError, RuntimeError, ValueError, KeyError) as error:
        raise UserError(
            f"{file} cannot be read as a checkpoint: {str(error).splitlines()[0] if str(error) else 'it is empty'}.",
            "The file is truncated or of another kind; get it again.",
        ) from error
    if not isinstance(content, dict):
        raise UserError(f"{file} holds a {type(content).__name__}, not named tensors.", "Save a state dict.")
    return content


def read_tensors(file: Path) -> dict[str, Tensor]:
    """Returns the named tensors of a checkpoint, from inside ``module``, ``model`` or ``state_dict`` if there is one.

    Raises:
        UserError: as ``read_checkpoint``, or no tensors are found.
    """
    content = read_checkpoint(file)
    for key in CONTAINERS:
        if isinstance(content.get(key), dict):
            content = content[key]
            break
    tensors = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise UserError(f"{file} holds no tensors; its keys are {sorted(map(str, content))[:8]}.", "Save a state dict.")
    return tensors
