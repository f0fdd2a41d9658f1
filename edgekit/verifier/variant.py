"""A layer that could have been meant, and the words for how it differs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from edgekit.graph import Layer, Param
from edgekit.numerics.metrics import Array


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A layer that could have been meant, and how it differs: `axis 0 instead of 1 (0=0 in the .param)`.

    `factor` and `shift` are applied to its first input before it runs, channel by channel.
    """

    layer: Layer
    words: str
    factor: Array | None = None
    shift: Array | None = None

    def feed(self, given: Array) -> Array:
        """Return what the first input is with `factor` and `shift`, channels outermost."""
        if self.factor is None or self.shift is None:
            return given
        sizes = (-1, *(1,) * (given.ndim - 1))
        moved = given * self.factor.reshape(sizes) + self.shift.reshape(sizes)
        return moved.astype(np.float32)


def changed(layer: Layer, changes: Mapping[str, Param], words: str) -> Variant:
    """A layer with other parameters, said in words and as the .param spells it."""
    edit = " ".join(_assignment(key, value) for key, value in changes.items())
    meant = replace(layer, params={**layer.params, **changes}, text=None)
    return Variant(meant, f"{words} ({edit} in the .param)")


def _assignment(key: str, value: Param) -> str:
    """`9=3`, and `-23310=2,0.0,6.0` for an array."""
    if isinstance(value, tuple):
        return f"{-23300 - int(key)}=" + ",".join([str(len(value)), *map(_spelled, value)])
    return f"{key}={_spelled(value)}"


def _spelled(value: Param) -> str:
    """A number with a point or an exponent where it is a float."""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.9g}"
    return text if any(sign in text for sign in ".en") else f"{text}.0"
