"""The command line. It parses, calls and prints; what it calls is imported when it is called."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import Annotated, Any

import typer

from rsbench.cli.audit import audit
from rsbench.cli.cache import cache
from rsbench.cli.cite import cite
from rsbench.cli.common import settings_of_process
from rsbench.cli.compare import compare
from rsbench.cli.data import data
from rsbench.cli.doctor import doctor
from rsbench.cli.export import export
from rsbench.cli.figure import figure
from rsbench.cli.inspect import inspect
from rsbench.cli.leaderboard import leaderboard
from rsbench.cli.lists import show_list
from rsbench.cli.pretrain import pretrain, reconstruct
from rsbench.cli.run import run
from rsbench.cli.score import score
from rsbench.cli.status import status
from rsbench.cli.sweep import sweep
from rsbench.cli.table import table
from rsbench.cli.verify import verify
from rsbench.errors import RsbenchError, UserError

app = typer.Typer(
    name="rsbench",
    help="Benchmark self-supervised backbones on remote-sensing tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("run")(run)
app.command("sweep")(sweep)
app.command("table")(table)
app.command("audit")(audit)
app.command("verify")(verify)
app.command("list")(show_list)
app.command("inspect")(inspect)
app.command("score")(score)
app.command("compare")(compare)
app.command("leaderboard")(leaderboard)
app.command("pretrain")(pretrain)
app.command("reconstruct")(reconstruct)
app.command("cite")(cite)
app.command("export")(export)
app.command("doctor")(doctor)
app.command("status")(status)
app.add_typer(cache, name="cache")
app.add_typer(data, name="data")
app.add_typer(figure, name="figure")

# Newer versions of Typer carry a click of their own: the usage errors are those of the click that this Typer uses.
_USAGE_ERROR: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _version(wanted: bool) -> None:
    if wanted:
        from rsbench import __version__

        typer.echo(f"rsbench {__version__}")
        raise typer.Exit


@app.callback()
def _everywhere(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    settings_of_process.debug = debug


def main() -> None:
    """Runs the command line; exit code 0 done, 1 a run that failed, 2 the user's error, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # what an encoding lacks is spelled out: a "?" in place of "≈" would be another sign of a table
            stream.reconfigure(errors="backslashreplace")
    sys.exit(_main(sys.argv[1:]))


def _main(arguments: list[str]) -> int:
    try:
        code = app(arguments, prog_name="rsbench", standalone_mode=False)
    except RsbenchError as error:
        if settings_of_process.debug:
            traceback.print_exc()
        typer.echo(f"Error: {error.message}", err=True)
        if error.hint:
            typer.echo(f"  {error.hint}", err=True)
        return 2 if isinstance(error, UserError) else 1
    except _USAGE_ERROR as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:  # whoever read the output, such as head, has enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - lives as long as the process
        return 0
    except OSError as error:  # a full disk, a lost mount, a folder without permission: nothing a traceback explains
        if settings_of_process.debug:
            traceback.print_exc()
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"Error: {where}{error.strerror or error}.", err=True)
        typer.echo("  Check space and permissions; --debug shows where it happened.", err=True)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    if code == 130:  # newer versions of Typer turn the interruption into this exit code themselves
        typer.echo("Interrupted.", err=True)
    return code if isinstance(code, int) else 0
