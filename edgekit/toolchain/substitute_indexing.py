"""Substitutes for indexing that is fixed when the model is traced."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.high_rank import part_of_view
from edgekit.toolchain.substitution import Rule, State, cut, sizes_of, untraced

_MOST_PARTS = 64


def _getitem(state: State, x: torch.Tensor, index: Any) -> Any:
    """Index by constants as a concatenation of slices, slice with a step as a pooling with kernel 1."""
    place = _first_place(index)
    if place is not None:
        return part_of_view(state, x, place)
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


def _first_place(index: Any) -> int | None:
    """Return i of x[i] and x[i, :, :]."""
    if isinstance(index, int):
        return index
    if isinstance(index, tuple) and index and isinstance(index[0], int):
        return index[0] if all(_is_whole(each) for each in index[1:]) else None
    return None


def _is_whole(item: Any) -> bool:
    return item is Ellipsis or (isinstance(item, slice) and item == slice(None))


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
    size = sizes_of(x)[axis]
    with untraced():
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
    parts = [cut(x, axis, start, stop) for start, stop in runs]
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)


def _strided(x: torch.Tensor, items: list[Any], steps: list[int]) -> Any:
    """x[..., a::s, b::t] of rank 3 or 4 is max_pool2d(x[..., a:, b:], kernel 1, stride (s, t)), exactly."""
    if x.dim() not in (3, 4) or len(steps) > 2 or 0 in steps or not x.is_floating_point():
        return NotImplemented
    plain = tuple(slice(item.start, item.stop) for item in items)
    if any(item != slice(None) for item in plain):
        x = x[plain]
    pace = [_step(item) for item in items] + [1] * (x.dim() - len(items))
    order = [axis for axis in range(x.dim()) if axis not in steps] + steps
    if all(axis >= x.dim() - 2 for axis in steps):
        order = list(range(x.dim()))
    moved = order != list(range(x.dim()))
    pooled = F.max_pool2d(x.permute(order) if moved else x, 1, (pace[order[-2]], pace[order[-1]]))
    return pooled.permute([order.index(axis) for axis in range(x.dim())]) if moved else pooled


RULES: dict[Any, tuple[str, Rule]] = {
    torch.Tensor.__getitem__: ("wrote indexing by constants as slices", _getitem),
}
