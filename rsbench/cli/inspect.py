"""``rsbench inspect``: what a checkpoint holds, and whether it is whole for a method."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rsbench.cli.common import Changes, Plugins, parse_changes, registry
from rsbench.cli.lists import table
from rsbench.errors import UserError
from rsbench.spec import configure

if TYPE_CHECKING:
    from rsbench.checkpoints.account import Account

_FATES = ("mapped", "dropped", "missing", "unexpected", "misshapen")


def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint.", show_default=False)],
    method: Annotated[str, typer.Option(help="METHOD or METHOD/VARIANT; see rsbench list methods.")],
    changes: Changes = None,
    keys: Annotated[bool, typer.Option("--keys", help="Show what becomes of every key.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    plugin: Plugins = None,
) -> None:
    """Show what becomes of every key of a checkpoint, and fail if it does not fit whole."""
    chosen, variant = registry(plugin).method(method)
    chosen, rest, _ = configure(chosen, variant, parse_changes(changes))
    if rest:
        name = next(iter(rest))
        raise UserError(f"--set {name} is no setting of a backbone.", "Write --set backbone.NAME=VALUE.")
    from rsbench.checkpoints.examine import examine

    found = examine(chosen, variant, file)
    if as_json:
        typer.echo(json.dumps({"method": f"{chosen.name}/{variant}", **found.facts()}, indent=2))
    else:
        for line in _lines(f"{chosen.name}/{variant}", found.facts(), found.account, keys):
            typer.echo(line)
    if found.problem:
        raise found.problem


def _lines(method: str, facts: dict[str, Any], account: Account, keys: bool) -> list[str]:
    """Returns the lines of the account for a terminal."""
    inside = f", in {facts['where']}" if facts["where"] else ""
    head = [
        ("file", f"{facts['file']}, {facts['size_bytes']:,} bytes, {facts['container']}{inside}"),
        ("sha256", f"{facts['file_sha256']} ({facts['published']})"),
        ("method", method),
        ("layout", f"{facts['layout']}{', prefix ' + facts['prefix'] if facts['prefix'] else ''}"),
        ("filled", f"{facts['filled']:,} of {facts['parameters']:,} parameters"),
        ("digest", facts["digest"] or "none: the contract fails"),
    ]
    if facts["foreign"]:
        head.append(("left closed", ", ".join(facts["foreign"])))
    for name, (reshaped, rule) in list(account.resized.items())[:1]:
        head.append(
            ("resized", f"{len(account.resized)} by the rule {rule}: {name} {reshaped.found} {reshaped.wanted}")
        )
    width = max(len(name) for name, _ in head)
    lines = [f"{name.ljust(width)}  {value}" for name, value in head]
    if keys:
        rows = [{"key": key, "fate": fate, "goes to": goes} for key, fate, goes in _fates(account)]
        return [*lines, "", *table(rows, ("key", "fate", "goes to"), None)]
    rows = []
    for fate in _FATES:
        names = [key for key, what, _ in _fates(account) if what == fate]
        shown = ", ".join(names[:3]) + (f", ... ({len(names) - 3} more)" if len(names) > 3 else "")
        rows.append({"keys": fate, "count": str(len(names)), "which": shown})
    return [*lines, "", *table(rows, ("keys", "count", "which"), None)]


def _fates(account: Account) -> list[tuple[str, str, str]]:
    """Returns (key, fate, what it becomes) of every source key, and of what the file lacks."""
    result = []
    for key, target in account.mapped.items():
        how = f" ({account.made[target]})" if target in account.made else ""
        if target in account.misshapen:
            found, wanted = account.misshapen[target]
            result.append((key, "misshapen", f"{target}: file {found}, network {wanted}"))
        else:
            result.append((key, "mapped", target + how))
    result += [(key, "dropped", "left out by name") for key in account.dropped]
    result += [(key, "unexpected", "") for key in account.unexpected]
    return result + [(name, "missing", "nothing in the file fills it") for name in account.missing]
