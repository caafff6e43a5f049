"""``rsbench sweep``: many methods on many tasks, resumed after whatever stops them."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench.cli.common import Changes, Plugins, folder_to_write, parse_changes, registry
from rsbench.errors import UserError, near_miss

if TYPE_CHECKING:
    from rsbench.sweeps.cell import Cell
    from rsbench.sweeps.engines import Engine
    from rsbench.sweeps.job import Surroundings
    from rsbench.sweeps.standing import Standing
    from rsbench.sweeps.suites.suite import Suite

ENGINES = ("local", "slurm", "submitit")


def sweep(
    suite: Annotated[
        str | None, typer.Argument(metavar="[SUITE]", help="Name of a shipped suite, or a YAML file.")
    ] = None,
    methods: Annotated[str, typer.Option(help="In place of SUITE: METHOD or METHOD/VARIANT, commas between.")] = "",
    tasks: Annotated[str, typer.Option(help="In place of SUITE: tasks, commas between.")] = "",
    seeds: Annotated[str, typer.Option(help="Seeds: 0, 0-4 or 0,2,7. [default: 0, or the suite's]")] = "",
    protocol: Annotated[str, typer.Option(help="Protocols, commas between; the first of each task by default.")] = "",
    changes: Changes = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="DIR|demo", help="Folder with a folder for each task, that of one dataset, or demo."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of the tasks; the first of each by default.")] = "",
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights of yours for a single method.")
    ] = None,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of all runs.")] = Path("results/runs"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan, and run nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: print the plan as one JSON object.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run cells again that failed earlier.")] = False,
    jobs: Annotated[
        int, typer.Option(min=0, help="Processes at once. 0: one per GPU; without GPUs one per core, at most 8.")
    ] = 0,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads of each process; by default OMP_NUM_THREADS, else the cores shared among the processes.",
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local, slurm, or submitit: the way of a cluster, tried on this machine.")
    ] = ENGINES[0],
    array_parallelism: Annotated[
        int | None, typer.Option(min=1, help="With slurm: tasks of an array at the same time.")
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32 or bf16.")] = "",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "",
    batch_size: Annotated[int | None, typer.Option(min=1, help="As for rsbench run.")] = None,
    processes: Annotated[int, typer.Option(min=1, help="Processes that share each cell, as under torchrun.")] = 1,
    download: Annotated[bool, typer.Option("--download", help="Fetch datasets that are not there.")] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Accept the terms of all weights, once and for later.")
    ] = False,
    plugin: Plugins = None,
) -> None:
    """Run every method on every task with every seed; skip what has a record."""
    began = datetime.now(UTC).isoformat(timespec="milliseconds")
    if engine not in ENGINES:
        raise UserError(f"There is no engine {engine!r}.", near_miss(engine, ENGINES))
    if as_json and not dry_run:
        raise UserError("--json needs --dry-run.", "Add it; rsbench status --json tells how a sweep stands.")
    if threads is not None and engine != "local":
        raise UserError("--threads is for this machine alone.", "On a cluster, resources of a suite say it: cpus.")
    if array_parallelism is not None and engine != "slurm":
        raise UserError(
            "--array-parallelism is for --engine slurm.", "--jobs says how many processes run at once here."
        )
    if jobs and engine == "slurm":
        raise UserError(
            "--jobs does not go with --engine slurm.", "--array-parallelism says how many jobs run at once."
        )
    from rsbench.environment import cores
    from rsbench.records import Store
    from rsbench.sweeps.engines.local import check_fits, gpus_for
    from rsbench.sweeps.engines.machine import wished_threads
    from rsbench.sweeps.job import Surroundings
    from rsbench.sweeps.planning import standings
    from rsbench.sweeps.suites.suite import from_options, load_suite, shipped_suites

    found = registry(plugin)
    shared: dict[str, Any] = {"data": data, "precision": precision, "device": device, "batch_size": batch_size}
    own: dict[str, Any] = {
        "--methods": methods,
        "--tasks": tasks,
        "--protocol": protocol,
        "--set": changes,
        "--split": split,
    }
    own |= {"--checkpoint": checkpoint, "--processes": processes > 1}
    if suite is not None:
        if both := [option for option, value in own.items() if value]:
            do, it = ("do", "them") if len(both) > 1 else ("does", "it")
            own_words = f"{' and '.join(both)} {do} not go with a suite: {suite} names its own"
            raise UserError(f"{own_words}.", f"Leave {it} out.")
        wanted = load_suite(suite, found, seeds=seeds, **shared)
    elif not methods or not tasks:
        known = ", ".join(shipped_suites())
        if methods or tasks:
            raise UserError(
                f"{'--tasks' if methods else '--methods'} is missing.", "Give it, or a suite in place of both."
            )
        raise UserError("A sweep wants a suite, or --methods and --tasks.", f"Shipped suites: {known}.")
    else:
        wanted = from_options(
            methods,
            tasks,
            found,
            seeds=seeds or "0",
            protocol=protocol,
            split=split,
            changes=parse_changes(changes),
            checkpoint=checkpoint,
            resources={"processes": processes} if processes > 1 else {},
            **shared,
        )
    place = (_folder_to_read(results) if dry_run else folder_to_write(results, "--results")).absolute()
    store = Store(place)
    stand = standings(wanted.cells, found, store, here=engine != "slurm")
    left = [cell for cell in wanted.cells if stand[cell.key].state != "done"]
    gpus = gpus_for(left) if engine != "slurm" else []
    slots = (
        jobs or len(gpus) or min(8, max(1, (cores() or 1) // (threads or wished_threads() or 1)))
        if engine != "slurm"
        else sum(cell.resources.world for cell in wanted.cells)
    )
    if engine == "local":
        check_fits(left, slots, gpus)
    options: dict[str, Any] = {"retry_failed": retry_failed, "download": download, "accept_licence": accept_licence}
    if dry_run:
        from rsbench.sweeps.plans.plan import make_plan
        from rsbench.sweeps.plans.plan_text import plan_text

        at_once = {"where": "cluster", "slots": array_parallelism} if engine == "slurm" else {"slots": slots}
        plan = make_plan(wanted, stand, store, **at_once, **options)
        typer.echo(json.dumps(plan.facts(), indent=1) if as_json else plan_text(plan))
        return
    around = Surroundings(results=str(place), plugins=tuple(str(file.absolute()) for file in plugin or ()), **options)
    code = _run(wanted, stand, around, engine, slots, threads, gpus, array_parallelism, began)
    if code:
        raise typer.Exit(code)


def _run(
    suite: Suite,
    stand: Mapping[str, Standing],
    around: Surroundings,
    name: str,
    slots: int,
    threads: int | None,
    gpus: Sequence[str],
    array_parallelism: int | None,
    began: str,
) -> int:
    """Runs what is left of a suite, shows how it goes, and returns the exit code."""
    from rsbench.cli.sweep_progress import SweepDisplay
    from rsbench.cli.sweep_text import closing_summary
    from rsbench.sweeps.folder import SweepFolder
    from rsbench.sweeps.scheduler import Scheduler
    from rsbench.sweeps.state import SweepState

    seconds = _lengths(suite, stand, around)
    where = {"local": "this machine", "slurm": "SLURM", "submitit": "submitit on this machine"}[name]
    about = {"title": suite.title, "argv": _argv(), "started": began, "engine": where, "slots": slots}
    folder = SweepFolder.create(Path(around.results), suite.cells, **about)
    try:
        engine = _engine(name, folder.path, slots, threads, gpus, array_parallelism)
    except UserError:
        shutil.rmtree(folder.path)  # nothing was begun
        raise
    state = SweepState(folder)
    code = 0

    def together(cell: Cell) -> bool:
        chosen = suite.chosen[cell.spec]
        return chosen.task.kind == "classification" and chosen.protocol.solver != "finetune"

    try:
        with folder.hold(), SweepDisplay() as display:

            def look() -> None:
                state.refresh()
                display.update(state)

            _interrupt_on("SIGTERM", "SIGHUP")  # what ends a job on a cluster, or its terminal, ends it in order
            try:
                Scheduler(folder, engine, around, together, seconds.get, look, display.note).run(stand)
            except KeyboardInterrupt:
                code = 130
            look()
    except KeyboardInterrupt:  # a second time, while what ran was stopping: it is ended at once
        code = 130
    finally:
        _ignore("SIGINT", "SIGTERM", "SIGHUP")  # what is left takes a moment
        engine.close()
    state.refresh()
    if code:
        state.interrupt()
        state.refresh()
    typer.echo(closing_summary(state))
    return code or int(len(state.of("done", "reused")) < len(suite.cells))


def _folder_to_read(results: Path) -> Path:
    there = next(place for place in (results.absolute(), *results.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"--results {results} cannot be a folder: {there} is a file.", "Choose another one.")
    return results


def _argv() -> list[str]:
    """The command, without the options that stand before its name."""
    given = sys.argv[1:]
    return ["rsbench", *given[given.index("sweep") :]] if "sweep" in given else []


def _lengths(suite: Suite, stand: Mapping[str, Standing], around: Surroundings) -> dict[str, float]:
    """What cells will take, by key, as far as earlier records tell; they are read only if there is something to do."""
    if all(standing.state == "done" for standing in stand.values()):
        return {}
    from rsbench.records import Store
    from rsbench.sweeps.plans.costs import Costs
    from rsbench.sweeps.plans.plan import features_to_make

    costs = Costs(Store(around.results), {cell.spec.task for cell in suite.cells})
    return costs.lengths(suite.cells, suite.chosen, features_to_make(suite.cells, suite.chosen))


def _interrupt_on(*names: str) -> None:
    """Lets signals do what Ctrl-C does, but those that the user has ignored, as nohup does."""
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _ignore(*names: str) -> None:
    for name in names:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _engine(
    name: str, folder: Path, slots: int, threads: int | None, gpus: Sequence[str], array_parallelism: int | None
) -> Engine:
    if name == "local":
        from rsbench.sweeps.engines.local import LocalEngine

        return LocalEngine(slots, threads, gpus[:slots])
    from rsbench.sweeps.engines.cluster.slurm import SubmititEngine

    return SubmititEngine(folder, "slurm" if name == "slurm" else "local", slots, array_parallelism)
