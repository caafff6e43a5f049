"""The environment of a record: true, plain JSON, and cheap."""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import rsbench
from rsbench.environment import environment
from rsbench.records import canonical_json


def test_versions_are_those_installed():
    found = environment()
    assert found["packages"]["numpy"] == version("numpy")
    assert found["packages"]["torch"] == version("torch")
    assert found["rsbench"] == rsbench.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["cores"] >= 1


def test_it_is_plain_json_without_absent_values():
    found = environment()
    assert json.loads(canonical_json(found)) == found
    assert None not in found.values()


def test_the_commit_is_that_of_the_checkout():
    root = Path(rsbench.__file__).parent.parent
    found = environment()
    if not (root / ".git").exists():
        assert "commit" not in found
    else:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        assert found["commit"] == head.stdout.strip()
        assert isinstance(found["dirty"], bool)


def test_it_imports_no_package_of_those_it_tells_of():
    code = (
        "import sys; from rsbench.environment import environment, PACKAGES; found = environment();"
        "print([n for n in ('torch', 'numpy', 'pandas') if n in sys.modules], 'threads' in found)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[] False"


def test_where_torch_is_loaded_its_threads_are_told():
    import torch

    assert environment()["threads"] == torch.get_num_threads()
