"""Substitutes for resizes that ncnn or ONNX has no words for: a resize is a matrix for each axis."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitute_shapes import adaptive_pool
from edgekit.toolchain.substitution import Rule, Silent, State, sizes_of, untraced


def _interpolate(state: State, x: torch.Tensor, size: Any = None, *more: Any, **named: Any) -> Any:
    """Multiply by a matrix for each axis where ncnn rounds otherwise; `area` in ONNX is a pooling."""
    given = dict(_SIGNATURE.bind(x, size, *more, **named).arguments)
    if state.dynamic or x.dim() not in (3, 4):
        return NotImplemented
    sizes = sizes_of(x)[2:]
    with untraced():
        wanted = sizes_of(F.interpolate(**{**given, "input": torch.zeros(1, 1, *sizes)}))[2:]
    mode = given.get("mode", "nearest")
    if mode == "area":
        return _area(state, x, wanted) if state.onnx and x.dim() == 4 else NotImplemented
    if mode == "nearest-exact" or given.get("antialias") or _picks_by_scale(given, sizes, wanted):
        return _product(x, given)
    if given.get("recompute_scale_factor"):
        corners = given.get("align_corners")
        return Silent(F.interpolate(x, tuple(wanted), mode=mode, align_corners=corners))
    return NotImplemented


def _area(state: State, x: torch.Tensor, wanted: list[int]) -> Any:
    pooled = adaptive_pool(state, x, wanted)
    return F.adaptive_avg_pool2d(x, (wanted[0], wanted[1])) if pooled is NotImplemented else pooled


def _picks_by_scale(given: Mapping[str, Any], sizes: list[int], wanted: list[int]) -> bool:
    """Whether `nearest` takes other pixels by its scale than by the sizes, at which alone ncnn looks."""
    if given.get("mode", "nearest") != "nearest" or given.get("scale_factor") is None:
        return False
    with untraced():
        return any(
            not torch.equal(_matrix(given, sizes, axis), _picked(sizes[axis], wanted[axis]))
            for axis in range(len(sizes))
        )


def _picked(size: int, count: int) -> torch.Tensor:
    places = torch.arange(size, dtype=torch.float32)[None, None]
    return torch.eye(size)[F.interpolate(places, count).flatten().long()]


def _product(x: torch.Tensor, given: Mapping[str, Any]) -> torch.Tensor:
    sizes = sizes_of(x)[2:]
    with untraced():
        matrices = [_matrix(given, sizes, axis) for axis in range(len(sizes))]
        columns = matrices.pop().t().contiguous()
    for rows in matrices:
        x = torch.matmul(rows, x)
    return torch.matmul(x, columns)


def _matrix(given: Mapping[str, Any], sizes: list[int], axis: int) -> torch.Tensor:
    """The matrix (count, size) of one axis: what becomes of every single pixel, the other axes left alone."""
    count = len(sizes)
    alone = dict(given)
    if given.get("size") is not None:
        wanted = _listed(given["size"], count)
        alone["size"] = tuple(int(wanted[axis]) if at == axis else _OTHER for at in range(count))
    else:
        scales = _listed(given["scale_factor"], count)
        alone["scale_factor"] = tuple(float(scales[axis]) if at == axis else 1.0 for at in range(count))
    size = sizes[axis]
    pixels = torch.eye(size).reshape(size, 1, *(size if at == axis else 1 for at in range(count)))
    alone["input"] = pixels.expand(size, 1, *(size if at == axis else _OTHER for at in range(count))).clone()
    picture = F.interpolate(**alone).movedim(axis + 2, 1)
    return picture.reshape(size, picture.shape[1], -1)[:, :, 0].t().contiguous()


_OTHER = 2
"""The size of the axes that stay as they are: with 1 PyTorch's own `antialias` resizes wrongly."""


def _listed(value: Any, count: int) -> list[Any]:
    return list(value) if isinstance(value, tuple | list) else [value] * count


_SIGNATURE = inspect.signature(F.interpolate)
RULES: dict[Any, tuple[str, Rule]] = {
    F.interpolate: ("wrote a resize as a product with matrices or a pooling", _interpolate),
}
