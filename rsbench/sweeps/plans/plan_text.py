"""The plan of a sweep as text: a line for all cells that differ in their seed alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rsbench.opening import DEMO
from rsbench.records.characters import visible
from rsbench.sweeps.cell import Cell
from rsbench.sweeps.plans.costs import HOW
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
    if plan.left_out:
        lines.append(f"Left out: {_count(plan.left_out, 'folder')} of {plan.results}; rsbench doctor says why.")
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
        return "done" if state == "done" else "failed earlier"  # where records contradict each other, too
    if cell.key in plan.stopped:
        return "cannot run here"
    if state == "unknown":
        return "to do" if cell.key in plan.new else "not known yet"
    return "interrupted earlier" if state == "interrupted" else "to do"


def _states(plan: Plan, cells: Sequence[Cell]) -> str:
    found = [_state(plan, cell) for cell in cells]
    return ", ".join(f"{found.count(state):,} {state}" for state in _STATES if state in found)


def _row(plan: Plan, cells: Sequence[Cell]) -> str:
    several = "s" if len(cells) > 1 else ""
    text = f"seed{several} {seed_ranges(cell.seed for cell in cells)}: "
    text += _states(plan, cells) if several else _state(plan, cells[0])
    keys = {cell.key for cell in cells}
    lacking = {need.lacks: None for need in plan.needs if need.stops and keys.intersection(need.cells)}
    text += ": " * bool(lacking) + ", ".join(f"no {lacks}" for lacks in lacking)
    runs = [cell for cell in cells if cell.key in plan.todo and cell.key not in plan.stopped]
    return f"{text}; {_guessed(plan, runs)}" if runs else text


def _guessed(plan: Plan, cells: Sequence[Cell]) -> str:
    """What a cell of a row will cost: the costliest, as they differ in their seed alone."""
    guesses = [plan.guesses[cell.key] for cell in cells]
    timed = [guess for guess in guesses if guess is not None and guess.seconds is not None]
    if not timed:
        return "time unknown"
    worst = max(timed, key=lambda guess: guess.seconds or 0.0)
    each = " each" if len(guesses) > 1 else ""
    memory = f", {amount(worst.memory)} of memory" if worst.memory else ""
    other = ", other settings" if worst.other_settings and worst.how != "same" else ""
    source = f"({HOW[worst.how]}{other}, {worst.device})"
    return f"about {duration(worst.seconds or 0.0)}{each}{_making(plan, cells)}{memory} {source}"


def _making(plan: Plan, cells: Sequence[Cell]) -> str:
    """What the features of a row take to make; other rows may want the same."""
    keys = {cell.key for cell in cells}
    times = [time for one, time in plan.features if keys.intersection(one.cells)]
    if not times:
        return ""
    if None in times:
        return " and features of unknown time"
    return f" and {duration(sum(time or 0.0 for time in times))} for features"


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
    runs = [key for key in plan.todo if key not in plan.stopped]
    if not runs:
        yield "Nothing can run yet. Missing:" if plan.todo else "Nothing is left to run."
        return
    yield _time(plan, len(runs))
    yield _memory(plan) if plan.where == "here" else _memory_of_jobs(plan)
    yield from _disks(plan)


def _time(plan: Plan, runs: int) -> str:
    total = plan.total
    if total.no_seconds == runs:
        return "Time: unknown; nothing like this has been run yet."
    at_least = "at least " * bool(total.no_seconds or total.no_feature_seconds)
    note = _without(total.no_seconds, total.no_feature_seconds, "time")
    time = duration(total.seconds)
    if plan.where == "here":
        return f"Time: {at_least or 'about '}{time} in {_count(plan.slots or 1, 'process', 'es')}{note}."
    if plan.slots is None:
        return f"Time: {at_least or 'about '}{time} of work; when it is done depends on the queue{note}."
    return f"Time: {at_least or 'about '}{time} in {_count(plan.slots, 'job')} at once, after the queue{note}."


def _memory(plan: Plan) -> str:
    total = plan.total
    if total.memory is None:
        return "Memory: unknown."
    at_least = "at least " * bool(total.no_memory)
    at_hand = f", {amount(plan.memory)} at hand" if plan.memory is not None else ""
    short = "; this is too little" * (plan.memory is not None and plan.memory < total.memory)
    return f"Memory: {at_least}{amount(total.memory)} at worst{at_hand}{short}{_without(total.no_memory)}."


def _memory_of_jobs(plan: Plan) -> str:
    """The memory of a node for the largest job, and whether jobs ask for what they need."""
    needed: list[tuple[Cell, float]] = []
    for cell in plan.suite.cells:
        guess = plan.guesses.get(cell.key)
        if cell.key in plan.todo and cell.key not in plan.stopped and guess is not None and guess.memory:
            needed.append((cell, guess.memory * cell.resources.processes))
    if not needed:
        return "Memory: unknown."
    largest = max(size for _, size in needed)
    asked = [(cell.resources.memory, size) for cell, size in needed if cell.resources.memory is not None]
    little = sum(memory * (1 << 30) < size for memory, size in asked)
    note = "" if asked else "; resources.memory is not given, so the cluster decides"
    note += f"; {_count(little, 'cell')} asked for less" if little else ""
    at_least = "at least " * bool(plan.total.no_memory)
    return f"Memory: {at_least}{amount(int(largest))} on a node for a job{note}{_without(plan.total.no_memory)}."


def _disks(plan: Plan) -> Iterator[str]:
    """What is needed of each disk, and what is free there."""
    features, unknown = plan.feature_bytes
    runs = [(plan.total.disk, "runs and checkpoints")]
    cached = [(features, "features"), (sum(need.size or 0 for need in plan.needs), "downloads")]
    no_disk = plan.total.no_disk
    free = plan.free.get(str(plan.results)), plan.free.get(str(plan.cache))
    if plan.one_disk:
        yield _disk(f"{plan.results} and {plan.cache}", runs + cached, free[0], _without(no_disk, unknown, "size"))
    else:
        yield _disk(str(plan.results), runs, free[0], _without(no_disk))
        yield _disk(str(plan.cache), cached, free[1], _without(0, unknown, "size"))


def _disk(where: str, parts: Sequence[tuple[int, str]], free: int | None, note: str) -> str:
    text = " + ".join(f"{amount(size)} of {what}" for size, what in parts if size) or "need unknown"
    left = f", {amount(free)} free" if free is not None else ""
    short = "; this is too little" * (free is not None and free < sum(size for size, _ in parts))
    return f"Disk at {where}: {text}{left}{short}{note}."


def _without(cells: int, sets: int = 0, what: str = "") -> str:
    """What a sum leaves out: cells, and sets of features of which something is not known."""
    have = "has" if cells == 1 else "have"
    parts = [f"{_count(cells, 'cell')} that {have} no earlier run to go by"] if cells else []
    parts += [f"{_count(sets, 'set')} of features of unknown {what}"] if sets else []
    return f", without {' and '.join(parts)}" if parts else ""


def _open_questions(plan: Plan) -> Iterator[str]:
    """Which earlier records may count, and what a dataset lacks that is there."""
    reasons: dict[str, int] = {}
    perhaps = 0
    for key in sorted(plan.todo - plan.stopped):
        standing = plan.standings[key]
        if standing.state != "unknown":
            continue
        if standing.fault:
            reasons[standing.why] = reasons.get(standing.why, 0) + 1
        else:
            perhaps += key not in plan.new
    if perhaps:
        whose = "its" if perhaps == 1 else "their"
        there = f"there is a record; whether it counts is seen when {whose} weights are loaded"
        yield f"For {_count(perhaps, 'cell')} {there}."
    for why, count in reasons.items():
        yield f"{_count(count, 'cell')}: {why.rstrip('.')}."


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
