"""The plan of a sweep as text: a line for all cells that differ in their seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rsbench.opening import DEMO
from rsbench.records.characters import visible
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.plans.costs import HOW, Guess
from rsbench.sweeps.plans.plan import Plan
from rsbench.sweeps.plans.words import amount, duration, seed_ranges

_STATES = ("done", "failed earlier", "interrupted earlier", "to do", "not known yet", "cannot run here")


def plan_text(plan: Plan) -> str:
    """Returns the plan for people to read; see ``Plan.facts`` for programs."""
    lines = [f"{plan.suite.title}: {_count(len(plan.suite.cells), 'cell')}, {_states(plan, plan.suite.cells)}."]
    columns: dict[str, dict[str, list[Cell]]] = {}
    for cell in plan.suite.cells:
        columns.setdefault(_column(cell), {}).setdefault(cell.spec.method, []).append(cell)
    for title, rows in columns.items():
        lines += ["", title]
        width = max(map(len, rows))
        for method, cells in rows.items():
            lines.append(f"  {method:<{width}}  {_row(plan, cells)}")
            lines += [f"      {reason}" for reason in _reasons(plan, cells)]
    lines += ["", *_cost(plan), *_open_questions(plan)]
    missing = list(_missing(plan))
    some = any(key not in plan.stopped for key in plan.todo)
    lines += [*(["", "What is missing:"] if some else []), *missing] if missing else []
    return "\n".join(visible(line) for line in lines) + "\n"


def _column(cell: Cell) -> str:
    spec, resources = cell.spec, cell.resources
    parts = [f"{spec.task}, protocol {spec.protocol}"]
    parts += [f"{key}={text}" for key, text in spec.changes.items()]
    parts += ["demo scenes"] if spec.data == DEMO else [f"data {spec.data}"] if spec.data else []
    parts += [f"split {spec.split}"] if spec.split else []
    parts += [spec.precision] if spec.precision != "fp32" else []
    parts += [f"on {spec.device}"] if spec.device != "auto" else []
    parts += [f"checkpoint {spec.checkpoint}"] if spec.checkpoint else []
    parts += [f"{resources.world} processes"] if resources.world > 1 else []
    return ", ".join(parts)


def _state(plan: Plan, cell: Cell) -> str:
    state = plan.standings[cell.key].state
    if cell.key not in plan.todo:
        return "done" if state == "done" else "failed earlier"
    if cell.key in plan.stopped:
        return "cannot run here"
    if state == "unknown":
        return "to do" if cell.key in plan.new else "not known yet"
    return "interrupted earlier" if state == "interrupted" else "to do"


def _states(plan: Plan, cells: Sequence[Cell]) -> str:
    found = [_state(plan, cell) for cell in cells]
    return ", ".join(f"{found.count(state)} {state}" for state in _STATES if state in found)


def _row(plan: Plan, cells: Sequence[Cell]) -> str:
    several = "s" if len(cells) > 1 else ""
    text = f"seed{several} {seed_ranges(cell.seed for cell in cells)}: "
    text += _states(plan, cells) if several else _state(plan, cells[0])
    runs = [cell for cell in cells if cell.key in plan.todo and cell.key not in plan.stopped]
    return f"{text}; {_guessed([plan.guesses[cell.key] for cell in runs])}" if runs else text


def _guessed(guesses: Sequence[Guess | None]) -> str:
    """What a cell of a row will cost: the costliest, as they differ in their seed alone."""
    timed = [guess for guess in guesses if guess is not None and guess.seconds is not None]
    if not timed:
        return "time unknown"
    worst = max(timed, key=lambda guess: guess.seconds or 0.0)
    each = " each" if len(guesses) > 1 else ""
    memory = f", {amount(worst.memory)} of memory" if worst.memory else ""
    other = ", other settings" if worst.other_settings and worst.how != "same" else ""
    return f"about {duration(worst.seconds or 0.0)}{each}{memory} ({HOW[worst.how]}{other}, {worst.device})"


def _reasons(plan: Plan, cells: Sequence[Cell]) -> Iterator[str]:
    """Why earlier records do not count, or what failed: one of each state, and how many more there are."""
    by_state: dict[str, list[tuple[Cell, str]]] = {}
    for cell in cells:
        standing = plan.standings[cell.key]
        if standing.why and standing.state != "unknown":  # those that are not known have one of the reasons at the end
            by_state.setdefault(standing.state, []).append((cell, standing.why))
    for found in by_state.values():
        cell, why = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        yield f"seed {cell.seed}{more}: {why}"


def _cost(plan: Plan) -> Iterator[str]:
    total, runs = plan.total, [key for key in plan.todo if key not in plan.stopped]
    if not runs:
        yield "Nothing can be run as long as this is missing:" if plan.todo else "Nothing is left to run."
        return
    known = len(runs) - total.no_seconds
    time = f"about {duration(total.seconds)}" if known else "unknown"
    yield f"Time: {time} in {_count(plan.slots, 'process', 'es')}{_without(total.no_seconds if known else 0)}."
    if total.memory is None:
        yield "Memory: unknown."
    else:
        at_hand = f", {amount(plan.memory)} at hand" if plan.memory is not None else ""
        short = "; this is too little" * (plan.memory is not None and plan.memory < total.memory)
        yield f"Memory: {amount(total.memory)} at worst{at_hand}{short}{_without(total.no_memory)}."
    yield from _disks(plan)


def _disks(plan: Plan) -> Iterator[str]:
    """What is needed of each disk, and what is free there."""
    features, unknown = plan.features
    runs = [(plan.total.disk, "runs and checkpoints")]
    cached = [(features, "features"), (sum(need.size or 0 for need in plan.needs), "downloads")]
    no_runs = _without(plan.total.no_disk)
    no_features = f", not counting {_count(unknown, 'set')} of features of unknown size" if unknown else ""
    free = plan.free.get(str(plan.results)), plan.free.get(str(plan.cache))
    if plan.one_disk:
        yield _disk(f"{plan.results} and {plan.cache}", runs + cached, free[0], no_runs + no_features)
    else:
        yield _disk(str(plan.results), runs, free[0], no_runs)
        yield _disk(str(plan.cache), cached, free[1], no_features)


def _disk(where: str, parts: Sequence[tuple[int, str]], free: int | None, note: str) -> str:
    text = " + ".join(f"{amount(size)} of {what}" for size, what in parts if size) or "nothing that is known"
    left = f", {amount(free)} free" if free is not None else ""
    short = "; this is too little" * (free is not None and free < sum(size for size, _ in parts))
    return f"Disk at {where}: {text}{left}{short}{note}."


def _without(count: int) -> str:
    return f", not counting {_count(count, 'cell')} like which nothing was run yet" if count else ""


def _open_questions(plan: Plan) -> Iterator[str]:
    """Why it is not known yet how cells stand; among it is what a dataset lacks that is there."""
    reasons: dict[str, int] = {}
    for key in sorted(plan.todo - plan.stopped):
        standing = plan.standings[key]
        if standing.state == "unknown" and standing.why:
            reasons[standing.why] = reasons.get(standing.why, 0) + 1
    for why, count in reasons.items():
        yield f"Whether {_count(count, 'cell')} can be reused is seen when they run: {why.rstrip('.')}."


def _missing(plan: Plan) -> Iterator[str]:
    """Yields what is missing, downloads of weights as one line."""
    fetched = [need for need in plan.needs if need.fetched]
    for need in plan.needs:
        if not need.fetched:
            stop = f" ({_count(len(need.cells), 'cell')} cannot run)" if need.stops else ""
            yield f"  {need.what.rstrip('.')}{stop}. {need.remedy}".rstrip()
    if fetched:
        sizes = [need.size for need in fetched if need.size]
        parts = [f"{_count(len(sizes), 'file')} of {amount(sum(sizes))}"] if sizes else []
        parts += [f"{_count(len(fetched) - len(sizes), 'file')} of unknown size"] if len(sizes) < len(fetched) else []
        yield f"  Weights that are downloaded when they are first used: {', '.join(parts)}."


def _count(number: int, what: str, plural: str = "s") -> str:
    return f"{number:,} {what}{'' if number == 1 else plural}"
