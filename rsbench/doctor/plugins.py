"""Plugins: what they offer, and which are broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rsbench.doctor.line import Line
from rsbench.plugins import Registry


def check_plugins(found: Registry) -> Iterator[Line]:
    """Counts methods and tasks by the plugin that they come from, and names the broken plugins."""
    methods, tasks = found.methods.items, found.tasks.items
    broken = {item.origin for item in found.broken}
    status, remedy = ("ok", "") if methods and tasks else ("failed", "Install rsbench again: pip install -e .")
    value = f"{len(methods)} methods, {len(tasks)} tasks"
    yield Line(status, "plugins", "registered", value, remedy)  # type: ignore[arg-type]
    own = [*found.methods.origins.values(), *found.tasks.origins.values()]
    for origin in sorted({origin for origin in own if not _shipped(origin)} - broken):
        yield Line("ok", "plugins", origin, f"{own.count(origin)} methods and tasks")
    for item in found.broken:
        if _shipped(item.origin):
            remedy = "Install rsbench and its packages again: pip install -e ."
        elif Path(item.origin).is_file():
            remedy = "Correct it, or leave it out of --plugin and RSBENCH_PLUGINS."
        else:
            remedy = "Correct it, or uninstall the package that brings it."
        yield Line("failed", "plugins", item.origin, f"broken: {item.reason}", remedy)


def _shipped(origin: str) -> bool:
    return f"{origin}.".startswith(("rsbench.methods.", "rsbench.tasks."))
