"""What pip installs: every package, every data file, the entry points, and no undeclared dependency."""

import ast
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
FOLDERS = {"rsbench": "rsbench", **SETUPTOOLS["package-dir"]}

# Import names that differ from the distribution's.
DISTRIBUTION = {
    "PIL": "pillow",
    "faster_coco_eval": "faster-coco-eval",
    "segmentation_models_pytorch": "segmentation-models-pytorch",
    "yaml": "pyyaml",
}
OPTIONAL = {"detectron2", "submitit"}


def folder(package: str) -> Path:
    """Where a package lies in the checkout."""
    parent = max((name for name in FOLDERS if f"{package}.".startswith(f"{name}.")), key=len)
    return ROOT.joinpath(FOLDERS[parent], *package.removeprefix(parent).strip(".").split("."))


def packages_in_tree() -> set[str]:
    found = set()
    for name, place in FOLDERS.items():
        for init in (ROOT / place).rglob("__init__.py"):
            found.add(".".join([name, *init.parent.relative_to(ROOT / place).parts]))
    return found


def sources() -> list[Path]:
    return [path for name in SETUPTOOLS["packages"] for path in sorted(folder(name).glob("*.py"))]


def data_files() -> list[tuple[str, Path]]:
    """(package, file) of everything beside the code in the packages."""
    found = []
    for package in SETUPTOOLS["packages"]:
        inner = [folder(other) for other in SETUPTOOLS["packages"] if other.startswith(f"{package}.")]
        for path in sorted(folder(package).rglob("*")):
            ours = not any(path.is_relative_to(other) for other in inner)
            if path.is_file() and path.suffix not in (".py", ".pyc") and ours:
                found.append((package, path))
    return found


def test_every_package_of_the_tree_is_listed():
    assert sorted(SETUPTOOLS["packages"]) == sorted(packages_in_tree())


def test_every_folder_with_code_is_a_package():
    for place in FOLDERS.values():
        for path in (ROOT / place).rglob("*.py"):
            assert (path.parent / "__init__.py").is_file(), path


def test_every_data_file_is_declared():
    assert {path.suffix for _, path in data_files()} >= {".toml", ".csv", ".txt", ".html"}
    for package, path in data_files():
        patterns = SETUPTOOLS["package-data"].get(package, [])
        name = path.relative_to(folder(package)).as_posix()
        assert any(fnmatch(name, pattern) for pattern in patterns), f"{name} of {package} would not be installed"


def test_the_version_is_the_same_everywhere():
    import rsbench

    assert PROJECT["project"]["version"] == rsbench.__version__
    assert f"{rsbench.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_import_is_a_declared_dependency():
    declared = {re.split(r"[<>=!~\[; ]", line)[0].lower() for line in PROJECT["project"]["dependencies"]}
    undeclared = {}
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            for top in {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"rsbench"}:
                if top not in OPTIONAL and DISTRIBUTION.get(top, top).lower() not in declared:
                    undeclared[top] = path.relative_to(ROOT).as_posix()
    assert undeclared == {}


def test_nothing_in_the_engine_imports_a_method_or_a_task():
    for path in (ROOT / "rsbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(re.match(r"rsbench\.(methods|tasks)\b", name) for name in names), path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that the checkout stays clean."""
    tree = tmp_path_factory.mktemp("tree")
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    for place in FOLDERS.values():
        shutil.copytree(ROOT / place, tree / place, ignore=ignore)
    setuptools = find_spec("setuptools") is not None
    if setuptools:
        from importlib.metadata import version

        setuptools = int(version("setuptools").partition(".")[0]) >= 77
    isolation = ["--no-build-isolation"] if setuptools else []  # else pip fetches the build tools
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", *isolation, "-w", str(out), str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(out.glob("rsbench-*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_everything_and_no_more(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = set()
    for package in SETUPTOOLS["packages"]:
        wanted |= {f"{package.replace('.', '/')}/{path.name}" for path in folder(package).glob("*.py")}
    for package, path in data_files():
        wanted.add(f"{package.replace('.', '/')}/{path.relative_to(folder(package)).as_posix()}")
    assert held == wanted


@pytest.mark.slow
def test_the_wheel_works_where_the_checkout_is_not(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        info = next(name for name in archive.namelist() if name.endswith("entry_points.txt"))
        points = configparser.ConfigParser()
        points.read_string(archive.read(info).decode())
    assert points["console_scripts"]["rsbench"] == "rsbench.cli:main"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}

    def python(code: str, *arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert python("import rsbench; print(rsbench.__file__)").startswith(str(tmp_path))
    start = "from rsbench.cli import main; main()"  # what the console script does
    assert "Usage: rsbench" in python(start, "--help")
    origins = {
        row["method"]: row["origin"] for row in json.loads(python(start, "list", "methods", "--json"))["methods"]
    }
    assert origins["ctxmim/nano"] == "rsbench.methods.ctxmim"
    assert len(python(start, "table", "1", "--format", "csv").splitlines()) == 21
