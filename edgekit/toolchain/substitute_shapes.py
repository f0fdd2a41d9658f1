"""Substitutes for functions that only move numbers about."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Rule, State, sizes_of, untraced


def _view_as(state: State, x: torch.Tensor, other: torch.Tensor) -> Any:
    """Take the shape from the other tensor's sizes: pnnx knows no view_as."""
    return x.reshape(other.shape if state.dynamic else sizes_of(other))


def _channel_shuffle(state: State, x: torch.Tensor, groups: int) -> Any:
    """Spell it as reshape, transpose, reshape: ONNX has no channel shuffle."""
    batch, channels, *plane = x.shape if state.dynamic else sizes_of(x)
    grouped = x.reshape(batch, groups, sizes_of(x)[1] // groups, *plane)
    return grouped.transpose(1, 2).reshape(batch, channels, *plane)


def _repeat_interleave(
    state: State, x: torch.Tensor, repeats: Any, dim: int | None = None, *, output_size: int | None = None
) -> Any:
    """Repeat each place n times: a plane is resized, any other axis is spread over one of ones."""
    if not isinstance(repeats, int) or dim is None or state.dynamic or not x.is_floating_point():
        return NotImplemented
    axis, sizes = dim % x.dim(), sizes_of(x)
    if x.dim() == 4 and axis > 1:
        scale = (float(repeats), 1.0) if axis == 2 else (1.0, float(repeats))
        return F.interpolate(x, scale_factor=scale, mode="nearest")
    with untraced():
        ones = torch.ones(repeats, *[1] * (x.dim() - 1 - axis))
    sizes[axis] *= repeats
    return (x.unsqueeze(axis + 1) * ones).reshape(sizes)


_REPEAT = "wrote repeat_interleave as a resize or a product with ones"
_SHUFFLE = "wrote the channel shuffle as reshape and transpose"
RULES: dict[Any, tuple[str, Rule]] = {
    torch.Tensor.view_as: ("wrote view_as as reshape", _view_as),
    torch.Tensor.reshape_as: ("wrote reshape_as as reshape", _view_as),
    torch.channel_shuffle: (_SHUFFLE, _channel_shuffle),
    F.channel_shuffle: (_SHUFFLE, _channel_shuffle),
    torch.repeat_interleave: (_REPEAT, _repeat_interleave),
    torch.Tensor.repeat_interleave: (_REPEAT, _repeat_interleave),
}
