"""What scheduling costs, how soon a finished sweep is known to be finished, and what two cores gain.

    python benchmarks/sweep.py overhead [--cells 60] [--rounds 3]
    python benchmarks/sweep.py finished [--cells 1000] [--rounds 5]
    python benchmarks/sweep.py demo [--jobs 2]

``overhead``: cells of a cached probe, each a job of its own, in one process of a sweep that is warm; beside it a plain
loop in one warm process that does the same for each: opens the dataset, loads the weights, evaluates, writes a record.
Scheduling is what passes between the end of a cell and the beginning of the next. What a cell takes longer beyond that
is the price of a process of its own, whose pages are copied as they are touched.

``finished``: the whole command, from its start to its end, on a sweep of which every cell has a record. The records are
copies of one real run under other seeds.

``demo``: the suite ``demo``; beside it each of its cells by `rsbench run`, in a fresh process, one after another.
Scenes are drawn before, and both sides begin without features and records.
"""

import argparse
import itertools
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from os import environ
from pathlib import Path

from common import compare, report

from rsbench.evaluation import run
from rsbench.opening import open_data
from rsbench.plugins import load
from rsbench.records import Store, run_id
from rsbench.spec import choose
from rsbench.sweeps.commands import command_of
from rsbench.sweeps.engines.local import LocalEngine
from rsbench.sweeps.engines.machine import thread_variables
from rsbench.sweeps.events import Reader
from rsbench.sweeps.folder import SweepFolder
from rsbench.sweeps.foresight import Foreseen, remember
from rsbench.sweeps.job import Surroundings
from rsbench.sweeps.planning import standings
from rsbench.sweeps.scheduler import Scheduler
from rsbench.sweeps.suites.suite import Suite, from_options, load_suite

RSBENCH = [sys.executable, "-m", "rsbench"]


def sweep(suite: Suite, engine: LocalEngine, results: Path) -> float:
    """Runs a suite; returns the seconds from the plan to the end of the last cell."""
    results.mkdir(parents=True)
    start = time.perf_counter()
    stand = standings(suite.cells, load(), Store(results))
    about = {"title": "benchmark", "engine": engine.name, "slots": engine.slots}
    folder = SweepFolder.create(results, suite.cells, **about)
    scheduler = Scheduler(folder, engine, Surroundings(results=str(results)))
    with folder.hold():
        scheduler.run(stand)
    assert set(scheduler.states.values()) == {"done"}, scheduler.states
    return time.perf_counter() - start


def loop(suite: Suite, results: Path) -> float:
    """Does the same cells one after another in this process; returns the seconds."""
    results.mkdir(parents=True)
    store, registry = Store(results), load()
    start = time.perf_counter()
    for cell in suite.cells:
        chosen = choose(cell.spec, registry)
        dataset, split, kind = open_data(chosen.task, cell.spec.data, cell.spec.split, False)
        [(record, _)] = run(chosen.request(dataset, split, kind, "cpu"), [cell.seed], store, {}, "")
        assert record.status == "done"
    return time.perf_counter() - start


def overhead(cells: int, rounds: int, folder: Path) -> None:
    """Prints what a cell takes longer in a sweep."""
    suites = [
        from_options("ctxmim", "eurosat", load(), protocol="knn", data="demo", changes={"k": str(k)})
        for k in range(1, cells + 1)
    ]
    cells_of_all = tuple(cell for one in suites for cell in one.cells)
    suite = Suite(name="overhead", title="overhead", cells=cells_of_all)
    engine = LocalEngine(1, threads=1)
    try:
        loop(suites[0], folder / "warm")
        sweep(suites[0], engine, folder / "warm too")
        count = iter(range(10_000))
        seconds = compare(
            {
                "sweep": lambda: sweep(suite, engine, folder / f"sweep{next(count)}"),
                "loop": lambda: loop(suite, folder / f"loop{next(count)}"),
            },
            rounds,
        )
    finally:
        engine.close()
    report(seconds, "loop")
    costs = [(one - other) / cells for one, other in zip(seconds["sweep"], seconds["loop"], strict=True)]
    pauses = [pause for file in folder.glob("sweep*/.sweeps/*") for pause in between(file)]
    print(f"between two cells: median {1000 * statistics.median(pauses):.1f} ms, worst {1000 * max(pauses):.1f} ms")
    print(f"a cell takes {1000 * statistics.median(costs):.1f} ms longer in all ({cells} cells, {rounds} rounds)")


