"""safetensors files whose header is not true.

The format: 8 bytes with the length of the header, the header as JSON, the bytes of all tensors.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

Writer = Callable[[Path], Path]
_DATA = struct.pack("<12f", *range(12))


def _entry(start: int, end: int, shape: tuple[int, ...] = (12,), dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def _file(
    header: Mapping[str, object] | bytes, data: bytes = _DATA, length: int | None = None
) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        file = folder / "model.safetensors"
        file.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
        return file

    return write


_WHOLE = {"weight": _entry(0, 48)}
_FIRST, _SECOND = (json.dumps(_entry(0, end, (end // 4,))) for end in (48, 24))
_TWICE = f'{{"weight": {_FIRST}, "weight": {_SECOND}}}'.encode()
ALL: Mapping[str, Writer] = {
    "safetensors-beyond-the-file": _file({"weight": _entry(0, 4800, (1200,))}),
    "safetensors-truncated": _file(_WHOLE, _DATA[:20]),
    "safetensors-overlapping": _file({"weight": _entry(0, 48), "bias": _entry(24, 48, (6,))}),
    "safetensors-hole": _file({"weight": _entry(24, 48, (6,))}),
    "safetensors-negative": _file({"weight": _entry(-48, 0)}),
    "safetensors-backwards": _file({"weight": _entry(48, 0)}),
    "safetensors-huge-header": _file(_WHOLE, length=2**62),
    "safetensors-header-beyond-the-file": _file(_WHOLE, length=4000),
    "safetensors-duplicate": _file(_TWICE),
    "safetensors-shape": _file({"weight": _entry(0, 48, (5, 5))}),
    "safetensors-overflowing-shape": _file({"weight": _entry(0, 48, (2**32, 2**32, 12))}),
    "safetensors-dtype": _file({"weight": _entry(0, 48, dtype="Q99")}),
    "safetensors-no-json": _file(b'{"weight": oh no }'),
    "safetensors-bytes-left-over": _file(_WHOLE, _DATA + b"\0" * 16),
}
