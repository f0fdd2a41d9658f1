"""Weights that are no weights: tensors of a layer that hold NaN or infinity, or nothing but zeros."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Layer, Weight

_CONSTANTS = ("MemoryData",)
"""Types whose numbers are data of the model: a mask of attention is made of zeros and infinities, rightly."""


def spoilt(layer: Layer) -> list[str]:
    """Name the weight tensors that no training leaves like that, as clauses that begin with the tensor.

    NaN and infinity are counted and the first is located (by its index in ncnn's layout). A tensor of zeros
    is told where it multiplies; a bias may be zero.
    """
    return [words for weight in layer.weights if (words := _spoilt(weight, layer.type)) is not None]


def _spoilt(weight: Weight, kind: str) -> str | None:
    values = np.asarray(weight.values())
    if values.size == 0 or not np.issubdtype(values.dtype, np.floating):
        return None
    nan = np.isnan(values)
    if nan.any():
        return _located(weight.name, nan, "NaN")
    if kind in _CONSTANTS:
        return None
    infinite = np.isinf(values)
    if infinite.any():
        return _located(weight.name, infinite, "infinite")
    if weight.name.startswith("weight") and values.size > 1 and not values.any():
        return f"{weight.name} is zero in all of its {values.size} numbers"
    return None


def _located(name: str, where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], what: str) -> str:
    first = ", ".join(str(at) for at in np.unravel_index(int(where.argmax()), where.shape))
    return f"{name} is {what} in {int(where.sum())} of its {where.size} numbers, first at [{first}]"
