"""A pickle reader that imports nothing and calls nothing but the functions that put tensors together.

It stands in for the module ``pickle`` in ``torch.load``. Whatever else a file names becomes an inert stand-in: classes
of packages that are not installed, or that no longer exist, are no obstacle, and nothing of theirs runs. A file that
names parts of the standard library that no checkpoint needs (``os.system``, ``builtins.eval``) is refused by name.
"""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from typing import Any, BinaryIO

import torch

UnpicklingError = pickle.UnpicklingError


class HostileError(UnpicklingError):
    """The pickle names something that only a program needs.

    Attributes:
        name: dotted, as in the file.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"it wants to call {name}")
        self.name = name


class _Kind(type):
    """The class of stand-ins: two of one name are equal, and there is no way to reach into one."""

    def __setstate__(cls, state: Any) -> None:
        """Ignores state that a file wants to give to the class itself."""


class Inert(metaclass=_Kind):
    """Stands for an object that rsbench does not need: takes everything, does nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Inert:
        return self

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Ignores an item of a list."""

    def extend(self, values: Any) -> None:
        """Ignores items of a list."""

    def add(self, value: Any) -> None:
        """Ignores an item of a set."""

    def __hash__(self) -> int:
        return id(self)


class _Function:
    """A function that may be called and not changed."""

    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setattr__(self, name: str, value: Any) -> None:
        raise UnpicklingError("it wants to change a function of torch")

    def __setstate__(self, state: Any) -> None:
        raise UnpicklingError("it wants to change a function of torch")


def _plain_parameter(data: torch.Tensor, *rest: Any) -> torch.Tensor:
    return data


# All that is called while a file is read. Parameters become plain tensors, and sets and the like plain values.
_CALLED: Mapping[str, Any] = {
    "collections.OrderedDict": OrderedDict,
    "torch._utils._rebuild_tensor": _Function(torch._utils._rebuild_tensor),
    "torch._utils._rebuild_tensor_v2": _Function(torch._utils._rebuild_tensor_v2),
    "torch._utils._rebuild_parameter": _Function(_plain_parameter),
    "torch._utils._rebuild_parameter_with_state": _Function(_plain_parameter),
    "torch.Size": torch.Size,
    "torch.device": torch.device,
    "torch.storage.UntypedStorage": torch.UntypedStorage,
    "torch.UntypedStorage": torch.UntypedStorage,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "__builtin__.set": set,
    "__builtin__.frozenset": frozenset,
    **{f"torch.{name}": value for name, value in vars(torch).items() if isinstance(value, torch.dtype)},
}
# Parts of the standard library that honest files name; None is every name in the module and below it (Python 3.13 has
# pathlib._local). They become stand-ins too.
_HARMLESS: Mapping[str, Collection[str] | None] = {
    "argparse": None,
    "pathlib": None,
    "collections": None,
    "datetime": None,
    "enum": None,
    "decimal": None,
    "fractions": None,
    "uuid": None,
    "random": None,
    "typing": None,
    "numbers": None,
    "dataclasses": None,
    "time": ("struct_time",),
    "threading": ("Lock", "RLock"),
    "_thread": ("lock", "RLock", "allocate_lock"),
    "logging": ("Logger",),
    "types": ("SimpleNamespace",),
    "functools": ("partial",),
    "copyreg": ("_reconstructor",),
    "copy_reg": ("_reconstructor",),
    "_codecs": ("encode",),
    "_collections": ("deque",),
}
# getattr stands before a pickled bound method; as a stand-in it gets nothing
_PLAIN = "object dict list tuple int long float complex bool str unicode bytes bytearray slice range xrange getattr"
_HARMLESS_BUILTINS = frozenset(_PLAIN.split())


class Reader:
    """Stands in for the module ``pickle`` while one file is read.

    Args:
        storage_bytes: returns how many bytes the file has for the storage of a key; what a pickle claims beyond that
            is refused before anything is allocated.

    Attributes:
        foreign: names in the file that became stand-ins.
    """

    UnpicklingError = UnpicklingError
    __name__ = __name__  # torch asks a pickle module for it

    def __init__(self, storage_bytes: Callable[[str], int]) -> None:
        foreign: set[str] = set()
        self.foreign = foreign

        class Unpickler(pickle.Unpickler):
            def find_class(self, module: str, name: str) -> Any:
                dotted = f"{module}.{name}"
                if dotted in _CALLED:
                    return _CALLED[dotted]
                refuse_code(module, name)
                foreign.add(dotted)
                return _Kind(name.rpartition(".")[2] or "Inert", (Inert,), {"__module__": module})

            def __setattr__(self, name: str, value: Any) -> None:
                if name == "persistent_load":
                    value = _guarded(value, storage_bytes)
                super().__setattr__(name, value)

        self.Unpickler = Unpickler

    def load(self, stream: BinaryIO, **options: Any) -> Any:
        """Reads one pickle from ``stream``."""
        return self.Unpickler(stream, **options).load()


def refuse_code(module: str, name: str) -> None:
    """Raises HostileError if only a program would name ``module.name``; the name may reach into another module."""
    if "." in name:
        refuse_code(*name.rsplit(".", 1))
    top = module.partition(".")[0]
    if top in ("builtins", "__builtin__"):
        if name not in _HARMLESS_BUILTINS:
            raise HostileError(f"{module}.{name}")
    elif top in sys.stdlib_module_names or top in ("nt", "posix", "commands", "__builtins__"):
        names = _HARMLESS.get(module, ())
        if _HARMLESS.get(top, ()) is not None and name not in (names or ()):
            raise HostileError(f"{module}.{name}")


def _guarded(persistent_load: Callable[[Any], Any], storage_bytes: Callable[[str], int]) -> Callable[[Any], Any]:
    def load(saved: Any) -> Any:
        if isinstance(saved, tuple) and saved and saved[0] in ("module", b"module"):
            return saved[1]  # an old file holds the source of its classes beside them; nobody compares it here
        if isinstance(saved, tuple) and len(saved) >= 5:
            kind, key, count = saved[1], str(saved[2]), saved[4]
            size = 1 if kind is torch.UntypedStorage else torch._utils._element_size(kind.dtype)
            if not isinstance(count, int) or count < 0 or count * size > storage_bytes(key):
                raise UnpicklingError(f"its storage {key} claims {count} numbers, which are not in the file")
        return persistent_load(saved)

    return load
