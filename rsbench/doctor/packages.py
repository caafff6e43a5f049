"""Python and the packages that rsbench requires, by the metadata of what is installed."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version

import rsbench
from rsbench.doctor.line import Line

_AGAIN = "Install rsbench again: pip install -e . in its checkout, or pip install rsbench."


def check_python() -> Iterator[Line]:
    """Compares Python with what rsbench asks for, and the code that runs with what is installed."""
    try:
        found = distribution("rsbench")
    except PackageNotFoundError:
        yield Line("failed", "python", "rsbench", "it runs from a folder and is not installed", _AGAIN)
        return
    needed = str(found.metadata.json.get("requires_python", ""))
    running = platform.python_version()
    if _fits(running, needed):
        yield Line("ok", "python", "Python", f"{running} at {sys.executable}")
    else:
        remedy = f"Make an environment with Python {needed}, and install rsbench there."
        yield Line("failed", "python", "Python", f"{running}, rsbench needs {needed}", remedy)
    if found.version == rsbench.__version__:
        yield Line("ok", "python", "rsbench", found.version)
    else:
        value = f"{rsbench.__version__} runs, {found.version} is installed"
        yield Line("warning", "python", "rsbench", value, _AGAIN)


def check_packages() -> Iterator[Line]:
    """Compares each package that rsbench requires, extras left out, with the version that is installed."""
    try:
        found: Distribution = distribution("rsbench")
    except PackageNotFoundError:  # told with Python
        return
    from packaging.requirements import Requirement

    for text in found.requires or ():
        needed = Requirement(text)
        if needed.marker is None or needed.marker.evaluate({"extra": ""}):
            yield _compared(needed.name, str(needed.specifier))


def _compared(name: str, versions: str) -> Line:
    try:
        installed = version(name)
    except PackageNotFoundError:
        value = f"not installed, {name}{versions} is required"
        return Line("failed", "packages", name, value, f"pip install '{name}{versions}'")
    if _fits(installed, versions):
        return Line("ok", "packages", name, installed)
    value = f"{installed}, {name}{versions} is required"
    return Line("failed", "packages", name, value, f"pip install '{name}{versions}'")


def _fits(installed: str, versions: str) -> bool:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(versions).contains(installed, prereleases=True)
