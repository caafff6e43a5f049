"""Tables of the paper with published and measured numbers side by side, in several formats."""

from rsbench.reporting.json_format import as_dict
from rsbench.reporting.render import FORMATS, render
from rsbench.reporting.table import Table, build_table

__all__ = ["FORMATS", "Table", "as_dict", "build_table", "render"]
