"""Substitutes for running sums, triangles and remainders: products with matrices of ones, and rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from edgekit.toolchain.substitution import Rule, State, sizes_of, untraced


def _running_sum(state: State, x: torch.Tensor, dim: int, **kwargs: Any) -> Any:
    """Multiply by a triangle of ones on the way to ONNX, from which pnnx cannot read a running sum."""
    if not state.onnx or state.dynamic or kwargs or not x.is_floating_point() or x.dim() < 2:
        return NotImplemented
    axis, size = dim % x.dim(), sizes_of(x)[dim]
    with untraced():
        upper = torch.ones(size, size).triu()
    if axis == x.dim() - 1:
        return torch.matmul(x, upper)
    return torch.matmul(x.transpose(axis, -1), upper).transpose(axis, -1)


def _triangle(function: Callable[..., torch.Tensor]) -> Rule:
    """Multiply by the triangle of ones."""

    def rule(state: State, x: torch.Tensor, diagonal: int = 0) -> Any:
        if state.dynamic or not x.is_floating_point():
            return NotImplemented
        with untraced():
            ones = function(torch.ones(sizes_of(x)[-2:]), diagonal)
        return x * ones

    return rule


def _floored(state: State, x: torch.Tensor) -> torch.Tensor:
    return torch.floor(x)


def _truncated(state: State, x: torch.Tensor) -> torch.Tensor:
    """Round towards 0, for which ONNX has no word."""
    return x.clamp(min=0).floor() + x.clamp(max=0).ceil() if state.onnx else torch.trunc(x)


def _trunc(state: State, x: torch.Tensor) -> Any:
    return _truncated(state, x) if state.onnx else NotImplemented


def _remainder(rounded: Callable[[State, torch.Tensor], torch.Tensor]) -> Rule:
    """X - round(x / n) n: ncnn's remainder is another one for negative numbers, and ONNX's for whole ones."""

    def rule(state: State, x: Any, n: Any) -> Any:
        if not isinstance(x, torch.Tensor) or not x.is_floating_point():
            return NotImplemented
        return x - rounded(state, x / n) * n

    return rule


def _quotient(state: State, x: Any, n: Any, *, rounding_mode: str | None = "floor") -> Any:
    """Divide, then round."""
    if rounding_mode is None or not isinstance(x, torch.Tensor) or not x.is_floating_point():
        return NotImplemented
    return (_floored if rounding_mode == "floor" else _truncated)(state, x / n)


def _plain_quotient(state: State, x: Any, n: Any, *, rounding_mode: str | None = None) -> Any:
    return _quotient(state, x, n, rounding_mode=rounding_mode)


_SUM = "wrote a running sum as a product with a triangle of ones"
_TRIANGLE = "wrote a triangle as a product with ones"
_REMAINDER = "wrote a remainder or a whole quotient as a division that is rounded"
_TRUNC = "wrote rounding towards 0 as rounding down and up"
_FLOOR = (torch.remainder, torch.Tensor.remainder, torch.Tensor.__mod__)
_WHOLE = (torch.floor_divide, torch.Tensor.floor_divide, torch.Tensor.__floordiv__)
RULES: dict[Any, tuple[str, Rule]] = {
    **dict.fromkeys((torch.cumsum, torch.Tensor.cumsum), (_SUM, _running_sum)),
    **dict.fromkeys((torch.triu, torch.Tensor.triu), (_TRIANGLE, _triangle(torch.triu))),
    **dict.fromkeys((torch.tril, torch.Tensor.tril), (_TRIANGLE, _triangle(torch.tril))),
    **dict.fromkeys(_FLOOR, (_REMAINDER, _remainder(_floored))),
    **dict.fromkeys((torch.fmod, torch.Tensor.fmod), (_REMAINDER, _remainder(_truncated))),
    **dict.fromkeys((torch.trunc, torch.Tensor.trunc, torch.fix), (_TRUNC, _trunc)),
    **dict.fromkeys(_WHOLE, (_REMAINDER, _quotient)),
    **dict.fromkeys((torch.div, torch.Tensor.div, torch.divide), (_REMAINDER, _plain_quotient)),
}
