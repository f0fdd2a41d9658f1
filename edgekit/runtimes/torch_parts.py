"""Operations that PyTorch computes at once and ncnn in several layers, written down as what they are made of.

The result on the tape stays what the operation itself gave; only what lies on the way is computed for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

_aten = torch.ops.aten

Do = Callable[..., Any]
"""Put an operation with its arguments on the tape: gives what stands for its result, or for its results."""

Last = tuple[Any, tuple[Any, ...]]
"""The operation, and its arguments, that make the result."""


def _log_softmax(do: Do, x: Any, dim: int, half_to_float: bool) -> Last:
    return _aten.log.default, (do(_aten._softmax.default, x, dim, half_to_float),)


def _rsqrt(do: Do, x: Any) -> Last:
    return _aten.reciprocal.default, (do(_aten.sqrt.default, x),)


def _log1p(do: Do, x: Any) -> Last:
    return _aten.log.default, (do(_aten.add.Tensor, x, 1),)


def _glu(do: Do, x: Any, dim: int = -1) -> Last:
    """The first half of the channels times the sigmoid of the second."""
    first, second = do(_aten.chunk.default, x, 2, dim)
    return _aten.mul.Tensor, (first, do(_aten.sigmoid.default, second))


def _gelu(do: Do, x: Any, *, approximate: str = "none") -> Last | None:
    """X / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), in the order in which ONNX has it."""
    if approximate != "tanh":
        return None
    cube = do(_aten.mul.Tensor, do(_aten.pow.Tensor_Scalar, x, 2), x)
    inner = do(_aten.add.Tensor, x, do(_aten.mul.Tensor, cube, 0.044715))
    bent = do(_aten.tanh.default, do(_aten.mul.Tensor, inner, math.sqrt(2 / math.pi)))
    doubled = do(_aten.mul.Tensor, x, do(_aten.add.Tensor, bent, 1.0))
    return _aten.mul.Tensor, (doubled, 0.5)


def _roll(do: Do, x: Any, shifts: Sequence[int], dims: Sequence[int] = ()) -> Last | None:
    """One axis after the other, each as its end in front of its start."""
    if not dims or not all(shifts):
        return None
    for shift, dim in zip(shifts[:-1], dims[:-1], strict=True):
        x = do(_aten.cat.default, _swapped(do, x, shift, dim), dim)
    return _aten.cat.default, (_swapped(do, x, shifts[-1], dims[-1]), dims[-1])


def _swapped(do: Do, x: Any, shift: int, dim: int) -> list[Any]:
    return [do(_aten.slice.Tensor, x, dim, -shift, None), do(_aten.slice.Tensor, x, dim, 0, -shift)]


PARTS: dict[Any, Callable[..., Last | None]] = {
    _aten._log_softmax.default: _log_softmax,
    _aten.rsqrt.default: _rsqrt,
    _aten.log1p.default: _log1p,
    _aten.glu.default: _glu,
    _aten.gelu.default: _gelu,
    _aten.roll.default: _roll,
}
"""Operation -> how it is taken apart, given its own arguments; None where it stays what it is."""
