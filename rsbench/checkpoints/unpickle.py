"""A pickle reader that imports nothing and calls nothing but a few functions of its own.

A checkpoint is a pickle whose tensors lie beside it. Here the pickle is read with stand-ins for every name in it. What
torch would call to make a tensor makes a Recipe, OrderedDict makes a dict, and everything else (classes of packages
that are not installed, or that no longer exist) makes an inert object. Nothing of theirs runs, and nothing of this
process can be changed. A file that names parts of the standard library that no checkpoint needs (``os.system``,
``builtins.eval``) is refused by name.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import torch

UnpicklingError = pickle.UnpicklingError


class HostileError(UnpicklingError):
    """The pickle names something that only a program needs."""

    def __init__(self, name: str) -> None:
        super().__init__(f"it wants to call {ascii(name)[1:-1]}")


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


class Dict(dict):
    """What OrderedDict and its like become: a dict that takes no attributes."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Fixed:
    """A value that a pickle may use and not change."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> None:
        raise UnpicklingError("it wants to change what it is read with")

    def __setstate__(self, state: Any) -> None:
        raise UnpicklingError("it wants to change what it is read with")


class _Function(_Fixed):
    __slots__ = ("_function",)
    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


class StorageType(_Fixed):
    """A type of storage, such as ``torch.FloatStorage``: the type of its numbers."""

    __slots__ = ("dtype",)
    dtype: torch.dtype

    def __init__(self, dtype: torch.dtype) -> None:
        object.__setattr__(self, "dtype", dtype)


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of numbers that lies beside the pickle.

    Args:
        key: where.
        dtype: of the numbers.
        first: index of its first number in the run called ``key``.
        count: how many numbers.
    """

    key: str
    dtype: torch.dtype
    first: int
    count: int

    def __setstate__(self, state: Any) -> None:
        raise UnpicklingError("it wants to change a storage")


@dataclass(frozen=True, eq=False)
class Recipe:
    """How a tensor is laid over a storage: offset, size and stride in numbers."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    def __setstate__(self, state: Any) -> None:
        raise UnpicklingError("it wants to change a tensor")


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *rest: Any) -> Recipe:
    size, stride = tuple(size), tuple(stride)
    numbers = (offset, *size, *stride)
    if not isinstance(storage, Storage) or not all(type(number) is int and number >= 0 for number in numbers):
        raise UnpicklingError("a tensor in it is malformed")
    if len(size) != len(stride):
        raise UnpicklingError("a tensor in it has as many sizes as it has not strides")
    if 0 not in size:
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        if last >= storage.count:
            raise UnpicklingError(f"a tensor in it reaches beyond its storage {storage.key!a}")
    return Recipe(storage, offset, size, stride)


def _same(value: Any, *rest: Any) -> Any:
    return value


def _of_type(function: Any, kind: Any, args: Any, state: Any) -> Any:
    return function(*args) if isinstance(function, _Function) else Inert()


_DTYPES = {f"torch.{name}": value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
_STORAGES = {
    "Float": torch.float32,
    "Double": torch.float64,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
    "ComplexFloat": torch.complex64,
    "ComplexDouble": torch.complex128,
}
# All that is called while a file is read. Parameters become plain tensors.
_CALLED: Mapping[str, Any] = {
    "collections.OrderedDict": Dict,
    "builtins.dict": Dict,
    "torch._utils._rebuild_tensor": _Function(_tensor),
    "torch._utils._rebuild_tensor_v2": _Function(_tensor),
    "torch._utils._rebuild_parameter": _Function(_same),
    "torch._utils._rebuild_parameter_with_state": _Function(_same),
    "torch._tensor._rebuild_from_type_v2": _Function(_of_type),
    "torch.Size": _Function(tuple),
    "torch.storage.UntypedStorage": StorageType(torch.uint8),
    "torch.UntypedStorage": StorageType(torch.uint8),
    **{f"torch.{name}Storage": StorageType(dtype) for name, dtype in _STORAGES.items()},
    **{f"torch.cuda.{name}Storage": StorageType(dtype) for name, dtype in _STORAGES.items()},
    **_DTYPES,
}
# Parts of the standard library that honest files name; None is every name in the module and below it (Python 3.13 has
# pathlib._local). They become stand-ins too.
_HARMLESS: Mapping[str, Collection[str] | None] = {
    **dict.fromkeys(("argparse", "pathlib", "collections", "datetime", "zoneinfo", "enum", "decimal", "fractions")),
    **dict.fromkeys(("uuid", "random", "typing", "numbers", "dataclasses", "array", "re", "string", "ipaddress")),
    "time": ("struct_time",),
    "threading": ("Lock", "RLock"),
    "_thread": ("lock", "RLock", "allocate_lock"),
    "logging": ("Logger", "getLogger"),
    "types": ("SimpleNamespace",),
    "functools": ("partial",),
    "operator": ("itemgetter", "attrgetter"),
    "io": ("BytesIO", "StringIO"),
    "copyreg": ("_reconstructor",),
    "copy_reg": ("_reconstructor",),
    "_codecs": ("encode",),
    "_collections": ("deque",),
}
# getattr stands before a pickled bound method; as a stand-in it gets nothing
_PLAIN = (
    "object dict list tuple int long float complex bool str unicode bytes bytearray slice range xrange set frozenset"
)
_HARMLESS_BUILTINS = frozenset([*_PLAIN.split(), "getattr"])


class Unpickler(pickle.Unpickler):
    """Reads one pickle with stand-ins.

    Args:
        stream: to read from.
        claim: called with key, type and count of each storage that the pickle names, before anything is made of it;
            raises UnpicklingError if the file cannot hold it.

    Attributes:
        foreign: names in the file that became stand-ins.
    """

    def __init__(self, stream: BinaryIO, claim: Callable[[str, torch.dtype, int], None]) -> None:
        super().__init__(stream, encoding="utf-8")
        self._claim = claim
        self.foreign: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        """Returns what stands for ``module.name``; nothing is imported."""
        dotted = f"{module}.{name}"
        if dotted in _CALLED:
            return _CALLED[dotted]
        refuse_code(module, name)
        self.foreign.add(ascii(dotted)[1:-1])
        return _Kind("Inert", (Inert,), {})

    def persistent_load(self, saved: Any) -> Any:
        """Returns the Storage that ``saved`` names: (storage, type, key, location, count, and in old files a view)."""
        kind = saved[0] if isinstance(saved, tuple) and saved else None
        if kind in ("module", b"module") and len(saved) == 4:
            return saved[1]  # old files keep the source of their classes beside them
        if kind not in ("storage", b"storage") or len(saved) not in (5, 6) or not isinstance(saved[1], StorageType):
            raise UnpicklingError("a storage in it is malformed")
        dtype, key, count = saved[1].dtype, saved[2], saved[4]
        if not isinstance(key, str | int) or type(count) is not int or count < 0:
            raise UnpicklingError("a storage in it is malformed")
        self._claim(str(key), dtype, count)
        view = saved[5] if len(saved) == 6 else None
        if view is None:
            return Storage(str(key), dtype, 0, count)
        _, first, length = view
        if type(first) is not int or type(length) is not int or not 0 <= first <= first + length <= count:
            raise UnpicklingError(f"a view in it reaches beyond its storage {key!a}")
        return Storage(str(key), dtype, first, length)


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