def between(folder: Path) -> list[float]:
    """Returns the seconds between the end of each cell and the beginning of the next, as the workers wrote them."""
    files = sorted((folder / "jobs").glob("*.jsonl"), key=lambda file: int(file.stem))
    events = [event for file in files for event in Reader(file).new()]
    times = sorted((datetime.fromisoformat(event.time).timestamp(), event.state) for event in events)
    pairs = itertools.pairwise(times)
    return [after - before for (before, state), (after, _) in pairs if state == "done"]


def finished(cells: int, rounds: int, folder: Path) -> None:
    """Prints the seconds of the command on a finished sweep."""
    suite = from_options("random/nano", "eurosat", load(), seeds=f"0-{cells - 1}", protocol="swept", data="demo")
    store = Store(folder / "runs")
    chosen = suite.chosen[suite.cells[0].spec]
    dataset, split, kind = open_data(chosen.task, "demo", "", False)
    request = chosen.request(dataset, split, kind, "cpu")
    [(first, _)] = run(request, [0], store, {}, command_of(chosen, [0], Surroundings(results="")))
    told = request.identity(0, {}, {})
    extra = {key: value for key, value in first.identity.items() if key not in told}
    predictions = store.predictions(first.id)
    for cell in suite.cells:
        digest = run_id({"seed": cell.seed, "first": first.id})  # other seeds draw other weights
        found = Foreseen(digest, first.identity["kwargs"], extra)
        remember(request, cell.seed, 1, found)
        identity = found.identity(request, cell.seed)
        content = first.model_dump() | {"id": run_id(identity), "identity": identity, "seed": cell.seed}
        store.write(type(first).model_validate(content), predictions)
    command = [*RSBENCH, "sweep", "--methods", "random/nano", "--tasks", "eurosat", "--seeds", f"0-{cells - 1}",
               "--protocol", "swept", "--data", "demo", "--results", str(folder / "runs")]  # fmt: skip
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds.append(time.perf_counter() - start)
        assert f"{cells:,} reused" in done.stdout, done.stdout
    print(f"{cells} finished cells: median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")


def demo(jobs: int, folder: Path) -> None:
    """Prints the seconds of the suite demo by a sweep and cell by cell."""
    suite = load_suite("demo", load())
    for name in dict.fromkeys(cell.spec.task for cell in suite.cells):
        open_data(suite.chosen[next(c.spec for c in suite.cells if c.spec.task == name)].task, "demo", "", False)

    def swept() -> None:
        shutil.rmtree(Path(environ["RSBENCH_CACHE"]) / "features", ignore_errors=True)
        subprocess.run([*RSBENCH, "sweep", "demo", "--jobs", str(jobs), "--results", str(folder / "sweep")], check=True)

    def one_by_one() -> None:
        shutil.rmtree(Path(environ["RSBENCH_CACHE"]) / "features", ignore_errors=True)
        around = Surroundings(results=str(folder / "single"))
        for cell in suite.cells:
            arguments = command_of(suite.chosen[cell.spec], [cell.seed], around).split()[1:]
            single = {**environ, **thread_variables(1)}
            subprocess.run([*RSBENCH, *arguments], env=single, check=True, stdout=subprocess.DEVNULL)

    seconds = compare({"sweep": swept, "one by one": one_by_one}, 1)
    report(seconds, "one by one")
    print(f"sweep / one by one = {seconds['sweep'][0] / seconds['one by one'][0]:.2f} with {jobs} processes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("overhead", "finished", "demo"))
    parser.add_argument("--cells", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        environ["RSBENCH_CACHE"] = f"{folder}/cache"
        if given.what == "overhead":
            overhead(given.cells or 60, given.rounds or 3, Path(folder))
        elif given.what == "finished":
            finished(given.cells or 1000, given.rounds or 5, Path(folder))
        else:
            demo(given.jobs, Path(folder))


if __name__ == "__main__":
    main()
