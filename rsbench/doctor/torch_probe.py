"""What torch says of this machine, as one line of JSON: ``python -m rsbench.doctor.torch_probe``.

It is a process of its own: a torch that was built for another processor or driver ends the process that imports it, and
a driver that hangs would keep the report waiting.
"""

from __future__ import annotations

import json
import warnings
from typing import Any


def facts() -> dict[str, Any]:
    """Returns version, CUDA build, threads and accelerators as plain JSON."""
    import torch

    with warnings.catch_warnings(record=True) as caught:  # torch says why it sees no GPU in a warning
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    gpus = [_gpu(torch, number) for number in range(torch.cuda.device_count())] if available else []
    return {
        "version": str(torch.__version__),
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "gpus": gpus,
        "said": [str(warning.message).splitlines()[0] for warning in caught if str(warning.message)],
    }


def _gpu(torch: Any, number: int) -> dict[str, Any]:
    """Returns name and memory of a GPU, whether it computes in bf16, and ``fault``: why it does not compute."""
    properties = torch.cuda.get_device_properties(number)
    found = {"name": properties.name, "memory": properties.total_memory, "bf16": None, "fault": None}
    try:
        with torch.cuda.device(number):
            found["bf16"] = bool(torch.cuda.is_bf16_supported(including_emulation=False))
        ones = torch.ones(64, 64, device=f"cuda:{number}")
        if float((ones @ ones).sum()) != 64.0**3:
            found["fault"] = "it multiplies wrongly"
    except RuntimeError as error:  # no kernel for this GPU, no memory left, a driver that is too old
        found["fault"] = str(error).splitlines()[0]
    return found


if __name__ == "__main__":
    print(json.dumps(facts()))
