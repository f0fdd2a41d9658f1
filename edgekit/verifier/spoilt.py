"""Weights that can be seen to be wrong: NaN or infinity, nothing but zeros, or rounded to half precision."""

from __future__ import annotations

import numpy as np

from edgekit.graph import Graph, Layer, Weight

_CONSTANTS = ("MemoryData",)
"""Types whose numbers are data of the model: a mask of attention is made of zeros and infinities, rightly."""

_OFFSETS = ("bias", "beta", "C_", "mean")
"""How the names begin of tensors that are added: zeros in them mean nothing."""

_FEWEST_ROUNDED = 16


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
    if not weight.name.startswith(_OFFSETS) and values.size > 1 and not values.any():
        return f"{weight.name} is zero in all of its {values.size} numbers"
    return None


def _located(name: str, where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], what: str) -> str:
    first = ", ".join(str(at) for at in np.unravel_index(int(where.argmax()), where.shape))
    return f"{name} is {what} in {int(where.sum())} of its {where.size} numbers, first at [{first}]"


def rounded_weights(graph: Graph) -> dict[int, list[str]]:
    """Return layer index -> the tensors that hold nothing but numbers of fp16, as clauses.

    Nothing where most layers are so: a model trained or stored in half precision is no fault of a layer.
    """
    weighted = [index for index, layer in enumerate(graph.layers) if any(map(_can_tell, layer.weights))]
    found = {
        index: [
            f"{weight.name} holds nothing but numbers that fp16 has, as if rounded to it"
            for weight in graph.layers[index].weights
            if _can_tell(weight) and _is_rounded(weight.values())
        ]
        for index in weighted
    }
    found = {index: words for index, words in found.items() if words}
    return found if 2 * len(found) < len(weighted) else {}


def _can_tell(weight: Weight) -> bool:
    return weight.data.size >= _FEWEST_ROUNDED and weight.table is None and weight.data.dtype.kind == "f"


def _is_rounded(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    """Whether all numbers are those of fp16, and not few different ones, as in a filter made by hand."""
    if not np.isfinite(values).all():
        return False
    with np.errstate(over="ignore"):
        same = bool(np.array_equal(values.astype(np.float16).astype(values.dtype), values))
    return same and 2 * len(np.unique(values)) > values.size
