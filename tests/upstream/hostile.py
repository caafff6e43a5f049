"""Writers of bad checkpoints: programs, lies, damage and other kinds of files, each a function of a folder.

PROGRAMS    run code when pickle opens them; the code makes the file ``marker(folder)``
DISGUISED   the same behind the names of packages that honest files name; whoever does not call them may read on
DAMAGED     no checkpoints, or ones that claim what is not so; must be refused
HONEST      unusual and well; must be read as ``honest_tensors()`` say
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from upstream import other_kinds, safetensors_lies
from upstream.containers import adamw_state
from upstream.pickles import Rebuilt, bare, call, honest_tensors, mapping, name, value, zipped
from upstream.registry import FAKES

Writer = Callable[[Path], Path]


def marker(folder: Path) -> Path:
    """Returns the file that exists if code of a bad file in ``folder`` has run."""
    return folder / "code-has-run"


def _shell(folder: Path) -> bytes:
    return value(f"touch {marker(folder)}")


def _python(folder: Path) -> bytes:
    return value(f"open({str(marker(folder))!r}, 'w').close()")


# How each of them makes the marker; os.system is called posix.system where pickle writes it.
_CODE: Mapping[str, Callable[[Path], bytes]] = {
    "os-system": lambda f: call(name("os", "system"), _shell(f)),
    "posix-system": lambda f: call(name("posix", "system"), _shell(f)),
    "eval": lambda f: call(name("builtins", "eval"), _python(f)),
    "exec-python-2": lambda f: call(name("__builtin__", "exec"), _python(f)),
    "popen": lambda f: call(name("subprocess", "Popen"), value(["touch", str(marker(f))])),
    "runpy": lambda f: call(name("runpy", "_run_code"), call(name("builtins", "compile"), *_compiled(f)), value({})),
    "getattr": lambda f: call(call(name("builtins", "getattr"), _module("os"), value("system")), _shell(f)),
    "partial": lambda f: call(call(name("functools", "partial"), name("os", "system"), _shell(f))),
}
_DISGUISED_CODE: Mapping[str, Callable[[Path], bytes]] = {
    "dotted-name": lambda f: call(name("torch.serialization", "os.system"), _shell(f)),
    "numpy-runstring": lambda f: call(name("numpy.testing._private.utils", "runstring"), _python(f), value({})),
    "torch-hub": lambda f: call(name("torch.hub", "os.system"), _shell(f)),
}


def _module(module: str) -> bytes:
    return call(name("importlib", "import_module"), value(module))


def _compiled(folder: Path) -> tuple[bytes, ...]:
    return _python(folder), value("<file>"), value("exec")


def _programs(code: Mapping[str, Callable[[Path], bytes]]) -> dict[str, Writer]:
    """Each piece of code in a pickle alone and beside honest weights in a true torch file."""
    writers: dict[str, Writer] = {}
    for kind, make in code.items():
        writers[f"{kind}-bare"] = lambda f, k=kind, m=make: bare(f / f"{k}.pkl", mapping(model=m(f)))
        writers[f"{kind}-zip"] = lambda f, k=kind, m=make: zipped(f / f"{k}.pth", m(f))
    return writers


def careless(*files: Path) -> str:
    """Returns a program that opens ``files`` as a careless user would: those of PROGRAMS and DISGUISED then run."""
    lines = ["import pickle, time, torch"]
    for file in files:
        opened = f"torch.load({str(file)!r}, weights_only=False)" if file.suffix == ".pth" else "pickle.load(stream)"
        lines += [f"with open({str(file)!r}, 'rb') as stream:", f"    try: {opened}", "    except Exception: pass"]
    return "\n".join([*lines, "time.sleep(0.5)"])  # for what runs in a process of its own


def _cut(file_name: str, legacy: bool) -> Writer:
    def write(folder: Path) -> Path:
        file = folder / file_name
        torch.save({"state_dict": {"weight": torch.ones(500, 50)}}, file, _use_new_zipfile_serialization=not legacy)
        file.write_bytes(file.read_bytes()[:60_000])
        return file

    return write


def optimizer_only(folder: Path) -> Path:
    """The state of an optimizer, and no network."""
    torch.save(adamw_state(torch.Generator().manual_seed(0)), folder / "optimizer.pth")
    return folder / "optimizer.pth"


def with_nan(folder: Path, wrong: float = float("nan")) -> Path:
    """The mirror of SatMAE++ (``FAKES["satmaepp/vit_l#mirror"]``, seed 0) with one number that is none."""
    file = FAKES["satmaepp/vit_l#mirror"](folder, 0).file
    state = torch.load(file)
    state["blocks.3.mlp.fc2.bias"][-1] = wrong
    torch.save(state, file)
    return file


def with_infinity(folder: Path) -> Path:
    """As ``with_nan``, with an infinite number."""
    return with_nan(folder, float("-inf"))


def claimed_storage(folder: Path) -> Path:
    """A torch zip whose pickle says that a storage has a thousand times the numbers of its record."""
    torch.save({"weight": torch.arange(12.0)}, folder / "whole.pth")
    with zipfile.ZipFile(folder / "whole.pth") as whole, zipfile.ZipFile(folder / "claims.pth", "w") as claims:
        for member in whole.infolist():
            data = whole.read(member)
            if member.filename.endswith("data.pkl"):
                assert b"K\x0c" in data  # twelve, as a storage and as a shape
                data = data.replace(b"K\x0c", b"M\xe0\x2e")  # twelve thousand
            claims.writestr(member.filename, data)
    return folder / "claims.pth"


def _rebuilt(legacy: bool, size: int, stride: int) -> Writer:
    def write(folder: Path) -> Path:
        file = folder / "rebuilt.pth"
        wrong = Rebuilt(torch.arange(4.0), (size,), (stride,))
        torch.save({"weight": wrong}, file, _use_new_zipfile_serialization=not legacy)
        return file

    return write


def twin_records(folder: Path) -> Path:
    """A torch zip with two pickles of one name: the first, which torch reads, runs code; zipfile sees the second."""
    code = zipped(folder / "code.pth", _CODE["posix-system"](folder))
    file = folder / "twins.pth"
    with zipfile.ZipFile(code) as archive, zipfile.ZipFile(file, "w") as twins, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # two of one name
        records = {member.filename: archive.read(member) for member in archive.infolist()}
        for record, data in records.items():
            twins.writestr(record, data)
        twins.writestr(next(record for record in records if record.endswith("data.pkl")), pickle.dumps({}))
    return file


PROGRAMS: Mapping[str, Writer] = {**_programs(_CODE), "twin-records": twin_records}
DISGUISED: Mapping[str, Writer] = _programs(_DISGUISED_CODE)


DAMAGED: Mapping[str, Writer] = {
    "truncated-zip": _cut("cut.pth", legacy=False),
    "truncated-legacy": _cut("cut.pth.tar", legacy=True),
    "optimizer-only": optimizer_only,
    "nan": with_nan,
    "infinity": with_infinity,
    "claimed-storage": claimed_storage,
    "tensor-beyond-its-storage-zip": _rebuilt(legacy=False, size=4000, stride=1),
    "tensor-beyond-its-storage-legacy": _rebuilt(legacy=True, size=4000, stride=1),
    "endless-tensor": _rebuilt(legacy=False, size=2**50, stride=0),
    **safetensors_lies.ALL,
    **other_kinds.ALL,
}


def repacked(file: Path) -> Path:
    """Packs a torch zip again, with compression, as someone does who edits it with an archiver."""
    packed = file.with_suffix(".packed.pth")
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as again:
        for member in archive.infolist():
            again.writestr(member.filename, archive.read(member))
    return packed


def deflated(folder: Path) -> Path:
    """An honest torch zip, compressed."""
    torch.save({"state_dict": honest_tensors()}, folder / "weights.pth")
    return repacked(folder / "weights.pth")


def newer_path(folder: Path) -> Path:
    """A torch zip with a path that Python 3.13 pickled; earlier Pythons do not have that module."""
    return zipped(folder / "path.pth", call(name("pathlib._local", "PosixPath"), value("/data"), value("run")))


def misnamed(folder: Path) -> Path:
    """An honest torch file of the old container under the name of a picture."""
    torch.save({"state_dict": honest_tensors()}, folder / "weights.png", _use_new_zipfile_serialization=False)
    return folder / "weights.png"


HONEST: Mapping[str, Writer] = {"deflated": deflated, "misnamed-legacy": misnamed, "python-3.13-path": newer_path}
