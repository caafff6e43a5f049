"""Files that are no checkpoints and stand where one is expected."""

from __future__ import annotations

import gzip
import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from upstream.pickles import honest_tensors

Writer = Callable[[Path], Path]


def _bytes(file_name: str, data: bytes) -> Writer:
    def write(folder: Path) -> Path:
        (folder / file_name).write_bytes(data)
        return folder / file_name

    return write


def torchscript(folder: Path) -> Path:
    """The records that tell a TorchScript archive from a state dict."""
    file = folder / "traced.pt"
    records = {"data.pkl": pickle.dumps({}), "constants.pkl": pickle.dumps(()), "version": b"3\n"}
    with zipfile.ZipFile(file, "w") as archive:
        for record, data in {**records, "code/__torch__.py": b"class Linear(Module):\n  pass\n"}.items():
            archive.writestr(f"traced/{record}", data)
    return file


def folder_itself(folder: Path) -> Path:
    """A folder where a file is expected."""
    (folder / "checkpoint.pth").mkdir()
    return folder / "checkpoint.pth"


def numpy_archive(folder: Path) -> Path:
    """A .npz, as the original ViTs come."""
    np.savez(folder / "weights.npz", weight=np.ones((3, 4), np.float32))
    return folder / "weights.npz"


def numpy_objects(folder: Path) -> Path:
    """A .npy that holds a pickled dict."""
    np.save(folder / "weights.npy", {"weight": np.ones(3)}, allow_pickle=True)
    return folder / "weights.npy"


def numpy_pickle(folder: Path) -> Path:
    """A plain pickle of NumPy arrays, as detectron2's model zoo has."""
    (folder / "weights.pkl").write_bytes(pickle.dumps({"model": {"weight": np.ones((3, 4), np.float32)}}))
    return folder / "weights.pkl"


def tar(folder: Path) -> Path:
    """A tar archive of a checkpoint."""
    torch.save(honest_tensors(), folder / "inside.pth")
    with tarfile.open(folder / "weights.tar", "w") as archive:
        archive.add(folder / "inside.pth", "inside.pth")
    return folder / "weights.tar"


def gzipped(folder: Path) -> Path:
    """A checkpoint, compressed as a whole."""
    stream = io.BytesIO()
    torch.save(honest_tensors(), stream)
    return _bytes("weights.pth.gz", gzip.compress(stream.getvalue()))(folder)


_PAGE = b"\n<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body></body></html>"
ALL: Mapping[str, Writer] = {
    "web-page": _bytes("resnet50.pth", _PAGE),
    "empty": _bytes("empty.pth", b""),
    "noise": _bytes("noise.pth", bytes(range(256)) * 64),
    "lfs-pointer": _bytes("lfs.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"),
    "torchscript": torchscript,
    "folder": folder_itself,
    "gzip": gzipped,
    "tar": tar,
    "npz": numpy_archive,
    "npy": numpy_objects,
    "numpy-pickle": numpy_pickle,
}
