"""What several commands share: options, settings given as key=value, the registry with the user's plugins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rsbench.errors import UserError, near_miss
from rsbench.plugins import Registry, load


@dataclass
class ProcessSettings:
    """Settings that hold for the whole process."""

    debug: bool = False


settings_of_process = ProcessSettings()

Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file with methods or tasks; may be repeated."),
]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change one setting; may be repeated."),
]


def registry(plugins: list[Path] | None) -> Registry:
    """Loads all plugins, those of the user too; says so when a file that the user named is broken."""
    found = load(plugins or ())
    for broken in found.broken:
        if Path(broken.origin).is_file():
            typer.echo(f"Warning: the plugin {broken.origin} is broken: {broken.reason}", err=True)
    return found


def folder_to_write(path: Path, option: str) -> Path:
    """Returns ``path`` if a folder is there or can be made there; UserError before anything is computed if not."""
    there = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise UserError(f"{option} {path} cannot be a folder: {there} is a file.", "Choose another one.")
    if not os.access(there, os.W_OK):
        raise UserError(f"{option} {path} cannot be written: {there} is read-only.", "Choose another folder.")
    return path


def results_folder(path: Path) -> Path:
    """Returns the folder of runs that the user named; UserError if there is none."""
    if path.is_dir():
        return path
    if path.exists():
        raise UserError(f"--results {path} is a file, not a folder.", "Give the folder that holds the runs.")
    raise UserError(f"The results folder {path} does not exist.", "Check --results, or run something first.")


def check_text_output(form: str, formats: Sequence[str], output: Path | None, what: str) -> None:
    """Checks ``--format`` and ``--output`` before anything is computed.

    Args:
        form: the user's.
        formats: that there are.
        output: file to write, or None for standard output.
        what: the text is, as the start of a sentence: ``The table``.

    Raises:
        UserError: there is no such format, or the file cannot be written.
    """
    if form not in formats:
        raise UserError(f"There is no format {form!r}.", near_miss(form, formats))
    check_output(output, what)


def check_output(output: Path | None, what: str) -> None:
    """Checks ``--output`` before anything is computed; UserError if the file cannot be written."""
    if output is None:
        return
    if output.is_dir():
        raise _not_written(what, output, "it is a folder")
    if not output.parent.is_dir():
        raise _not_written(what, output, f"there is no folder {output.parent}")
    if not os.access(output if output.exists() else output.parent, os.W_OK):
        raise _not_written(what, output, "it is read-only")


def print_or_write(text: str, output: Path | None, what: str) -> None:
    """Prints a text, or writes it to the user's file; ``what`` it is begins the message if it cannot be written."""
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise _not_written(what, output, error.strerror or str(error)) from None
    typer.echo(f"wrote {output}", err=True)


def _not_written(what: str, output: Path, reason: str) -> UserError:
    return UserError(f"{what} cannot be written to {output}: {reason}.", "Check --output.")


def parse_changes(changes: list[str] | None) -> dict[str, str]:
    """Reads ``--set key=value`` options.

    >>> parse_changes(["lr=0.1", "epochs=3"])
    {'lr': '0.1', 'epochs': '3'}

    Raises:
        UserError: there is no ``=``, or a key is given twice.
    """
    result: dict[str, str] = {}
    for change in changes or ():
        key, equals, value = (part.strip() for part in change.partition("="))
        if not equals or not key:
            raise UserError(f"--set {change} is not KEY=VALUE.", "Write it like --set epochs=10.")
        if key in result:
            raise UserError(f"--set {key} is given twice.", "Give it once.")
        result[key] = value
    return result
