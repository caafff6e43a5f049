"""``rsbench cache list|verify|clear``: the features on disk."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

cache = typer.Typer(help="List, verify or clear cached features.", no_args_is_help=True)


@cache.command("list")
def list_entries(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List cached features: whose they are, of which task, how large."""
    from rsbench.probing.cache import FeatureCache
    from rsbench.records.files import folder_size

    store = FeatureCache()
    rows: list[dict[str, Any]] = [
        {
            "key": entry.key,
            "method": (entry.manifest or {}).get("method"),
            "task": (entry.manifest or {}).get("task"),
            "data": (entry.manifest or {}).get("data"),
            "shape": (entry.manifest or {}).get("shape"),
            "made": (entry.manifest or {}).get("made"),
            "mib": round(folder_size(entry.folder) / 2**20, 1),
        }
        for entry in store
    ]
    if as_json:
        typer.echo(json.dumps({"root": str(store.root), "entries": rows}, indent=2))
        return
    for row in rows:
        shape = "x".join(map(str, row["shape"])) if row["shape"] else "unreadable"
        what = f"{row['method'] or '?'} on {row['task'] or '?'} ({row['data'] or '?'})"
        typer.echo(f"{row['key']}  {what}  {shape}  {row['mib']} MiB  {row['made'] or ''}")
    typer.echo(f"{len(rows)} entries, {sum(row['mib'] for row in rows):.1f} MiB in {store.root}")


@cache.command("verify")
def verify() -> None:
    """Read every entry again and compare digests; exit code 1 if one is damaged."""
    from rsbench.probing.cache import FeatureCache

    bad = count = 0
    for entry in FeatureCache():
        count += 1
        fault = entry.fault()
        if fault:
            bad += 1
            typer.echo(f"{entry.key}: {fault}")
    typer.echo(f"{count} entries, {bad} damaged.")
    if bad:
        raise typer.Exit(1)


@cache.command("clear")
def clear(
    method: Annotated[str, typer.Option(help="Only of this METHOD/VARIANT.")] = "",
    task: Annotated[str, typer.Option(help="Only of this task.")] = "",
    damaged: Annotated[bool, typer.Option("--damaged", help="Only entries that fail verification.")] = False,
) -> None:
    """Delete cached features: all of them, and what is remembered of datasets and weights; or those chosen."""
    from rsbench.datasets import remembered
    from rsbench.probing.cache import Entry, FeatureCache
    from rsbench.sweeps import foresight

    def chosen(entry: Entry) -> bool:
        about = entry.manifest or {}
        return (
            (not method or about.get("method") == method)
            and (not task or about.get("task") == task)
            and (not damaged or entry.fault() is not None)
        )

    freed = FeatureCache().clear(chosen)
    if not (method or task or damaged):
        freed += remembered.forget() + foresight.forget()
    typer.echo(f"Freed {freed / 2**20:.1f} MiB.")
