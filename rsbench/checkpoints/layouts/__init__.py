"""The key layouts of all checkpoints that rsbench knows, by name; a file per family of architectures."""

from __future__ import annotations

from collections.abc import Mapping

from rsbench.checkpoints.layout import Layout
from rsbench.checkpoints.layouts import resnet, swin, vit
from rsbench.errors import UserError, near_miss

LAYOUTS: Mapping[str, Layout] = {layout.name: layout for layout in (*resnet.ALL, *swin.ALL, *vit.ALL)}

__all__ = ["LAYOUTS", "find"]


def find(layout: str | Layout) -> Layout:
    """Returns the layout called ``layout``; a Layout of a plugin is returned as it is.

    Raises:
        UserError: there is none of this name.
    """
    if isinstance(layout, Layout):
        return layout
    if layout not in LAYOUTS:
        raise UserError(f"There is no key layout {layout!r}.", near_miss(layout, LAYOUTS))
    return LAYOUTS[layout]
