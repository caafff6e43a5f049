"""The page as one text: template, style, scripts and data, none of which asks a network for anything."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

GENERATOR = '<meta name="generator" content="rsbench leaderboard">'
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def embedded_json(data: Any) -> str:
    r"""Returns JSON that no browser can take for markup, wherever in a page it stands.

    Halves of surrogate pairs, which no file can hold, become question marks.

    >>> embedded_json({"title": "</script>"})
    '{"title":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.encode("utf-8", "replace").decode()
    for character, escape in _UNSAFE.items():
        text = text.replace(character, escape)
    return text


def page(data: Mapping[str, Any]) -> str:
    """Returns the page.

    Style and script are allowed by their digests and nothing else is: what a record or a plugin says can neither run
    nor load anything, even if it got into the page as markup.

    Args:
        data: of ``page_data``.
    """
    style, script = _joined(".css"), "(() => {\n" + '"use strict";\n' + _joined(".js") + "})();\n"
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "@@POLICY@@": policy,
        "@@GENERATOR@@": GENERATOR,
        "@@TITLE@@": html.escape(str(data["title"])),
        "@@STYLE@@": style,
        "@@DATA@@": embedded_json(data),
        "@@SCRIPT@@": script,
    }
    text = (files(__package__) / "page" / "index.html").read_text(encoding="utf-8")
    return re.sub("@@[A-Z]+@@", lambda mark: parts[mark[0]], text)  # one pass: what is put in is not searched


def _joined(ending: str) -> str:
    """Returns the files of the page with this ending, one after the other by name."""
    found = sorted(
        (entry for entry in (files(__package__) / "page").iterdir() if entry.name.endswith(ending)),
        key=lambda entry: entry.name,
    )
    return "".join(f"/* {entry.name} */\n{entry.read_text(encoding='utf-8')}" for entry in found)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
