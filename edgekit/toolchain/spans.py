"""An index of slices and single places, axis by axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from edgekit.toolchain.substitution import untraced


@dataclass(frozen=True, slots=True)
class Span:
    """The places start, start + step, ... before `stop` of an axis; a single place `drops` the axis."""

    start: int
    stop: int
    step: int = 1
    drops: bool = False

    @property
    def count(self) -> int:
        """How many places there are."""
        return len(range(self.start, self.stop, self.step))


def spans_of(index: Any, sizes: Sequence[int]) -> tuple[Span, ...] | None:
    """Return a span for each axis of a tensor that is indexed, or None where it is indexed otherwise."""
    items = list(index) if isinstance(index, tuple) else [index]
    gaps = [place for place, item in enumerate(items) if item is Ellipsis]
    missing = len(sizes) - len(items) + len(gaps)
    if len(gaps) > 1 or missing < 0:
        return None
    place = gaps[0] if gaps else len(items)
    items[place : place + len(gaps)] = [slice(None)] * missing
    spans = [_span(item, size) for item, size in zip(items, sizes, strict=True)]
    found = tuple(span for span in spans if span is not None and span.count > 0)
    return found if len(found) == len(spans) else None


def _span(item: Any, size: int) -> Span | None:
    with untraced():
        if isinstance(item, slice):
            bounds = (None if each is None else int(each) for each in (item.start, item.stop, item.step))
            start, stop, step = slice(*bounds).indices(size)
            return Span(start, stop, step) if step > 0 else None
        if isinstance(item, list) and len(item) == 1 and type(item[0]) is int:
            return Span(item[0] % size, item[0] % size + 1)
        number = isinstance(item, torch.Tensor) and item.dim() == 0 and item.dtype == torch.int64
        if type(item) is int or number:
            return Span(int(item) % size, int(item) % size + 1, drops=True)
    return None


def partial(spans: Sequence[Span], sizes: Sequence[int]) -> list[int]:
    """The axes of which not every place is meant."""
    return [axis for axis, span in enumerate(spans) if span.count < sizes[axis]]


def kept(spans: Sequence[Span]) -> list[int]:
    """The sizes of the part, axes included that are dropped from it."""
    return [span.count for span in spans]


def indexed(spans: Sequence[Span]) -> tuple[int | slice, ...]:
    """The index that spans were made from."""
    return tuple(
        span.start if span.drops else slice(span.start, span.stop, None if span.step == 1 else span.step)
        for span in spans
    )


def can_be_written(spans: Sequence[Span], sizes: Sequence[int]) -> bool:
    """Whether a part is one stretch of each axis, or every n-th place of one alone."""
    paced = [axis for axis, span in enumerate(spans) if span.step > 1 and span.count > 1]
    if not paced:
        return True
    span, size = spans[paced[0]], sizes[paced[0]]
    return partial(spans, sizes) == paced[:1] and span.start < span.step and span.count * span.step == size
