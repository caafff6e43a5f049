"""The bad files are bad: their code runs where it is let, and their lies are lies."""

import subprocess
import sys

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from upstream import hostile, safetensors_lies
from upstream.pickles import honest_tensors
from upstream.plain import content_of


def test_the_code_of_programs_runs_where_it_is_let(tmp_path):
    files = {}
    for kind, write in {**hostile.PROGRAMS, **hostile.DISGUISED}.items():
        (tmp_path / kind).mkdir()
        files[kind] = write(tmp_path / kind)
        assert not hostile.marker(tmp_path / kind).exists(), f"{kind} runs when it is written"
    subprocess.run([sys.executable, "-c", hostile.careless(*files.values())], capture_output=True, timeout=120)
    assert [kind for kind in files if not hostile.marker(tmp_path / kind).exists()] == []


@pytest.mark.parametrize("kind", safetensors_lies.ALL)
def test_safetensors_itself_refuses_the_lies(kind, tmp_path):
    with pytest.raises(SafetensorError):
        load_file(safetensors_lies.ALL[kind](tmp_path))


@pytest.mark.parametrize("kind", hostile.HONEST)
def test_honest_files_hold_what_they_say(kind, tmp_path):
    content = content_of(hostile.HONEST[kind](tmp_path))
    torch.testing.assert_close(dict(content["state_dict"]), dict(honest_tensors()))


@pytest.mark.filterwarnings("ignore")  # torch has much to say of them
@pytest.mark.parametrize("kind", hostile.DAMAGED)
def test_damaged_files_are_no_state_dicts_of_finite_numbers(kind, tmp_path):
    file = hostile.DAMAGED[kind](tmp_path)
    try:
        tensors = content_of(file)
        assert all(tensor.isfinite().all() for tensor in tensors.values())
    except Exception:
        return
    raise AssertionError(f"{kind} is read without complaint")
