"""Substitutes for functions that only move numbers about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils import _pytree as pytree

from edgekit.toolchain.substitution import Rule, State, sizes_of, tensors_in, untraced


def _view_as(state: State, x: torch.Tensor, other: torch.Tensor) -> Any:
    """Take the shape from the other tensor's sizes: pnnx knows no view_as."""
    return x.reshape(other.shape if state.dynamic else sizes_of(other))


def _channel_shuffle(state: State, x: torch.Tensor, groups: int) -> Any:
    """Spell it as reshape, transpose, reshape: ONNX has no channel shuffle, and pnnx only the layer."""
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


def _tile(state: State, x: torch.Tensor, dims: Any, *more: int) -> Any:
    """Spell tile as repeat, which is the same for as many counts as axes."""
    counts = [dims, *more] if isinstance(dims, int) else list(dims)
    counts = [1] * (x.dim() - len(counts)) + counts
    result = _repeat(state, x, counts)
    return x.repeat(counts) if result is NotImplemented else result


def _repeat(state: State, x: torch.Tensor, *counts: Any) -> Any:
    """Repeat along one axis after the other as a product with ones: pnnx cannot read it from ONNX."""
    given = counts[0] if len(counts) == 1 and not isinstance(counts[0], int) else counts
    times = [int(each) for each in given]
    if not state.onnx or state.dynamic or len(times) != x.dim() or not x.is_floating_point():
        return NotImplemented
    sizes = sizes_of(x)
    for axis, count in enumerate(times):
        if count > 1:
            with untraced():
                ones = torch.ones(count, *[1] * (x.dim() - axis))
            sizes[axis] *= count
            x = (x.unsqueeze(axis) * ones).reshape(sizes)
    return x


def _roll(state: State, x: torch.Tensor, shifts: Any, dims: Any = None) -> Any:
    """Roll one axis after the other: pnnx cuts both at once, in parts that PyTorch has not."""
    if dims is None or isinstance(dims, int) or len(dims) < 2:
        return NotImplemented
    for shift, dim in zip(shifts, dims, strict=True):
        x = torch.roll(x, shift, dim) if shift else x
    return x


def adaptive_pool(state: State, x: torch.Tensor, output_size: Any) -> Any:
    """Multiply by one matrix of means for the rows and one for the columns: ONNX has equal windows only."""
    wanted = [output_size] * 2 if isinstance(output_size, int) else list(output_size)
    sizes = sizes_of(x)[-2:]
    wanted = [size if each is None else int(each) for each, size in zip(wanted, sizes, strict=True)]
    uneven = any(size % each for size, each in zip(sizes, wanted, strict=True))
    if not state.onnx or state.dynamic or not uneven:
        return NotImplemented
    with untraced():
        rows, columns = (_means(size, count) for size, count in zip(sizes, wanted, strict=True))
        columns = columns.t().contiguous()
    return torch.matmul(torch.matmul(rows, x), columns)


def _means(size: int, count: int) -> torch.Tensor:
    """The matrix (count, size) whose rows average size i / count to size (i + 1) / count, rounded outward."""
    matrix = torch.zeros(count, size)
    for row in range(count):
        start, stop = row * size // count, -(-(row + 1) * size // count)
        matrix[row, start:stop] = 1.0 / (stop - start)
    return matrix


def _affine_grid(state: State, theta: torch.Tensor, size: Any, align_corners: bool | None = None) -> Any:
    """Multiply the corners of a fixed grid (h * w, 3) by theta: (n, 2, 3) -> (n, h, w, 2)."""
    if len(size) != 4 or state.dynamic:
        return NotImplemented
    with untraced():
        batch, _, height, width = (int(each) for each in size)
        rows, columns = (_places(each, align_corners=bool(align_corners)) for each in (height, width))
        y, x = torch.meshgrid(rows, columns, indexing="ij")
        base = torch.stack([x, y, torch.ones_like(x)], -1).reshape(1, height * width, 3)
    return torch.matmul(base, theta.transpose(1, 2)).reshape(batch, height, width, 2)


def _places(count: int, *, align_corners: bool) -> torch.Tensor:
    """Centres of `count` pixels between -1 and 1; with aligned corners the first and last lie on the ends."""
    places = torch.linspace(-1, 1, count)
    return places if align_corners else places * ((count - 1) / count)


def _pool(function: Callable[..., Any]) -> Rule:
    """Give a pooling whose window is read from the tensor's shape plain numbers: pnnx knows no others."""

    def rule(
        state: State, x: torch.Tensor, kernel_size: Any, stride: Any = None, *more: Any, **named: Any
    ) -> Any:
        windows = [kernel_size, stride]
        if state.dynamic or not any(isinstance(each, torch.Tensor) for each in tensors_in(windows)):
            return NotImplemented
        with untraced():
            plain = pytree.tree_map(lambda each: each if each is None else int(each), windows)
        return function(x, *plain, *more, **named)

    return rule


_ROLL = "rolled one axis after the other"
_POOL = "gave a pooling the size of its window as numbers"
_REPEAT = "wrote repeat_interleave as a resize or a product with ones"
_SHUFFLE = "wrote the channel shuffle as reshape and transpose"
RULES: dict[Any, tuple[str, Rule]] = {
    torch.Tensor.view_as: ("wrote view_as as reshape", _view_as),
    torch.Tensor.reshape_as: ("wrote reshape_as as reshape", _view_as),
    torch.channel_shuffle: (_SHUFFLE, _channel_shuffle),
    F.channel_shuffle: (_SHUFFLE, _channel_shuffle),
    torch.tile: ("wrote tile as repeat", _tile),
    torch.Tensor.tile: ("wrote tile as repeat", _tile),
    torch.Tensor.repeat: ("wrote repeat as a product with ones", _repeat),
    F.adaptive_avg_pool2d: ("wrote adaptive pooling as products with matrices of means", adaptive_pool),
    **{each: (_POOL, _pool(each)) for each in (F.avg_pool2d, F.max_pool2d, F.avg_pool1d, F.max_pool1d)},
    torch.roll: (_ROLL, _roll),
    torch.Tensor.roll: (_ROLL, _roll),
    F.affine_grid: ("wrote affine_grid as a product with a fixed grid", _affine_grid),
    torch.repeat_interleave: (_REPEAT, _repeat_interleave),
    torch.Tensor.repeat_interleave: (_REPEAT, _repeat_interleave),
}
