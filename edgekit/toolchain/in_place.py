"""Writing to a part of a tensor, as a concatenation of what is left with what is written.

`boxes[..., :2] -= shift` and `out[:, 0] = y` change numbers in place, which ncnn cannot, and of which the
converters read the simplest ones only. Here the tensor stays as it was: an account is kept of its parts, and
whatever reads it, or another view of it, reads the parts joined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils import _pytree as pytree

from edgekit.toolchain.effects import out_of_place
from edgekit.toolchain.spans import Span, can_be_written, indexed, kept, partial, spans_of
from edgekit.toolchain.substitution import sizes_of, tensors_in, untraced

Call = Callable[..., Any]
"""Runs a function on arguments, as if the model had called it."""


@dataclass(slots=True)
class _Written:
    """A tensor that something wrote to, `count` times.

    It is `value` by now, where that is known, and made of `parts` along an axis: (start, stop, part), or
    every `step`-th place from `start` on.
    """

    tensor: torch.Tensor
    count: int = 0
    value: torch.Tensor | None = None
    axis: int = 0
    step: int = 1
    parts: tuple[tuple[int, int, torch.Tensor], ...] = ()


@dataclass(frozen=True, slots=True)
class _View:
    """A part of another tensor, as that was after `count` writes."""

    tensor: torch.Tensor
    base: torch.Tensor
    spans: tuple[Span, ...]
    count: int


class PartWrites:
    """The account of one run, in which functions are run by `call`."""

    text = "wrote assignments to parts of a tensor as concatenations"

    def __init__(self, call: Call) -> None:
        self._call = call
        self._written: dict[int, _Written] = {}
        self._views: dict[int, _View] = {}
        self._handed: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def clear(self) -> None:
        """Forget the run."""
        self._written.clear()
        self._views.clear()
        self._handed.clear()

    def seen(self, base: torch.Tensor, index: Any, view: torch.Tensor) -> None:
        """Note that `view` is base[index]; unless slices and places are meant it is a copy."""
        base, spans = self._meant(base), spans_of(index, sizes_of(base))
        if spans is not None:
            self._views[id(view)] = _View(view, base, spans, self._count(base))

    def current(self, value: Any) -> Any:
        """Return a tree of arguments with every tensor as it is after all writes."""
        return pytree.tree_map(self._current, value) if self._written else value

    def handed(self, value: Any) -> Any:
        """Return a tree with every tensor as it is after all writes; what writes to that one writes to it."""
        if not self._written:
            return value
        for each in tensors_in(value):
            if (now := self._current(each)) is not each:
                self._handed[id(now)] = now, self._meant(each)
        return self.current(value)

    def _meant(self, x: torch.Tensor) -> torch.Tensor:
        """The tensor that another stands for."""
        return self._handed[id(x)][1] if id(x) in self._handed else x

    def follows(self, x: Any) -> bool:
        """Whether it is a part of a tensor, or one of which parts were written."""
        return id(x) in self._views or id(x) in self._written or id(x) in self._handed

    def is_written(self, x: torch.Tensor) -> bool:
        """Whether something wrote to a part of a tensor, or to what it is a view of."""
        return self._count(self._meant(x)) > 0

    def assign(self, x: torch.Tensor, index: Any, value: Any) -> bool:
        """Write x[index] = value; False where that cannot be told by parts."""
        x, sizes = self._meant(x), sizes_of(x)
        spans = spans_of(index, sizes)
        if spans is None or not can_be_written(spans, sizes):
            return self._fill(x, index, value)
        view = self._views.get(id(value))
        if view is not None and view.base is x and view.spans == spans:
            return True  # as `x[index] += y` ends, where the sum was written when it was made
        self._write(x, spans, self._fitted(self.current(value), x.dtype, spans))
        return True

    def change(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
        """Write what an in-place function makes of a part; False where it is none, or changes no part."""
        x = self._meant(args[0])
        name = getattr(func, "__name__", "")
        if name in ("copy_", "fill_", "zero_"):
            spans = tuple(Span(0, size) for size in sizes_of(x))
            given = self.current(args[1]) if len(args) > 1 else 0.0
            self._write(x, spans, self._fitted(given, x.dtype, spans))
            return True
        plain = out_of_place(func, name, args, kwargs)
        if plain is None:
            return False
        function, args, kwargs = plain
        value = self._call(function, self.current(tuple(args)), self.current(kwargs))
        if not isinstance(value, torch.Tensor) or sizes_of(value) != sizes_of(x):
            return False
        self._write(x, (), value)
        return True

    def _made(self, func: Any, *args: Any) -> torch.Tensor:
        result: torch.Tensor = self._call(func, args)
        return result

    def _fill(self, x: torch.Tensor, mask: Any, value: Any) -> bool:
        """Write x[mask] = number for a mask that is a constant."""
        masks = isinstance(mask, torch.Tensor) and mask.dtype == torch.bool
        if not masks or not isinstance(value, int | float):
            return False
        if mask.dim() < x.dim():
            mask = mask.reshape(*sizes_of(mask), *[1] * (x.dim() - mask.dim()))
        self._write(x, (), self._made(torch.Tensor.masked_fill, self._current(x), mask, value))
        return True

    def _current(self, x: Any) -> Any:
        if not isinstance(x, torch.Tensor):
            return x
        x = self._meant(x)
        view = self._views.get(id(x))
        if view is not None and self._count(view.base) != view.count:
            base = self._current(view.base)
            value = self._made(torch.Tensor.__getitem__, base, indexed(view.spans))
            own = self._written.setdefault(id(x), _Written(x))
            own.value, own.parts = value, ()
            self._views[id(x)] = replace(view, count=self._count(view.base))
        known = self._written.get(id(x))
        if known is None:
            return x
        if known.value is None:
            known.value = self._joined(known)
        return known.value

    def _joined(self, known: _Written) -> torch.Tensor:
        parts: list[torch.Tensor] = [part for _, _, part in known.parts]
        if len(parts) == 1:
            return parts[0]
        if known.step == 1:
            return self._made(torch.cat, parts, known.axis)
        stacked = self._made(torch.stack, parts, known.axis + 1)
        return self._made(torch.Tensor.reshape, stacked, sizes_of(known.tensor))

    def _count(self, x: torch.Tensor) -> int:
        """How often it was written to, also through what it is a view of."""
        view, known = self._views.get(id(x)), self._written.get(id(x))
        return (0 if known is None else known.count) + (0 if view is None else self._count(view.base))

    def _fitted(self, value: Any, dtype: torch.dtype, spans: Sequence[Span]) -> torch.Tensor:
        """Return a value in the shape of a part, dropped axes included."""
        whole = kept(spans)
        part = [span.count for span in spans if not span.drops]
        if not isinstance(value, torch.Tensor):
            with untraced():
                return torch.full(whole, float(value), dtype=dtype)
        if value.dtype != dtype:
            value = self._made(torch.Tensor.to, value, dtype)
        if math.prod(sizes_of(value)) != math.prod(part):
            with untraced():
                ones = torch.ones(part, dtype=dtype)
            value = self._made(torch.mul, value, ones)
        return value if sizes_of(value) == whole else self._made(torch.Tensor.reshape, value, whole)

    def _write(self, x: torch.Tensor, spans: Sequence[Span], value: torch.Tensor) -> None:
        """Put a value in its place, and in that of what x is a view of; without spans it is all of x."""
        axes = partial(spans, sizes_of(x)) if spans else []
        if axes:
            axis, span = axes[0], spans[axes[0]]
            if len(axes) > 1:
                value = self._nested(self._cut(self._current(x), axis, span), spans, axes[1:], value)
            known = self._parted(x, axis, span.step)
            known.parts, known.value = tuple(self._replaced(known, span, value)), None
        else:
            known = self._written.setdefault(id(x), _Written(x))
            known.parts, known.value = (), value
        known.count += 1
        view = self._views.get(id(x))
        if view is not None:
            whole = self._fitted(self._current(x), x.dtype, view.spans)
            self._write(view.base, view.spans, whole)
            self._views[id(x)] = replace(view, count=self._count(view.base))

    def _parted(self, x: torch.Tensor, axis: int, step: int) -> _Written:
        """The account of a tensor in parts along an axis."""
        value = self._current(x)
        known = self._written.setdefault(id(x), _Written(x))
        if known.parts and (known.axis, known.step) == (axis, step):
            return known
        size = sizes_of(x)[axis]
        spans = [Span(0, size)] if step == 1 else [Span(first, size, step) for first in range(step)]
        known.axis, known.step = axis, step
        known.parts = tuple(
            (span.start, span.stop if step == 1 else span.start + 1, self._cut(value, axis, span))
            for span in spans
        )
        return known

    def _replaced(
        self, known: _Written, span: Span, value: torch.Tensor
    ) -> Iterator[tuple[int, int, torch.Tensor]]:
        """The parts of an account with one of them, or a stretch of several, replaced."""
        first, last = span.start, span.stop if known.step == 1 else span.start + 1
        placed = False
        for start, stop, part in known.parts:
            if stop <= first or start >= last:
                yield start, stop, part
                continue
            if start < first:
                yield start, first, self._cut(part, known.axis, Span(0, first - start))
            if not placed:
                yield first, last, value
                placed = True
            if stop > last:
                yield last, stop, self._cut(part, known.axis, Span(last - start, stop - start))

    def _nested(
        self, x: torch.Tensor, spans: Sequence[Span], axes: Sequence[int], value: torch.Tensor
    ) -> torch.Tensor:
        """Return x with a part of several axes replaced."""
        axis, span = axes[0], spans[axes[0]]
        if len(axes) > 1:
            value = self._nested(self._cut(x, axis, span), spans, axes[1:], value)
        size = sizes_of(x)[axis]
        around = [Span(0, span.start), Span(span.stop, size)]
        before, behind = ([self._cut(x, axis, each)] if each.count else [] for each in around)
        return self._made(torch.cat, [*before, value, *behind], axis)

    def _cut(self, x: torch.Tensor, axis: int, span: Span) -> torch.Tensor:
        if span.count == sizes_of(x)[axis]:
            return x
        return self._made(torch.Tensor.__getitem__, x, (*[slice(None)] * axis, *indexed([span])))
