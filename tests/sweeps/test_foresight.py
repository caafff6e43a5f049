"""The id of a run before it is run: true, or not known."""

import os
from pathlib import Path

import pytest
import torch
from networks import trained_state
from safetensors.torch import save_file

from rsbench.checkpoints import load as loading
from rsbench.opening import open_data
from rsbench.request import Request
from rsbench.spec import RunSpec, choose
from rsbench.sweeps import foresight
from rsbench.sweeps.foresight import foresee, remembered


@pytest.fixture
def request_of(registry, monkeypatch):
    """Returns the request of a spec; files need not be old to be remembered."""
    monkeypatch.setattr(foresight, "YOUNG", 0)

    def make(method: str, **others: object) -> Request:
        spec = RunSpec(method=method, task="tiny-scenes", protocol="paper", data="demo", **others)
        chosen = choose(spec, registry)
        dataset, split, kind = open_data(chosen.task, "demo", "", False)
        return chosen.request(dataset, split, kind, "cpu")

    return make


def weights(file: Path, seed: int) -> Path:
    save_file(trained_state("nano", seed), file)
    return file


def test_what_was_loaded_is_remembered_by_file_and_forgotten_with_it(request_of, tmp_path):
    request = request_of("ctxmim/nano", checkpoint=str(weights(tmp_path / "a.safetensors", 1)))
    assert remembered(request, 0) is None
    first = foresee(request, 0)
    assert remembered(request, 0) == first
    weights(tmp_path / "a.safetensors", 2)
    assert remembered(request, 0) is None
    assert foresee(request, 0).digest != first.digest
    assert foresight.forget() > 0 and remembered(request, 0) is None


def test_a_file_that_changes_while_it_is_loaded_is_not_remembered(request_of, tmp_path, monkeypatch):
    request = request_of("ctxmim/nano", checkpoint=str(weights(tmp_path / "a.safetensors", 1)))
    load = loading.load

    def replaced_meanwhile(*arguments):
        loaded = load(*arguments)
        weights(tmp_path / "a.safetensors", 2)
        return loaded

    monkeypatch.setattr(loading, "load", replaced_meanwhile)
    before = foresee(request, 0)
    assert remembered(request, 0) is None
    monkeypatch.undo()
    monkeypatch.setattr(foresight, "YOUNG", 0)
    assert foresee(request, 0).digest != before.digest


def test_a_file_that_was_touched_a_moment_ago_is_not_remembered(request_of, tmp_path, monkeypatch):
    monkeypatch.setattr(foresight, "YOUNG", 10**12)
    request = request_of("ctxmim/nano", checkpoint=str(weights(tmp_path / "a.safetensors", 1)))
    os.utime(tmp_path / "a.safetensors", (0, 0))  # as a copy that keeps times does
    foresee(request, 0)
    assert remembered(request, 0) is None


def test_a_network_that_a_plugin_makes_is_loaded_each_time(request_of):
    request = request_of("means/well")
    foresee(request, 0)
    assert remembered(request, 0) is None


def test_weights_that_are_drawn_are_remembered_by_seed(request_of):
    request = request_of("random/nano")
    digests = {foresee(request, seed).digest for seed in (0, 1)}
    assert len(digests) == 2 == len({remembered(request, seed).digest for seed in (0, 1)})
    assert remembered(request, 2) is None


def test_what_else_the_number_depends_on_is_found_out_anew(request_of, monkeypatch):
    request = request_of("random/nano")
    before = foresee(request, 5)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert foresee(request, 5).extra != before.extra
