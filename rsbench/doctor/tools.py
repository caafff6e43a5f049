"""Programs and packages that are not required, and what each is good for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from rsbench.doctor.line import Line

# name, what it is for, how it is had
PACKAGES = (
    ("detectron2", "runs with --engine detectron2", "docs/detectron2.md says how to install it."),
    ("submitit", "jobs of SLURM", "pip install 'rsbench[slurm]'"),
)
# name, programs of which one is enough, what they are for, how one is had
PROGRAMS = (
    (
        "browser",
        ("chromium", "chromium-browser", "google-chrome"),
        "tests of the leaderboard's page",
        "Install chromium.",
    ),
    ("TeX", ("pdflatex", "lualatex", "tectonic"), "tests of LaTeX tables", "Install TeX Live, or tectonic."),
)


def check_tools() -> Iterator[Line]:
    """Tells which optional packages and programs are there; nothing is imported or started."""
    for name, purpose, remedy in PACKAGES:
        if find_spec(name) is None:
            yield Line("info", "tools", name, f"not installed; for {purpose}", remedy)
            continue
        try:
            yield Line("ok", "tools", name, version(name))
        except PackageNotFoundError:  # a folder on the path
            yield Line("ok", "tools", name, "there, of unknown version")
    for name, programs, purpose, remedy in PROGRAMS:
        found = next((path for program in programs if (path := shutil.which(program))), None)
        if found:
            yield Line("ok", "tools", name, found)
        else:
            yield Line("info", "tools", name, f"not installed; for {purpose}", remedy)
