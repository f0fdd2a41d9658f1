"""Equivalent operations for those that the converter misreads or does not know, put in during a trace.

Each substitute is the same mathematics in operations that arrive in ncnn. The reference is always the
model as it was written, so a substitute that were not the same would fail the export's own check.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

Substitute = Callable[..., Any]
_MOST_PARTS = 64


class Substitutes(TorchFunctionMode):
    """Replaces functions while it is active; `notes` counts in plain words what it did.

    Values are `live` when they depend on an input of the model; an index or a mask that is not is a constant.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notes: Counter[str] = Counter()
        self._live: dict[int, torch.Tensor] = {}  # keeps them, so that an id stays its own

    def begin(self, inputs: Iterable[torch.Tensor]) -> None:
        """Name the inputs of the model."""
        self._live.update((id(each), each) for each in inputs)

    def texts(self) -> list[str]:
        """Return what was done."""
        return [text if count == 1 else f"{text} ({count} times)" for text, count in self.notes.items()]

    def is_live(self, value: Any) -> bool:
        """Whether a value holds a tensor that depends on an input."""
        return any(id(leaf) in self._live for leaf in pytree.tree_leaves(value))

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        live = self.is_live((args, kwargs))
        entry = _SUBSTITUTES.get(func) if live else None
        result = NotImplemented
        if entry is not None:
            text, substitute = entry
            with _quiet():
                result = substitute(self, *args, **kwargs)
            if result is not NotImplemented:
                self.notes[text] += 1
        if result is NotImplemented:
            result = func(*args, **kwargs)
        if live and func not in _SIZES:
            leaves = (leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor))
            self._live.update((id(leaf), leaf) for leaf in leaves)
        return result


@contextmanager
def _quiet() -> Iterator[None]:
    """Sizes read here are constants on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _untraced() -> Iterator[None]:
    """Compute a constant without leaving it in the trace as operations."""
    state = torch._C._get_tracing_state()
    torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch._C._set_tracing_state(state)  # type: ignore[attr-defined]


def _sizes(x: torch.Tensor) -> list[int]:
    with _untraced():
        return [int(size) for size in x.shape]


def _dims(x: torch.Tensor, dim: Any) -> list[int]:
    given = range(x.dim()) if dim is None else [dim] if isinstance(dim, int) else dim
    return sorted(int(each) % x.dim() for each in given)


def _cut(x: torch.Tensor, axis: int, start: int, stop: int) -> torch.Tensor:
    return x[(*[slice(None)] * axis, slice(start, stop))]


def _variance(
    state: Substitutes,
    x: torch.Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """mean((x - mean(x))^2), times n / (n - correction)."""
    if isinstance(dim, bool):  # var(unbiased)
        dim, unbiased = None, dim
    dims = _dims(x, dim)
    count = math.prod(_sizes(x)[each] for each in dims)
    correction = correction if correction is not None else float(unbiased is None or unbiased)
    if count <= correction:
        return NotImplemented
    centred = x - x.mean(dims, keepdim=True)
    variance = centred.pow(2).mean(dims, keepdim=keepdim)
    return variance if correction == 0 else variance * (count / (count - correction))


def _deviation(state: Substitutes, *args: Any, **kwargs: Any) -> Any:
    """The square root of the variance."""
    variance = _variance(state, *args, **kwargs)
    return NotImplemented if variance is NotImplemented else variance.sqrt()


def _circular_pad(
    state: Substitutes,
    x: torch.Tensor,
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Any:
    """Concatenate the far ends: cat(x[-left:], x, x[:right]) for each padded axis."""
    if mode != "circular":
        return NotImplemented
    for number in range(len(pad) // 2):
        axis = x.dim() - 1 - number
        size, left, right = _sizes(x)[axis], int(pad[2 * number]), int(pad[2 * number + 1])
        if min(left, right) < 0 or max(left, right) > size:
            return NotImplemented
        parts = [_cut(x, axis, size - left, size)] if left else []
        parts += [x]
        parts += [_cut(x, axis, 0, right)] if right else []
        x = torch.cat(parts, axis) if len(parts) > 1 else x
    return x


def _layer_norm(
    state: Substitutes,
    x: torch.Tensor,
    normalized_shape: Sequence[int],
    weight: torch.Tensor | None = None,
    bias: torch.Tensor | None = None,
    eps: float = 1e-5,
) -> Any:
    """Normalise the flattened axes as one; ncnn knows two axes at most, and not all but the batch."""
    count = len(normalized_shape)
    if count < 2 or (count == 2 and x.dim() > 3):
        return NotImplemented
    sizes, length = _sizes(x), math.prod(normalized_shape)
    outer = sizes[: len(sizes) - count]
    if not outer:
        return NotImplemented
    with _untraced():
        flat_weight = None if weight is None else weight.detach().reshape(-1)
        flat_bias = None if bias is None else bias.detach().reshape(-1)
    rows = x.reshape(*outer, length) if len(outer) > 1 else x.reshape(outer[0], 1, length)
    return F.layer_norm(rows, (length,), flat_weight, flat_bias, eps).reshape(sizes)


def _normalize(
    state: Substitutes, x: torch.Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Any:
    """X / max(sqrt(sum(x^2)), eps) in separate operations; ncnn has it for channels only."""
    if p != 2.0 or out is not None or not isinstance(dim, int):
        return NotImplemented
    length = x.pow(2).sum(dim, keepdim=True).sqrt()
    return x / length.clamp(min=eps)


def _power(state: Substitutes, x: Any, exponent: Any) -> Any:
    """X ** n by multiplication: ncnn's pow is wrong for a negative base."""
    if not isinstance(x, torch.Tensor) or isinstance(exponent, torch.Tensor) or not x.is_floating_point():
        return NotImplemented
    if float(exponent) not in (3.0, 4.0, 5.0, 6.0):
        return NotImplemented
    square = x.pow(2)
    match int(exponent):
        case 3:
            return square * x
        case 4:
            return square.pow(2)
        case 5:
            return square.pow(2) * x
        case _:
            return square.pow(2) * square


