"""Sweeps of the tiny plugin, with one engine for all tests of a module: it takes seconds to start."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rsbench.plugins import Registry, load
from rsbench.records import Store
from rsbench.sweeps.engines.local import LocalEngine
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.job import Surroundings
from rsbench.sweeps.planning import standings
from rsbench.sweeps.scheduler import Scheduler
from rsbench.sweeps.state import SweepState
from rsbench.sweeps.suites.suite import from_options

PLUGIN = Path(__file__).parent.parent / "tiny_sweep.py"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache that the workers of the module share; what they import lies beside the plugin."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RSBENCH_CACHE", str(cache))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(PLUGIN.parent), os.environ.get("PYTHONPATH", "")]))
        yield cache


@pytest.fixture(scope="module")
def engine(environment: Path) -> Iterator[LocalEngine]:
    """Two processes of one thread each."""
    engine = LocalEngine(2, threads=1)
    yield engine
    engine.close()


@pytest.fixture(autouse=True)
def same_cache(environment: Path, own_folders: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process looks where the workers look."""
    monkeypatch.setenv("RSBENCH_CACHE", str(environment))


@pytest.fixture
def registry() -> Registry:
    """With the tiny plugin."""
    return load([PLUGIN])


@pytest.fixture
def sweep(engine: LocalEngine, registry: Registry, tmp_path: Path) -> Callable[..., SweepState]:
    """Runs a sweep in ``tmp_path / "runs"``: sweep("means/well", "tiny-scenes", seeds="0-1"); returns its state."""

    def run(
        methods: str = "means/well",
        tasks: str = "tiny-scenes",
        seeds: str = "0",
        protocol: str = "",
        retry_failed: bool = False,
        results: Path = tmp_path / "runs",
        use: LocalEngine = engine,
        look: Callable[[Scheduler], object] = lambda scheduler: None,
        **others: object,
    ) -> SweepState:
        suite = from_options(methods, tasks, registry, seeds=seeds, protocol=protocol, data="demo", **others)
        results.mkdir(exist_ok=True, parents=True)
        about = {"title": "a test", "argv": ["rsbench", "sweep"], "engine": use.name, "slots": use.slots}
        folder = SweepFolder.create(results, suite.cells, **about)
        around = Surroundings(results=str(results), plugins=(str(PLUGIN),), retry_failed=retry_failed)

        def together(cell):
            return suite.chosen[cell.spec].task.kind == "classification"

        scheduler = Scheduler(folder, use, around, together, look=lambda: look(scheduler))
        with folder.hold():
            scheduler.run(standings(suite.cells, registry, Store(results)))
        state = SweepState(folder)
        state.refresh()
        return state

    return run
