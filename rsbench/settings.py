"""Settings as text: what ``--set key=value`` and ``--seeds`` mean."""

from __future__ import annotations

import re
from typing import Any

from rsbench.errors import UserError


def parse_setting(key: str, text: str, like: Any) -> Any:
    """Reads ``text`` as a value of the type of ``like``.

    >>> parse_setting("lrs", "0.1,0.2", (1.0,))
    (0.1, 0.2)
    >>> parse_setting("fold", "yes", False)
    True

    Raises:
        UserError: it cannot be read so.
    """
    try:
        if isinstance(like, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if isinstance(like, int):
            return int(text)
        if isinstance(like, float):
            return float(text)
        if isinstance(like, tuple):
            return tuple(float(part) for part in text.split(",") if part.strip())
        if like is None or isinstance(like, str):
            return None if text.lower() == "none" else text
    except (ValueError, KeyError):
        pass
    wanted = {"bool": "true or false", "int": "a whole number", "float": "a number"}
    kind = wanted.get(type(like).__name__, "numbers with commas between")
    raise UserError(f"Setting {key}={text!r} cannot be read.", f"It takes {kind}, such as {key}={like}.")


def parse_seeds(text: str) -> list[int]:
    """Reads ``0``, ``0-4`` or ``0,2,7``.

    >>> parse_seeds("0-2,7")
    [0, 1, 2, 7]
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if not match:
            raise UserError(f"--seeds {text} cannot be read.", "Write 0, 0-4 or 0,2,7.")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UserError(f"--seeds {part.strip()} runs backwards.", "Write the lower seed first.")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))
