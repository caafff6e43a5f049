"""Python and the packages that rsbench requires, by the metadata of what is installed."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution, version

import rsbench
from rsbench.doctor.line import Line
from rsbench.doctor.requirements import Requirement, fits, read_requirement

_AGAIN = "Install rsbench again: pip install -e . in its checkout, or pip install rsbench."
_BY_PIP = "pip check compares it."


def check_python() -> Iterator[Line]:
    """Compares Python with what rsbench asks for, and the code that runs with what is installed."""
    try:
        found = distribution("rsbench")
    except PackageNotFoundError:
        yield Line("failed", "python", "rsbench", "it runs from a folder and is not installed", _AGAIN)
        return
    needed = str(found.metadata.json.get("requires_python", ""))
    running = platform.python_version()
    if fits(running, needed) is not False:
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
    for text in found.requires or ():
        needed = read_requirement(text)
        if needed is None:
            yield Line("info", "packages", text, "not compared: it is no list of versions", _BY_PIP)
        elif not needed.marker:
            yield _compared(needed)
        elif not re.search(r"\bextra\b", needed.marker):
            yield Line("info", "packages", needed.name, f"not compared: it depends on {needed.marker}", _BY_PIP)


def _compared(needed: Requirement) -> Line:
    wanted = f"{needed.name}{needed.versions}"
    try:
        installed = version(needed.name)
    except PackageNotFoundError:
        value = f"not installed, {wanted} is required"
        return Line("failed", "packages", needed.name, value, f"pip install '{wanted}'")
    fit = fits(installed, needed.versions)
    if fit is None:
        return Line("info", "packages", needed.name, f"{installed}, not compared with {wanted}", _BY_PIP)
    if fit:
        return Line("ok", "packages", needed.name, installed)
    return Line("failed", "packages", needed.name, f"{installed}, {wanted} is required", f"pip install '{wanted}'")
