"""Operations spelt as they will be in ONNX, so that what arrives in ncnn has its tensor in PyTorch.

There is nothing to tell of: ONNX has no other words for them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Rule, Silent, State, sizes_of


def _gelu(state: State, x: torch.Tensor, *, approximate: str = "none") -> Any:
    """Halve first: where ONNX halves last, the half is moved into the next weights, and no GELU is seen."""
    if not state.onnx or approximate != "none":
        return NotImplemented
    return Silent((x * 0.5) * (1.0 + torch.erf(x / math.sqrt(2.0))))


def _silu(state: State, x: torch.Tensor, inplace: bool = False) -> Any:
    """X sigmoid(x), as ONNX has it: where it is a gate the two stay apart, and each has its tensor."""
    return Silent(x * x.sigmoid()) if state.onnx and not inplace else NotImplemented


def _linear(state: State, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None) -> Any:
    """Add the bias of a single feature apart, as ONNX does: pnnx takes it for a number, outside the layer."""
    if not state.onnx or bias is None or x.dim() < 3 or sizes_of(bias) != [1]:
        return NotImplemented
    return Silent(F.linear(x, weight) + bias)


RULES: dict[Any, tuple[str, Rule]] = {
    F.gelu: ("", _gelu),
    F.linear: ("", _linear),
    F.silu: ("", _silu),
}
