"""What every substitute is made with: the state of the run, and sizes that leave no mark in a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch


class State(Protocol):
    """What a substitute may ask about the run that it is part of.

    `dynamic` is true when sizes may be others than those of this run, `onnx` when ONNX lies on the way,
    `apart` when the parts of attention have to stay apart.
    `views` keeps where tensors of high rank come from, `masks` what computes a truth value as a number, by
    the tensor's id.
    """

    dynamic: bool
    onnx: bool
    apart: bool
    views: dict[int, Any]
    masks: dict[int, Callable[[], torch.Tensor]]

    def is_live(self, value: Any) -> bool:
        """Whether a value holds a tensor that depends on an input of the model."""
        ...


Rule = Callable[..., Any]
"""From the state and a function's arguments to the result, or to NotImplemented."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A result that is what the function itself would have given: nothing to tell of."""

    result: Any


@dataclass(frozen=True, slots=True)
class Noted:
    """A result to be told of in words of its own, not in those of the rule."""

    result: Any
    text: str


@contextmanager
def untraced() -> Iterator[None]:
    """Compute a constant without leaving it in the trace as operations."""
    state = torch._C._get_tracing_state()
    torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch._C._set_tracing_state(state)  # type: ignore[attr-defined]


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors of nested tuples, lists and dicts: cheaper than the general walk over trees."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def sizes_of(x: torch.Tensor) -> list[int]:
    """Return the sizes of this run as plain numbers."""
    with untraced():
        return [int(size) for size in x.shape]


def dims_of(x: torch.Tensor, dim: Any) -> list[int]:
    """Return the axes that an argument `dim` means, counted from the front; None means all."""
    given = range(x.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
    return sorted(int(each) % x.dim() for each in given)


def cut(x: torch.Tensor, axis: int, start: int, stop: int) -> torch.Tensor:
    """Return x[:, ..., start:stop] along one axis."""
    return x[(*[slice(None)] * axis, slice(start, stop))]
