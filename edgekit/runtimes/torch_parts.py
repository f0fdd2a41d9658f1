"""Operations that PyTorch computes at once and ncnn in two layers, written down as the two that they are."""

from __future__ import annotations

from typing import Any

import torch

_aten = torch.ops.aten

PARTS: dict[Any, tuple[Any, Any]] = {
    _aten._log_softmax.default: (_aten._softmax.default, _aten.log.default),
}
"""Operation -> one with the same arguments, and one that makes the result of what that gives.

The result on the tape stays what the operation itself gave.
"""
