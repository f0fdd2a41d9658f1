"""Comparisons, which ncnn has not, as steps from 0 to 1, where their results are used as numbers.

With d = a - b, which is 0 for equal numbers alone, ceil(clamp(d, 0, 1)) is 1 for a > b and 0 otherwise. A
truth value stays what it is in the trace, where nothing reads it then; what did reads numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Noted, Rule, Silent, State

Numbers = Callable[[], torch.Tensor]
"""Computes what a truth value is as a number."""

_TEXT = "wrote comparisons as steps from 0 to 1"


def _step(difference: torch.Tensor) -> torch.Tensor:
    """1 where the difference is above 0."""
    return difference.clamp(0, 1).ceil()


def _less(a: Any, b: Any) -> Any:
    """A - b, with nothing to take off where b is the number 0."""
    return a if not isinstance(b, torch.Tensor) and b == 0 else a - b


_NUMBERS: dict[str, Callable[[Any, Any], torch.Tensor]] = {
    "gt": lambda a, b: _step(_less(a, b)),
    "lt": lambda a, b: _step(_less(b, a)),
    "ge": lambda a, b: 1.0 - _step(_less(b, a)),
    "le": lambda a, b: 1.0 - _step(_less(a, b)),
    "ne": lambda a, b: _step(_less(a, b).abs()),
    "eq": lambda a, b: 1.0 - _step(_less(a, b).abs()),
}


def _comparison(function: Callable[..., torch.Tensor], name: str) -> Rule:
    def rule(state: State, a: Any, b: Any, **kwargs: Any) -> Any:
        floating = all(not isinstance(each, torch.Tensor) or each.is_floating_point() for each in (a, b))
        if kwargs or not floating:
            return NotImplemented
        result = function(a, b)
        state.masks[id(result)] = lambda: _NUMBERS[name](a, b)
        return Silent(result)

    return rule


def _numbers(state: State, value: Any) -> torch.Tensor | None:
    """What a truth value is as a number; None for any other value."""
    known = state.masks.get(id(value))
    if known is None:
        return None
    numbers: torch.Tensor = known()
    state.masks[id(value)] = lambda: numbers
    return numbers


def _logic(function: Callable[..., torch.Tensor], numbers: Callable[..., torch.Tensor]) -> Rule:
    """Follow truth values through not, and, or."""

    def rule(state: State, *masks: Any) -> Any:
        found = [_numbers(state, each) for each in masks]
        if any(each is None for each in found):
            return NotImplemented
        result = function(*masks)
        state.masks[id(result)] = lambda: numbers(*found)
        return Silent(result)

    return rule


def _cast(state: State, x: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """Give numbers in the place of truth values where floating ones are asked for."""
    wanted = [each for each in (*args, *kwargs.values()) if isinstance(each, torch.dtype | torch.Tensor)]
    dtypes = [each.dtype if isinstance(each, torch.Tensor) else each for each in wanted]
    if any(dtype not in (torch.float32, None) for dtype in dtypes):
        return NotImplemented
    found = _numbers(state, x)
    return NotImplemented if found is None else Noted(found, _TEXT)


def _product(state: State, a: Any, b: Any, **kwargs: Any) -> Any:
    """Multiply by numbers."""
    found = [_numbers(state, each) for each in (a, b)]
    if kwargs or found == [None, None]:
        return NotImplemented
    left, right = (each if own is None else own for each, own in zip((a, b), found, strict=True))
    return Noted(left * right, _TEXT)


def _where(state: State, mask: Any, a: Any = None, b: Any = None) -> Any:
    """Choose a where the mask is true and b elsewhere, as m a + (1 - m) b."""
    if a is None or b is None:
        return NotImplemented
    finite = all(isinstance(each, torch.Tensor) or abs(float(each)) < float("inf") for each in (a, b))
    found = _numbers(state, mask) if finite else None
    return NotImplemented if found is None else Noted(found * a + (1.0 - found) * b, _TEXT)


def _chosen(state: State, a: torch.Tensor, mask: Any, b: Any) -> Any:
    """The method of the tensor that is chosen."""
    return _where(state, mask, a, b)


def _masked_fill(state: State, x: torch.Tensor, mask: Any, value: Any) -> Any:
    return _where(state, mask, value, x)


def _threshold(state: State, x: torch.Tensor, threshold: float, value: float, inplace: bool = False) -> Any:
    """X above the threshold, and a value elsewhere."""
    if inplace:
        return NotImplemented
    above = _step(_less(x, threshold))
    return Noted(x * above + (1.0 - above) * value, _TEXT)


def _names(*names: str) -> list[Any]:
    """The functions of these names, and the methods."""
    places = ((place, name) for place in (torch, torch.Tensor) for name in names)
    return [getattr(place, name) for place, name in places if hasattr(place, name)]


_LOGIC: dict[str, tuple[tuple[str, ...], Callable[..., torch.Tensor]]] = {
    "logical_not": (("bitwise_not", "__invert__"), lambda a: 1.0 - a),
    "logical_and": (("bitwise_and", "__and__"), lambda a, b: a * b),
    "logical_or": (("bitwise_or", "__or__"), torch.maximum),
}
RULES: dict[Any, tuple[str, Rule]] = {
    **{
        each: ("", _comparison(getattr(torch, name), name))
        for name in _NUMBERS
        for each in _names(name, f"__{name}__")
    },
    **{
        each: ("", _logic(getattr(torch, name), numbers))
        for name, (others, numbers) in _LOGIC.items()
        for each in _names(name, *others)
    },
    **dict.fromkeys(_names("float", "to", "type", "type_as"), ("", _cast)),
    **dict.fromkeys(_names("mul", "multiply", "__mul__", "__rmul__"), ("", _product)),
    **dict.fromkeys(_names("masked_fill"), ("", _masked_fill)),
    F.threshold: ("", _threshold),
    torch.where: ("", _where),
    torch.Tensor.where: ("", _chosen),
}
