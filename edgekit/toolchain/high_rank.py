"""Views of rank 5 and more, taken apart into views that ncnn has.

ncnn holds four axes and a batch. Attention and window layers pass through more of them on the way from one
tensor of lower rank to another: `reshape(b, t, 3, h, d).permute(2, 0, 3, 1, 4)[0]`. What such a chain ends in
can be cut or reshaped out of the tensor that it started from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch

from edgekit.toolchain.moves import moves
from edgekit.toolchain.substitution import Noted, Rule, Silent, State, sizes_of, untraced

HIGHEST_RANK = 4


@dataclass(frozen=True, slots=True)
class HighRankView:
    """`base.reshape(given).permute(order)`, for a base of lower rank.

    `sizes` are the numbers of this run, `given` what the model's code said, which may follow the input.
    """

    base: torch.Tensor
    base_sizes: tuple[int, ...]
    sizes: tuple[int, ...]
    given: tuple[Any, ...]
    order: tuple[int, ...]

    text = "cut tensors of rank 5 and more out of those that they are views of"

    def permuted(self, order: Sequence[int]) -> HighRankView:
        """The view with its axes in another order."""
        rank = len(self.order)
        chained = tuple(self.order[axis % rank] for axis in order)
        return replace(self, order=chained)

    @property
    def shape(self) -> tuple[int, ...]:
        """Its sizes, after the permutation."""
        return tuple(self.sizes[axis] for axis in self.order)

    def parts(self, axis: int) -> list[torch.Tensor] | None:
        """Cut along one axis: the tensors that `unbind(axis)` gives, or None where a cut will not do.

        The axis has to be the outermost factor of one axis of the base, so that its places lie in slices.
        """
        chosen = self.order[axis % len(self.order)]
        owner = _owner(self.base_sizes, self.sizes, chosen)
        if owner is None:
            return None
        step = self.base_sizes[owner] // self.sizes[chosen]
        rest = tuple(size for place, size in enumerate(self.given) if place != chosen)
        order = [place - (place > chosen) for place in self.order if place != chosen]
        pieces = (
            self.base[(*[slice(None)] * owner, slice(index * step, (index + 1) * step))]
            for index in range(self.sizes[chosen])
        )
        return [piece.reshape(rest).permute(order) for piece in pieces]

    def reshaped(self, sizes: Sequence[int]) -> torch.Tensor | None:
        """Reshape the view, with axes that stay together taken as one; None where far too many remain."""
        groups = self._runs()
        if self._fits_ncnn:
            return None
        by_place = sorted(range(len(groups)), key=lambda index: groups[index][0])
        merged = [math.prod(self.sizes[axis] for axis in groups[index]) for index in by_place]
        order = [by_place.index(index) for index in range(len(groups))]
        steps = moves(tuple(order))
        if steps is None:
            return None
        result = self.base
        for step in steps:
            result = result.reshape([math.prod(block) for block in step.cut(merged)]).permute(step.order)
            merged = step.applied(merged)
        return result.reshape(tuple(sizes))

    @property
    def only_leads(self) -> bool:
        """Whether it is the base with an axis of size 1 in front: windows of a batch of one image."""
        return self.order == tuple(range(len(self.order))) and self.sizes == (1, *self.base_sizes)

    @property
    def _fits_ncnn(self) -> bool:
        """Whether it is four axes behind a batch that stays in its place, as in a channel shuffle."""
        batch_stays = self.order[0] == 0 and self.sizes[0] == self.base_sizes[0]
        return batch_stays and len(self.sizes) == HIGHEST_RANK + 1

    def _runs(self) -> list[list[int]]:
        """Axes, in the permuted order, grouped where neighbours stay neighbours; axes of size 1 left out."""
        wide = [axis for axis, size in enumerate(self.sizes) if size != 1]
        place = {axis: index for index, axis in enumerate(wide)}
        runs: list[list[int]] = []
        for axis in self.order:
            if axis not in place:
                continue
            if runs and place[runs[-1][-1]] + 1 == place[axis]:
                runs[-1].append(axis)
            else:
                runs.append([axis])
        return runs


def _owner(base: Sequence[int], sizes: Sequence[int], chosen: int) -> int | None:
    """The axis of the base whose outermost factor is axis `chosen` of the reshaped tensor."""
    before = math.prod(sizes[:chosen])
    for axis in range(len(base)):
        fits = math.prod(base[:axis]) == before and base[axis] % sizes[chosen] == 0
        if fits and (base[axis] > 1 or sizes[chosen] == 1):
            return axis
    return None


def part_of_view(state: State, x: torch.Tensor, index: int) -> Any:
    """Return x[index] cut out of what x is a view of; NotImplemented for any other tensor."""
    known = state.views.get(id(x))
    parts = None if known is None else known.parts(0)
    if known is None or parts is None or parts[index] is None:
        return NotImplemented
    return Noted(parts[index], known.text)


def _reshape(state: State, x: torch.Tensor, *shape: Any, **kwargs: Any) -> Any:
    """Remember where a tensor of high rank comes from; leave it by the shortest way."""
    if kwargs or (len(shape) == 1 and isinstance(shape[0], torch.dtype)):
        return NotImplemented
    raw = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list | torch.Size) else shape
    with untraced():
        sizes = [int(size) for size in raw]
    known = state.views.get(id(x))
    if known is not None and len(sizes) <= HIGHEST_RANK and not state.dynamic:
        left = known.reshaped(_completed(sizes, math.prod(known.shape)))
        return NotImplemented if left is None else Noted(left, known.text)
    if known is None and x.dim() <= HIGHEST_RANK < len(sizes):
        own = sizes_of(x)
        full = _completed(sizes, math.prod(own))
        result = x.reshape(raw)
        given = tuple(size if wanted == -1 else wanted for size, wanted in zip(full, raw, strict=True))
        state.views[id(result)] = HighRankView(x, tuple(own), full, given, tuple(range(len(full))))
        return Silent(result)
    return NotImplemented


def _completed(sizes: Sequence[int], count: int) -> tuple[int, ...]:
    known = math.prod(size for size in sizes if size != -1)
    return tuple(count // max(known, 1) if size == -1 else size for size in sizes)


def _permute(state: State, x: torch.Tensor, *order: Any, dims: Any = None) -> Any:
    """Follow a tensor of high rank through a permutation."""
    known = state.views.get(id(x))
    if known is None:
        return NotImplemented
    axes = dims if dims is not None else order[0] if len(order) == 1 else order
    result = x.permute(axes)
    state.views[id(result)] = known.permuted([int(axis) for axis in axes])
    return Silent(result)


def _transpose(state: State, x: torch.Tensor, first: int, second: int) -> Any:
    """Follow a tensor of high rank through a transposition."""
    axes = list(range(x.dim()))
    axes[first], axes[second] = axes[second], axes[first]
    return _permute(state, x, axes)


def _contiguous(state: State, x: torch.Tensor, **_: Any) -> Any:
    """Follow a tensor of high rank through a copy."""
    known = state.views.get(id(x))
    if known is None:
        return NotImplemented
    result = x.contiguous()
    state.views[id(result)] = known
    return Silent(result)


def _flatten(state: State, x: torch.Tensor, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Leave a tensor of high rank by flattening some of its axes."""
    known = state.views.get(id(x))
    if known is None:
        return NotImplemented
    shape, rank = known.shape, x.dim()
    start, end = start_dim % rank, end_dim % rank
    return _reshape(state, x, [*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]])


