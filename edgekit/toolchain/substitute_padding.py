"""Substitutes for padding that ncnn has not: in a ring, and by negative numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Rule, State, cut, sizes_of, untraced


def _negative_pad(
    state: State,
    x: torch.Tensor,
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Any:
    """Cut off what is padded by a negative number."""
    with untraced():
        amounts = [int(each) for each in pad]
    if state.dynamic or min(amounts) >= 0:
        return NotImplemented
    for axis, left, right in _pads(x, amounts):
        size = sizes_of(x)[axis]
        if left < 0 or right < 0:
            x = cut(x, axis, max(0, -left), size - max(0, -right))
    rest = [max(0, each) for each in amounts]
    return F.pad(x, rest, mode, value) if any(rest) else x


def _pads(x: torch.Tensor, amounts: Sequence[int]) -> list[tuple[int, int, int]]:
    """An axis and what is added on both of its sides, for each padded axis from the last one on."""
    pairs = zip(amounts[::2], amounts[1::2], strict=True)
    return [(x.dim() - 1 - number, left, right) for number, (left, right) in enumerate(pairs)]


def _circular_pad(
    state: State,
    x: torch.Tensor,
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Any:
    """Concatenate the far ends: cat(x[-left:], x, x[:right]) for each padded axis."""
    if mode != "circular":
        return _negative_pad(state, x, pad, mode, value)
    for axis, left, right in _pads(x, [int(each) for each in pad]):
        size = sizes_of(x)[axis]
        if min(left, right) < 0 or max(left, right) > size:
            return NotImplemented
        parts = [cut(x, axis, size - left, size)] if left else []
        parts += [x]
        parts += [cut(x, axis, 0, right)] if right else []
        x = torch.cat(parts, axis) if len(parts) > 1 else x
    return x


RULES: dict[Any, tuple[str, Rule]] = {
    F.pad: ("wrote circular padding as a concatenation, negative padding as slices", _circular_pad),
}