def _masked_fill(state: Substitutes, x: torch.Tensor, mask: torch.Tensor, value: Any) -> Any:
    """Mix by a constant mask: x + m where m is -inf, x * (1 - m) + value * m otherwise."""
    if state.is_live(mask) or isinstance(value, torch.Tensor):
        return NotImplemented
    with _untraced():
        marked = mask.detach().to(torch.float32)
        if value < -1e4:
            shift = torch.where(mask, float(value), 0.0)
        else:
            keep, fill = 1.0 - marked, marked * float(value)
    return x + shift if value < -1e4 else x * keep + fill


def _where(state: Substitutes, condition: torch.Tensor, *choices: Any) -> Any:
    """Mix by a constant condition: a * m + b * (1 - m)."""
    if state.is_live(condition) or len(choices) != 2:
        return NotImplemented
    chosen, other = choices
    plain = [each for each in choices if not state.is_live(each)]
    if any(not bool(torch.isfinite(torch.as_tensor(each)).all()) for each in plain):
        if isinstance(other, float | int) and isinstance(chosen, torch.Tensor) and other < 0:
            return _masked_fill(state, chosen, ~condition, other)
        return NotImplemented
    with _untraced():
        marked = condition.detach().to(torch.float32)
        unmarked = 1.0 - marked
    return chosen * marked + other * unmarked


