"""Tables as one self-contained HTML page."""

from __future__ import annotations

from rsbench.reporting.cells import Table
from rsbench.reporting.render import interval_text, no_value, small_texts


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
    template = environment.get_template("table.html")
    return template.render(table=table, interval=interval_text, no_value=no_value, small=small_texts)
