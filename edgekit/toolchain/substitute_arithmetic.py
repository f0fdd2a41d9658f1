"""Substitutes for operations whose arithmetic the converter does not know, or gets wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Rule, Silent, State, dims_of, sizes_of, untraced


def _variance(
    state: State,
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
    dims = dims_of(x, dim)
    count = math.prod(sizes_of(x)[each] for each in dims)
    correction = correction if correction is not None else float(unbiased is None or unbiased)
    if count <= correction:
        return NotImplemented
    centred = x - x.mean(dims, keepdim=True)
    variance = centred.pow(2).mean(dims, keepdim=keepdim)
    if correction == 0:
        return variance
    if state.dynamic:  # how many there are is another number at another size
        many = (centred * 0.0 + 1.0).sum(dims, keepdim=keepdim)
        return variance * (many / (many - correction))
    return variance * (count / (count - correction))


def _deviation(state: State, *args: Any, **kwargs: Any) -> Any:
    """The square root of the variance."""
    variance = _variance(state, *args, **kwargs)
    return NotImplemented if variance is NotImplemented else variance.sqrt()


def _normalize(
    state: State, x: torch.Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Any:
    """X / max(sqrt(sum(x^2)), eps) in separate operations; ncnn has it for channels only."""
    if p != 2.0 or out is not None or not isinstance(dim, int):
        return NotImplemented
    length = x.pow(2).sum(dim, keepdim=True).sqrt()
    return x / length.clamp(min=eps)


def _power(state: State, x: Any, exponent: Any) -> Any:
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


def _masked_fill(state: State, x: torch.Tensor, mask: torch.Tensor, value: Any) -> Any:
    """Mix by a constant mask: x + m where m is -inf, x * (1 - m) + value * m otherwise."""
    if state.is_live(mask) or isinstance(value, torch.Tensor):
        return NotImplemented
    with untraced():
        marked = mask.detach().to(torch.float32)
        if value < -1e4:
            shift = torch.where(mask, float(value), 0.0)
        else:
            keep, fill = 1.0 - marked, marked * float(value)
    return x + shift if value < -1e4 else x * keep + fill


def _where(state: State, condition: torch.Tensor, *choices: Any) -> Any:
    """Mix by a constant condition: a * m + b * (1 - m)."""
    if state.is_live(condition) or len(choices) != 2:
        return NotImplemented
    chosen, other = choices
    plain = [each for each in choices if not state.is_live(each)]
    if any(not bool(torch.isfinite(torch.as_tensor(each)).all()) for each in plain):
        if isinstance(other, float | int) and isinstance(chosen, torch.Tensor) and other < 0:
            return _masked_fill(state, chosen, ~condition, other)
        return NotImplemented
    with untraced():
        marked = condition.detach().to(torch.float32)
        unmarked = 1.0 - marked
    return chosen * marked + other * unmarked


def _softsign(state: State, x: torch.Tensor) -> Any:
    """Spell x / (1 + |x|) so that pnnx does not make one softsign of it again."""
    return (x.abs() + 1.0).reciprocal() * x


def _tanhshrink(state: State, x: torch.Tensor) -> Any:
    """Spell x - tanh(x) so that pnnx does not make one tanhshrink of it again."""
    return x.tanh() * -1.0 + x


def _softmin(state: State, x: torch.Tensor, dim: int | None = None, *_: Any, **__: Any) -> Any:
    """Spell softmax(-x) so that pnnx does not make one softmin of it again."""
    return NotImplemented if dim is None else (x * -1.0).softmax(dim)


def _cosine_similarity(
    state: State, left: torch.Tensor, right: torch.Tensor, dim: int = 1, eps: float = 1e-8
) -> Any:
    """sum(a b) / (max(|a|, eps) max(|b|, eps))."""
    shape = torch.broadcast_shapes(sizes_of(left), sizes_of(right))
    left, right = (each if sizes_of(each) == list(shape) else each.expand(shape) for each in (left, right))
    product = (left * right).sum(dim)
    lengths = [each.pow(2).sum(dim).sqrt().clamp(min=eps) for each in (left, right)]
    return product / (lengths[0] * lengths[1])


def _rrelu(
    state: State,
    x: torch.Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    **_: Any,
) -> Any:
    """Outside training its slope is the mean of its bounds."""
    return NotImplemented if training else F.leaky_relu(x, (lower + upper) / 2)


def _embedding_bag(state: State, x: torch.Tensor, weight: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """The mean or sum of the embeddings of each row of ids: (n, length) -> (n, features)."""
    mode = kwargs.get("mode", "mean" if len(args) < 5 else args[4])
    plain = all(kwargs.get(name) is None for name in ("offsets", "per_sample_weights", "max_norm"))
    if x.dim() != 2 or not plain or mode not in ("mean", "sum") or kwargs.get("padding_idx") is not None:
        return NotImplemented
    rows = F.embedding(x, weight)
    return rows.mean(1) if mode == "mean" else rows.sum(1)


def _negative(state: State, x: torch.Tensor) -> Any:
    """Negate by a product: pnnx takes rotary positions for one layer, which reads other angles than these."""
    return Silent(x * -1.0) if x.is_floating_point() else NotImplemented


def _type_as(state: State, x: torch.Tensor, other: torch.Tensor) -> Any:
    """Convert what is a constant at once; a tensor of that type already stays as it is."""
    if x.dtype == other.dtype:
        return Silent(x)
    if state.is_live(x):
        return Silent(x.to(other.dtype))
    with untraced():
        return Silent(x.to(other.dtype))


def _clamp_min(state: State, x: torch.Tensor, min: Any) -> Any:
    """Clamp from below by the function that pnnx knows."""
    return NotImplemented if isinstance(min, torch.Tensor) else Silent(x.clamp(min=min))


def _clamp_max(state: State, x: torch.Tensor, max: Any) -> Any:
    """Clamp from above by the function that pnnx knows."""
    return NotImplemented if isinstance(max, torch.Tensor) else Silent(x.clamp(max=max))


def _extreme(function: Callable[..., torch.Tensor]) -> Rule:
    """Take it over one axis after the other on the way to ONNX, from which pnnx reads several wrongly."""

    def rule(state: State, x: torch.Tensor, dim: Any = (), keepdim: bool = False) -> Any:
        axes = [dim] if isinstance(dim, int) else list(dim) or list(range(x.dim()))
        if not state.onnx or len(axes) == 1:
            return NotImplemented
        for axis in sorted((each % x.dim() for each in axes), reverse=True):
            x = function(x, axis, keepdim)
        return x

    return rule


def _mean(state: State, x: torch.Tensor, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> Any:
    """Take it over one axis after the other where channels are among several, as ONNX will have it."""
    axes = dims_of(x, dim)
    return NotImplemented if kwargs or axes[:1] != [1] else _extreme(torch.mean)(state, x, axes, keepdim)


_NEGATIONS: tuple[Any, ...] = (torch.neg, torch.negative, torch.Tensor.neg, torch.Tensor.negative)
_SPREAD = "wrote the variance as the mean of squared differences"
_POWER = "wrote a power as multiplications"
_EXTREME = "wrote a maximum over several axes as one after the other"
_MEAN = "wrote a mean over several axes as one after the other"
_MASK = "wrote a constant mask as arithmetic"
RULES: dict[Any, tuple[str, Rule]] = {
    torch.var: (_SPREAD, _variance),
    torch.Tensor.var: (_SPREAD, _variance),
    torch.std: (_SPREAD, _deviation),
    torch.Tensor.std: (_SPREAD, _deviation),
    F.normalize: ("wrote normalize as a division by the length", _normalize),
    torch.pow: (_POWER, _power),
    torch.Tensor.pow: (_POWER, _power),
    torch.Tensor.__pow__: (_POWER, _power),
    torch.masked_fill: (_MASK, _masked_fill),
    torch.Tensor.masked_fill: (_MASK, _masked_fill),
    torch.where: (_MASK, _where),
    **dict.fromkeys((*_NEGATIONS, torch.Tensor.__neg__), ("", _negative)),
    **dict.fromkeys((torch.clamp_min, torch.Tensor.clamp_min), ("", _clamp_min)),
    **dict.fromkeys((torch.clamp_max, torch.Tensor.clamp_max), ("", _clamp_max)),
    torch.Tensor.type_as: ("", _type_as),
    **dict.fromkeys((torch.amax, torch.Tensor.amax), (_EXTREME, _extreme(torch.amax))),
    **dict.fromkeys((torch.amin, torch.Tensor.amin), (_EXTREME, _extreme(torch.amin))),
    **dict.fromkeys((torch.mean, torch.Tensor.mean), (_MEAN, _mean)),
    F.softsign: ("wrote softsign as a division", _softsign),
    F.tanhshrink: ("wrote tanhshrink as a difference", _tanhshrink),
    F.softmin: ("wrote softmin as a softmax", _softmin),
    F.embedding_bag: ("wrote the embedding bag as an embedding and a mean", _embedding_bag),
    F.rrelu: ("wrote rrelu as a leaky relu", _rrelu),
    F.cosine_similarity: ("wrote the cosine similarity as a quotient", _cosine_similarity),
}
