"""Reading: honest files of every kind, hostile ones of which nothing runs, damaged ones with one clear line."""

import pickle
import struct

import pytest
import torch
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from networks import trained_state
from safetensors.torch import save
from upstream import FAKES, hostile
from upstream.pickles import honest_tensors

from rsbench import UserError
from rsbench.checkpoints.read import read_tensors
from rsbench.cli import _main

MINE = ["run", "--task", "eurosat", "--data", "demo", "--protocol", "knn", "--method"]


@pytest.mark.parametrize("name", sorted(hostile.PROGRAMS))
def test_a_program_is_refused_by_name_and_nothing_of_it_runs(name, tmp_path):
    file = hostile.PROGRAMS[name](tmp_path)
    with pytest.raises(UserError, match=r"is a program, not a checkpoint: it wants to call|two records of one name"):
        read_tensors(file)
    assert not hostile.marker(tmp_path).exists()


@pytest.mark.parametrize("name", sorted(hostile.DISGUISED))
def test_nothing_runs_of_a_program_behind_an_honest_name(name, tmp_path):
    file = hostile.DISGUISED[name](tmp_path)
    try:
        tensors = read_tensors(file).tensors
    except UserError:
        pass
    else:  # what it wanted to call became a stand-in; the tensors beside it are intact
        assert all(torch.equal(tensors[key], value) for key, value in honest_tensors().items())
    assert not hostile.marker(tmp_path).exists()


@pytest.mark.parametrize("name", sorted(set(hostile.DAMAGED) - {"nan", "infinity"}))
def test_a_damaged_file_is_one_clear_line(name, tmp_path):
    file = hostile.DAMAGED[name](tmp_path)
    with pytest.raises(UserError) as caught:
        read_tensors(file)
    assert str(file) in caught.value.message and "\n" not in caught.value.message
    assert len(caught.value.message) < 400 and caught.value.hint


@pytest.mark.parametrize("name", sorted(hostile.HONEST))
def test_an_unusual_and_honest_file_is_read(name, tmp_path):
    tensors = read_tensors(hostile.HONEST[name](tmp_path)).tensors
    assert tensors.keys() == honest_tensors().keys()
    assert all(torch.equal(tensors[key], value) for key, value in honest_tensors().items())


def test_classes_that_vanished_are_left_closed_and_named(tmp_path):
    found = read_tensors(FAKES["cmid/resnet50#full"](tmp_path, 0).file)
    assert found.where == "model" and found.foreign
    with pytest.raises((ModuleNotFoundError, AttributeError)):  # whoever opens it as Python does needs them
        torch.load(FAKES["cmid/resnet50#full"](tmp_path, 0).file, map_location="cpu", weights_only=False)


@pytest.mark.parametrize("container", ["torch zip", "torch legacy", "safetensors"])
def test_the_container_is_told_from_the_bytes(tmp_path, container):
    file, state = tmp_path / "checkpoint", trained_state()
    if container == "safetensors":
        file.write_bytes(save(state))
    else:
        torch.save({"state_dict": state}, file, _use_new_zipfile_serialization=container == "torch zip")
    found = read_tensors(file)
    assert (found.container, found.where) == (container, "" if container == "safetensors" else "state_dict")
    assert all(torch.equal(found.tensors[key], value) for key, value in state.items())


