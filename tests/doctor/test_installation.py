"""Python, packages and torch, faked by what lies first on the path of a process of its own."""

import json

import pytest

METADATA = "Metadata-Version: 2.1\nName: rsbench\nVersion: {version}\nRequires-Python: {python}\n{requires}"
POINTS = "[rsbench.plugins]\nmethods = rsbench.methods\ntasks = rsbench.tasks\n"
TORCH = """
import types, warnings
__version__ = "9.9"
version = types.SimpleNamespace(cuda={cuda!r})
def get_num_threads():
    return {threads}
class _Sum(float):
    def sum(self):
        return self
class _Ones:
    def __matmul__(self, other):
        {product}
def ones(*size, device):
    return _Ones()
class cuda:
    class device:
        def __init__(self, number): pass
        def __enter__(self): pass
        def __exit__(self, *given): pass
    def is_available():
        {look}
        return {gpus} > 0
    def device_count():
        return {gpus}
    def get_device_properties(number):
        return types.SimpleNamespace(name="Made up", total_memory=24 << 30)
    def is_bf16_supported(including_emulation=True):
        return including_emulation or {bf16}
"""


@pytest.fixture
def lines(cli, tmp_path):
    """Runs the command with a faked torch and a faked installation; returns its lines by ``area what``."""
    site = tmp_path / "site"
    (site / "torch").mkdir(parents=True)

    def run(requires=(), python=">=3.11", version=None, source=None, path="", **torch):
        from rsbench import __version__

        info = site / "rsbench-0.0.0.dist-info"
        info.mkdir(exist_ok=True)
        needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
        told = METADATA.format(version=version or __version__, python=python, requires=needs)
        (info / "METADATA").write_text(told)
        (info / "entry_points.txt").write_text(POINTS)
        facts = {"cuda": None, "threads": 1, "gpus": 0, "bf16": True, "look": "pass", "product": "return _Sum(64**3)"}
        (site / "torch" / "__init__.py").write_text(source or TORCH.format(**{**facts, **torch}))
        extra = {"PATH": path} if path else {}
        done = cli("doctor", "--json", PYTHONPATH=str(site), **extra)
        assert done.stderr == ""
        found = {f"{line['area']} {line['what']}": line for line in json.loads(done.stdout)["lines"]}
        assert done.returncode == any(line["status"] == "failed" for line in found.values())
        return found

    return run


def test_packages_are_compared_with_what_the_metadata_require(lines):
    found = lines(
        [
            "no-such-package>=3",
            "numpy>=999",
            "scipy>1",
            'pytest<1; extra == "dev"',
            'rich<1; python_version < "3"',
            "typer~=0.1",
        ]
    )
    told = {name: (line["status"], line["value"]) for name, line in found.items() if name.startswith("packages")}
    assert told["packages no-such-package"] == ("failed", "not installed, no-such-package>=3 is required")
    assert told["packages numpy"][0] == "failed" and "numpy>=999 is required" in told["packages numpy"][1]
    assert told["packages scipy"][0] == "ok"
    assert told["packages typer"][0] == "ok"
    assert len(told) == 4, "extras are left out, and what another Python would need"
    assert found["packages numpy"]["remedy"] == "pip install 'numpy>=999'"


def test_python_and_the_version_of_rsbench(lines):
    found = lines(python=">=9", version="0.0.0")
    assert (found["python Python"]["status"], found["python rsbench"]["status"]) == ("failed", "warning")
    assert ">=9" in found["python Python"]["value"]
    assert "0.0.0 is installed" in found["python rsbench"]["value"]


@pytest.mark.parametrize(
    ("torch", "what", "status", "said"),
    [
        ({"cuda": "12.4", "gpus": 2}, "GPU 1", "ok", "Made up, 24 GiB, bf16"),
        ({"cuda": "12.4", "gpus": 1, "bf16": False}, "GPU 0", "ok", "24 GiB, no bf16"),
        (
            {"cuda": "12.4", "gpus": 1, "product": "raise RuntimeError('no kernel image')"},
            "GPU 0",
            "failed",
            "no kernel",
        ),
        ({"cuda": "12.4", "gpus": 1, "product": "return _Sum(1)"}, "GPU 0", "failed", "multiplies wrongly"),
        ({"threads": 4096}, "threads", "warning", "4096 of torch on"),
        ({}, "torch", "ok", "9.9, built for the CPU"),
        ({"source": "raise ImportError('libcudart is missing')"}, "torch", "failed", "libcudart is missing"),
        ({"source": "import os; os._exit(132)"}, "torch", "failed", "ended with code 132"),
    ],
)
def test_torch_is_told_as_it_is(lines, torch, what, status, said):
    found = lines(**torch)[f"devices {what}"]
    assert found["status"] == status
    assert said in found["value"]


@pytest.mark.parametrize(
    ("cuda", "said"), [("12.4", "torch cannot use it: the driver is too old"), (None, "torch is built for the CPU")]
)
def test_a_gpu_that_torch_cannot_use_is_a_warning(lines, tmp_path, cuda, said):
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    found = lines(cuda=cuda, look="warnings.warn('the driver is too old')", path=str(tool.parent))["devices GPU"]
    assert found["status"] == "warning"
    assert said in found["value"]


def test_the_real_torch_is_found(cli):
    import torch

    done = cli("doctor", "--json")
    found = {line["what"]: line for line in json.loads(done.stdout)["lines"] if line["area"] == "devices"}
    assert found["torch"]["value"].startswith(torch.__version__)
    assert found["threads"]["value"] == "1 of torch"