def _unbind(state: State, x: torch.Tensor, dim: int = 0) -> Any:
    """Cut the parts of a tensor of high rank out of the one that it was made of."""
    known = state.views.get(id(x))
    parts = None if known is None else known.parts(dim)
    if known is None or parts is None or any(part is None for part in parts):
        return NotImplemented
    return Noted(tuple(parts), known.text)


def _squeeze(state: State, x: torch.Tensor, dim: int | None = None) -> Any:
    """Take the only part along an axis of size 1."""
    known = state.views.get(id(x))
    if known is None or dim is None or known.shape[dim] != 1:
        return NotImplemented
    parts = known.parts(dim)
    return NotImplemented if parts is None or parts[0] is None else Noted(parts[0], known.text)


def _between(function: Callable[..., torch.Tensor]) -> Rule:
    """Reckon with what a view of windows was made of, where all that it has more is an axis of size 1."""

    def rule(state: State, x: Any, other: Any, **kwargs: Any) -> Any:
        known = state.views.get(id(x))
        if not isinstance(known, HighRankView) or not known.only_leads or kwargs:
            return NotImplemented
        if isinstance(other, torch.Tensor):
            sizes = sizes_of(other)
            if len(sizes) == len(known.sizes) and sizes[0] == 1:
                with nullcontext() if state.is_live(other) else untraced():
                    other = other.squeeze(0)
            if torch.broadcast_shapes(known.base_sizes, sizes[-other.dim() :]) != known.base_sizes:
                return NotImplemented
        base = function(known.base, other)
        result = base.reshape(known.given)
        state.views[id(result)] = replace(known, base=base)
        return Noted(result, known.text)

    return rule


_TEXT = HighRankView.text
RULES: dict[Any, tuple[str, Rule]] = {
    torch.Tensor.reshape: (_TEXT, _reshape),
    torch.Tensor.view: (_TEXT, _reshape),
    torch.reshape: (_TEXT, _reshape),
    torch.Tensor.permute: (_TEXT, _permute),
    torch.permute: (_TEXT, _permute),
    torch.Tensor.transpose: (_TEXT, _transpose),
    torch.transpose: (_TEXT, _transpose),
    torch.Tensor.contiguous: (_TEXT, _contiguous),
    torch.Tensor.flatten: (_TEXT, _flatten),
    torch.flatten: (_TEXT, _flatten),
    torch.Tensor.unbind: (_TEXT, _unbind),
    torch.unbind: (_TEXT, _unbind),
    torch.Tensor.squeeze: (_TEXT, _squeeze),
    torch.squeeze: (_TEXT, _squeeze),
    **{each: (_TEXT, _between(each)) for each in (torch.add, torch.Tensor.add, torch.Tensor.__add__)},
    **{each: (_TEXT, _between(each)) for each in (torch.mul, torch.Tensor.mul, torch.Tensor.__mul__)},
}
