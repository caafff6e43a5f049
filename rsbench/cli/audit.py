"""``rsbench audit``: what the text of the CtxMIM paper claims of its own tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.errors import UserError


def audit(
    format: Annotated[str, typer.Option("--format", "-f", help="table, markdown or json.")] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Recompute what the CtxMIM paper derives from its own tables, and say which claims hold."""
    from rsbench.reporting.audit import audit as findings
    from rsbench.reporting.audit.render import render

    text = render(findings(), format)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"The audit cannot be written to {output}: {error.strerror}.", "Check --output.") from None
    typer.echo(f"wrote {output}", err=True)