def test_tensors_of_every_kind_arrive_intact(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    state = {
        "half": base.half(),
        "bfloat": base.bfloat16(),
        "double": base.double(),
        "whole": base.long(),
        "view": base[1:3, ::2],
        "turned": base.t(),
        "scalar": torch.tensor(3.0),
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(base),
        "shared": base,
    }
    for old in (False, True):
        torch.save({"model": {"module": state}}, tmp_path / "w.pt", _use_new_zipfile_serialization=not old)
        found = read_tensors(tmp_path / "w.pt")
        assert found.where == "model.module"
        for key, value in state.items():
            assert found.tensors[key].dtype == value.dtype
            assert torch.equal(found.tensors[key], value.detach())


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["zip", "legacy", "safetensors"]), st.data())
def test_any_damage_is_a_user_error_or_harmless(tmp_path, kind, data):
    """Bytes changed or cut anywhere: either one line, or tensors of the shapes that were written."""
    state = {"a": torch.arange(6.0).reshape(2, 3), "b.c": torch.ones(4)}
    file = tmp_path / "w"
    if kind == "safetensors":
        whole = save(state)
    else:
        torch.save({"state_dict": state}, file, _use_new_zipfile_serialization=kind == "zip")
        whole = file.read_bytes()
    changed = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        changed[place] = data.draw(st.integers(0, 255))
    file.write_bytes(bytes(changed[: data.draw(st.integers(0, len(whole)))]))
    try:
        found = read_tensors(file).tensors
    except UserError as error:
        assert "\n" not in error.message
    else:
        assert sum(tensor.numel() for tensor in found.values()) <= 200


def test_a_header_cannot_ask_for_memory(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", 2**40) + b'{"a":')
    with pytest.raises(UserError, match="header"):
        read_tensors(tmp_path / "w.safetensors")


def bad_inputs(folder):
    """The files that the command line must refuse, each for a method whose architecture is real: (method, file)."""
    whole, shallow = trained_state(), torchvision.models.resnet18().state_dict()
    wide = {key: torch.cat([x, x]) if x.ndim else x for key, x in whole.items()}
    nan = {**whole, "norm.weight": torch.full_like(whole["norm.weight"], float("nan"))}
    for name, content in (("resnet18", shallow), ("wide", wide), ("nan", nan)):
        torch.save(content, folder / f"{name}.pth")
    return {
        "missing file": ("ctxmim", folder / "none.pth"),
        "web page": ("ctxmim", hostile.DAMAGED["web-page"](folder)),
        "truncated zip": ("ctxmim", hostile.DAMAGED["truncated-zip"](folder)),
        "ResNet-18 for ResNet-50": ("random/resnet50", folder / "resnet18.pth"),
        "wrong width": ("ctxmim", folder / "wide.pth"),
        "optimizer only": ("ctxmim", hostile.DAMAGED["optimizer-only"](folder)),
        "program": ("ctxmim", hostile.PROGRAMS["os-system-zip"](folder)),
        "lying header": ("ctxmim", folder / "lie.safetensors"),
        "NaN": ("ctxmim", folder / "nan.pth"),
    }


@pytest.mark.parametrize("command", ["run", "inspect"])
@pytest.mark.parametrize(
    "name",
    [
        "missing file",
        "web page",
        "truncated zip",
        "ResNet-18 for ResNet-50",
        "wrong width",
        "optimizer only",
        "program",
        "lying header",
        "NaN",
    ],
)
def test_bad_input_ends_with_exit_code_2_one_line_and_nothing_written(name, command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lie.safetensors").write_bytes(struct.pack("<Q", 10**6) + b"{}")
    method, file = bad_inputs(tmp_path)[name]
    before = sorted(tmp_path.rglob("*"))
    given_ = ["inspect", str(file), "--method", method]
    code = _main([*MINE, method, "--checkpoint", str(file)] if command == "run" else given_)
    shown = capsys.readouterr().err.strip().splitlines()
    lines = [line for line in shown if not line.startswith("Drawing demo scenes")]
    assert code == 2
    assert lines[0].startswith("Error: ") and file.name in lines[0]
    assert len(lines) == 2 and lines[1].startswith("  ")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_pickle_cannot_change_the_functions_that_are_called(tmp_path):
    import torch._utils as utils

    before = utils._rebuild_tensor_v2.__defaults__
    build = pickle.dumps({"__defaults__": (1,)}, protocol=2)[2:-1]
    (tmp_path / "w.pth").write_bytes(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n" + build + b"b.")
    with pytest.raises(UserError):
        read_tensors(tmp_path / "w.pth")
    assert utils._rebuild_tensor_v2.__defaults__ == before
