"""The device that a run computes on."""

from __future__ import annotations

from rsbench.errors import UserError


def pick_device(device: str) -> str:
    """Resolves ``auto`` and checks that the device is there; fp32 is not computed in TF32 from here on.

    Raises:
        UserError: torch has no such device.
    """
    import torch

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # fp32 is what the record says
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"The device {device!r} cannot be used: {reason}", "Use cpu, cuda or auto.") from None
    return device
