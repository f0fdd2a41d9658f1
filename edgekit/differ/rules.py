"""What the rules that lower a layer share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from edgekit.differ.draft import Shape
from edgekit.errors import FormatError
from edgekit.graph import Layer
from edgekit.ops import Params, describe

Facts = dict[str, Any]
Lowered = tuple[str, Facts]
"""A kind and its facts."""
Rule = Callable[[Layer, Params, list[Shape | None]], Lowered]

_NO_FACTS = ("top_shapes", "featmask", "30", "31", "int8_scale_term", "fixbug0")


def plain_facts(layer: Layer) -> Facts:
    """Return all parameters of a layer in words, for types without a rule of their own."""
    try:
        facts = dict(describe(layer))
    except FormatError:
        facts = dict(layer.params)
    return {name: _plain(value) for name, value in facts.items() if name not in _NO_FACTS}


def _plain(value: Any) -> Any:
    """Return a value with the numbers in it rounded: files spell one number in several ways."""
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return rounded(value) if isinstance(value, float) and math.isfinite(value) else value


def rounded(value: float) -> float:
    """Return a number without the noise of its spelling: six significant digits."""
    return float(f"{value:.6g}")
