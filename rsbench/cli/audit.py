"""``rsbench audit``: what the text of the CtxMIM paper claims of its own tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rsbench.cli.common import check_text_output, print_or_write


def audit(
    format: Annotated[str, typer.Option("--format", "-f", help="table, markdown or json.")] = "table",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Recompute what the CtxMIM paper derives from its own tables, and say which claims hold."""
    from rsbench.reporting.audit import audit as findings
    from rsbench.reporting.audit.render import FORMATS, render

    check_text_output(format, FORMATS, output, "The audit")
    print_or_write(render(findings(), format), output, "The audit")
