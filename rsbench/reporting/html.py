"""Tables as one self-contained HTML page."""

from __future__ import annotations

from rsbench.reporting.render import detail_text
from rsbench.reporting.table import Table


def html(table: Table) -> str:
    """Returns the page; footnotes are links there and back, and nothing is loaded from elsewhere."""
    import jinja2  # only this format needs it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rsbench.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("table.html").render(table=table, detail=detail_text)
