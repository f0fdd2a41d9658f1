"""Substitutes for padding that ncnn has not: in a ring, and by negative numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Rule, State, cut, sizes_of, untraced


def _pad(
    state: State,
    x: torch.Tensor,
    pad: Sequence[int],
    mode: str = "constant",
    value: float | None = None,
) -> Any:
    """Concatenate the far ends for a ring; cut off what is padded by a negative number."""
    with untraced():
        amounts = [int(each) for each in pad]
    if mode == "circular":
        return _ring(x, amounts)
    if state.dynamic or min(amounts) >= 0:
        return NotImplemented
    for axis, left, right in _sides(x, amounts):
        if left < 0 or right < 0:
            x = cut(x, axis, max(0, -left), sizes_of(x)[axis] - max(0, -right))
    rest = [max(0, each) for each in amounts]
    return F.pad(x, rest, mode, value) if any(rest) else x


def _ring(x: torch.Tensor, amounts: Sequence[int]) -> Any:
    """cat(x[-left:], x, x[:right]) for each padded axis."""
    for axis, left, right in _sides(x, amounts):
        size = sizes_of(x)[axis]
        if min(left, right) < 0 or max(left, right) > size:
            return NotImplemented
        parts = [cut(x, axis, size - left, size)] if left else []
        parts += [x]
        parts += [cut(x, axis, 0, right)] if right else []
        x = torch.cat(parts, axis) if len(parts) > 1 else x
    return x


def _sides(x: torch.Tensor, amounts: Sequence[int]) -> list[tuple[int, int, int]]:
    """An axis and what is added on both of its sides, for each padded axis from the last one on."""
    pairs = zip(amounts[::2], amounts[1::2], strict=True)
    return [(x.dim() - 1 - number, left, right) for number, (left, right) in enumerate(pairs)]


RULES: dict[Any, tuple[str, Rule]] = {
    F.pad: ("wrote circular padding as a concatenation, negative padding as slices", _pad),
}
