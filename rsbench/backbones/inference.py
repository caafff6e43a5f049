"""A frozen backbone arranged for inference: the same function up to rounding, in less time and without more memory.

Three things cost time and change nothing else. BatchNorm in evaluation mode is folded into the convolution before it.
Linear layers in fp32 on a CPU go to oneDNN, because MKL, which torch would ask, leaves AMD processors at the width of
AVX2. bf16 is autocast: it keeps the sums between blocks in fp32, and a network cast to bf16 as a whole is no faster
and further from fp32. Images come channels last from the preprocessor, which is what convolutions want; the layout
of the weights makes no difference to speed. ``benchmarks/extraction.py`` measures all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from rsbench.backbones.contract import Backbone
from rsbench.backbones.resnet import fold_batchnorm

_SCHEMA = "mkldnn::_linear_pointwise(Tensor X, Tensor W, Tensor? B, str attr, Scalar?[] scalars, str? algorithm) -> "


def arrange(backbone: Backbone, device: str = "cpu") -> Backbone:
    """Returns a network on ``device`` that computes what ``backbone`` computes in evaluation mode, up to rounding.

    Modules and buffers are copies, so that nothing of ``backbone`` is replaced, moved or set. Parameters are new too,
    but on the same device they share the numbers of the old ones: a large network is not in memory twice. A network
    whose ``embed`` writes to its own parameters in place writes to both, and must be refused and made again.
    """
    memo: dict[int, Any] = {}
    for parameter in backbone.parameters():
        memo[id(parameter)] = nn.Parameter(parameter.detach().to(device), requires_grad=False)
    for buffer in backbone.buffers():
        memo[id(buffer)] = buffer.detach().to(device, copy=True)
    return fold_batchnorm(deepcopy(backbone, memo).eval()).eval()  # folding leaves new modules


def linear_backend(precision: str, device: str) -> Literal["onednn", "torch"]:
    """Returns what multiplies in the linear layers within ``arithmetic``; features depend on it in the last digits.

    ``onednn`` for fp32 on a CPU where this torch has both MKL and oneDNN, oneDNN is not switched off, and its
    linear operator has the signature that is known here. ``torch``, the usual way, everywhere else: without MKL
    (ARM, macOS) nothing says that the usual way is slow, and bf16 goes to oneDNN by itself.
    """
    known = (
        torch.device(device).type == "cpu"
        and precision == "fp32"
        and torch.backends.mkl.is_available()
        and torch.backends.mkldnn.is_available()
        and torch.backends.mkldnn.enabled
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and str(torch.ops.mkldnn._linear_pointwise.default._schema).startswith(_SCHEMA)
    )
    return "onednn" if known else "torch"


@contextmanager
def fast_linear(precision: str, device: str) -> Iterator[None]:
    """Within it, linear layers are multiplied by what ``linear_backend`` names; without gradients only."""
    if linear_backend(precision, device) == "onednn":
        with _OneDNNLinear():
            yield
    else:
        yield


@contextmanager
def arithmetic(precision: str, device: str) -> Iterator[None]:
    """Within it, networks compute without gradients in ``precision`` (``fp32``, or ``bf16`` by autocast)."""
    kind = torch.device(device).type
    with (
        torch.inference_mode(),
        torch.autocast(kind, torch.bfloat16, enabled=precision == "bf16"),
        fast_linear(precision, device),
    ):
        yield


class _OneDNNLinear(TorchFunctionMode):
    """Sends ``F.linear`` to oneDNN, whoever calls it: ``nn.Linear``, or a module that only reads ``weight``.

    No module is replaced, so that modules of any kind stay what they are. What runs inside one compiled call (a
    scripted module, ``nn.MultiheadAttention``) is not seen and goes the usual way. Weights are not packed in
    advance: that would be 2 to 5 % faster, and would put every weight in memory twice.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return (_linear if func is F.linear else func)(*args, **(kwargs or {}))


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    if not _fits(input, weight, bias):
        return F.linear(input, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(input, weight, bias, "none", [], "")


def _fits(input: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    """Whether oneDNN may take the product: it refuses other shapes, and of a bias with gaps it reads the gaps."""
    tensors = (input, weight) if bias is None else (input, weight, bias)
    return (
        all(type(tensor) in (Tensor, nn.Parameter) for tensor in tensors)
        and all(tensor.dtype == torch.float32 and tensor.device.type == "cpu" for tensor in tensors)
        and all(tensor.layout == torch.strided for tensor in tensors)
        and input.dim() > 0
        and input.numel() > 0
        and weight.dim() == 2
        and weight.is_contiguous()
        and input.shape[-1] == weight.shape[1]
        and (bias is None or (bias.shape == weight.shape[:1] and bias.is_contiguous()))
        and not torch.is_autocast_enabled("cpu")
    )
