"""Norms and matrix products whose scale or offset alone is wrong: y = w z + b with another w or b."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from edgekit.graph import Layer
from edgekit.numerics.metrics import Array
from edgekit.verifier.variant import Variant

_TENSORS = {
    "BatchNorm": ("slope_data", "bias_data", 0),
    "Gemm": ("B_data", "C_data", -1),
    "GroupNorm": ("gamma_data", "beta_data", 0),
    "InstanceNorm": ("gamma_data", "beta_data", 0),
    "LayerNorm": ("gamma_data", "beta_data", -1),
}
"""The tensor that multiplies, the one that is added, and the axis of the result that it lies along."""


def refitted(layer: Layer, actual: Array, wanted: Array) -> Iterator[Variant]:
    """Yield the layer with its scale times one factor, then with another offset, by least squares."""
    if layer.type not in _TENSORS or actual.shape != wanted.shape or actual.ndim < 2:
        return
    scale, offset, axis = _TENSORS[layer.type]
    y, r = (np.moveaxis(each.astype(np.float64), axis, -1) for each in (actual, wanted))
    given, added = layer.weight(scale), layer.weight(offset)
    if not (np.isfinite(y).all() and np.isfinite(r).all()):
        return
    b = np.zeros(1) if added is None else added.astype(np.float64).reshape(-1)
    if b.size not in (1, y.shape[-1]):
        return
    if given is not None and (y - b).any():
        factor = float(np.vdot(y - b, r - b) / np.vdot(y - b, y - b))
        words = f"its {scale} times {factor:.6g}"
        yield Variant(_with(layer, scale, given.astype(np.float64) * factor), words)
    if added is not None and b.size == y.shape[-1]:
        other = b + (r - y).reshape(-1, b.size).mean(0)
        before = f"{b.min():.4g} to {b.max():.4g}" if b.any() else "nothing but zeros"
        words = f"{offset} of {other.min():.4g} to {other.max():.4g} instead of {before}"
        yield Variant(_with(layer, offset, other.reshape(added.shape)), words)


def _with(layer: Layer, name: str, data: Array) -> Layer:
    weights = tuple(
        replace(each, data=np.asarray(data, np.float32)) if each.name == name else each
        for each in layer.weights
    )
    return replace(layer, weights=weights)