def _getitem(state: Substitutes, x: torch.Tensor, index: Any) -> Any:
    """Index by constants as a concatenation of slices, slice with a step as a pooling with kernel 1."""
    items = _without_ellipsis(list(index) if isinstance(index, tuple) else [index], x.dim())
    if items is None or len(items) > x.dim() or state.is_live(index):
        return NotImplemented
    lists = [axis for axis, item in enumerate(items) if _is_index_list(item)]
    steps = [axis for axis, item in enumerate(items) if isinstance(item, slice) and _step(item) > 1]
    if (
        len(lists) == 1
        and not steps
        and all(isinstance(i, slice) for a, i in enumerate(items) if a != lists[0])
    ):
        return _take(x, items, lists[0])
    if steps and not lists and all(isinstance(item, slice) for item in items):
        return _strided(x, items, steps)
    return NotImplemented


def _without_ellipsis(items: list[Any], rank: int) -> list[Any] | None:
    places = [place for place, item in enumerate(items) if item is Ellipsis]
    if any(item is None for item in items) or len(places) > 1:
        return None
    if places:
        missing = rank - (len(items) - 1)
        items[places[0] : places[0] + 1] = [slice(None)] * missing
    return items


def _is_index_list(item: Any) -> bool:
    if isinstance(item, torch.Tensor):
        return item.dim() == 1 and item.dtype in (torch.int64, torch.int32)
    return isinstance(item, list) and all(type(each) is int for each in item)


def _step(item: slice) -> int:
    return item.step if isinstance(item.step, int) else 1


def _take(x: torch.Tensor, items: list[Any], axis: int) -> Any:
    """Cut neighbouring indices out as one slice and join the slices."""
    size = _sizes(x)[axis]
    with _untraced():
        indices = [int(each) % size for each in items[axis]]
    runs: list[list[int]] = []
    for place in indices:
        if runs and runs[-1][1] == place:
            runs[-1][1] += 1
        else:
            runs.append([place, place + 1])
    if not runs or len(runs) > _MOST_PARTS:
        return NotImplemented
    rest = tuple(slice(None) if place == axis else item for place, item in enumerate(items))
    if any(item != slice(None) for item in rest):
        x = x[rest]
    parts = [_cut(x, axis, start, stop) for start, stop in runs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)


def _strided(x: torch.Tensor, items: list[Any], steps: list[int]) -> Any:
    """x[..., a::s, b::t] of rank 3 or 4 is max_pool2d(x[..., a:, b:], kernel 1, stride (s, t)), exactly."""
    if x.dim() not in (3, 4) or any(axis < x.dim() - 2 for axis in steps) or not x.is_floating_point():
        return NotImplemented
    plain = tuple(slice(item.start, item.stop) for item in items)
    if any(item != slice(None) for item in plain):
        x = x[plain]
    items = items + [slice(None)] * (x.dim() - len(items))
    return F.max_pool2d(x, 1, (_step(items[-2]), _step(items[-1])))


_SIZES = frozenset({torch.Tensor.shape.__get__, torch.Tensor.size, torch.Tensor.numel})  # type: ignore[attr-defined]
"""What they return is a tensor in a trace, but no number of the input."""

_SPREAD = "wrote the variance as the mean of squared differences"
_SUBSTITUTES: dict[Any, tuple[str, Substitute]] = {
    torch.var: (_SPREAD, _variance),
    torch.Tensor.var: (_SPREAD, _variance),
    torch.std: (_SPREAD, _deviation),
    torch.Tensor.std: (_SPREAD, _deviation),
    F.pad: ("wrote circular padding as a concatenation", _circular_pad),
    F.layer_norm: ("flattened the axes of a layer normalisation", _layer_norm),
    F.normalize: ("wrote normalize as a division by the length", _normalize),
    torch.pow: ("wrote a power as multiplications", _power),
    torch.Tensor.pow: ("wrote a power as multiplications", _power),
    torch.Tensor.__pow__: ("wrote a power as multiplications", _power),
    torch.masked_fill: ("wrote a constant mask as arithmetic", _masked_fill),
    torch.Tensor.masked_fill: ("wrote a constant mask as arithmetic", _masked_fill),
    torch.where: ("wrote a constant mask as arithmetic", _where),
    torch.Tensor.__getitem__: ("wrote indexing by constants as slices", _getitem),
}
