"""One small demo EuroSAT and one of Rio per session, and a copy of the first for every test that damages it."""

import shutil
from pathlib import Path

import pytest

from rsbench.datasets.demo.rio_writer import write_rio
from rsbench.datasets.demo.writers import write_eurosat
from rsbench.datasets.splits import SplitList


@pytest.fixture(scope="session")
def demo_eurosat(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SplitList]:
    root = tmp_path_factory.mktemp("demo")
    return root, write_eurosat(root, seed=0, per_class=5)


@pytest.fixture
def eurosat_copy(demo_eurosat: tuple[Path, SplitList], tmp_path: Path) -> tuple[Path, SplitList]:
    root, split = demo_eurosat
    shutil.copytree(root, tmp_path / "data")
    return tmp_path / "data", split


@pytest.fixture(scope="session")
def demo_rio(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SplitList]:
    root = tmp_path_factory.mktemp("rio")
    return root, write_rio(root, seed=0, tiles=9)
