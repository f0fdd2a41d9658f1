"""Softmax and attention in half precision, as ncnn computes them.

A softmax takes off the maximum first and adds up in fp16. The logits of an attention are sums in fp16, scaled
only at their end (`Gemm` with alpha): they may leave the range although what goes in and comes out fits. So
does `MultiHeadAttention`, which is four such products of weights around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.graph import Layer
from edgekit.ops import describe

Array = npt.NDArray[Any]
Round = Callable[[Array], Array]

_MOST_PRODUCTS = 10**9


def softmax(x: Array, axis: int, step: Round) -> Array:
    """Return exp(x - max) over its sum; `step` rounds."""
    powers = step(np.exp(step(x - x.max(axis, keepdims=True))))
    if not rounds(step):
        shares: Array = powers / powers.sum(axis, keepdims=True)
        return shares
    total = np.zeros_like(powers.take([0], axis))
    for index in range(powers.shape[axis]):
        total = step(total + powers.take([index], axis))
    return step(powers * step(1 / total))


def rounds(step: Round) -> bool:
    """Whether a step of a sum is rounded to half precision."""
    return bool(step(np.asarray(1 + 2.0**-20)) == 1)


def sdpa(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    """Inputs Q (heads, n, d), K (groups, m, d), V (groups, m, e), a mask (n, m); result (heads, n, e)."""
    facts: Mapping[str, Any] = describe(layer)
    if facts["kv_cache"] or len(inputs) < 3 or any(each.ndim != 3 for each in inputs[:3]):
        return None
    query, key, value = inputs[:3]
    scale = facts["scale"] or 1 / np.sqrt(query.shape[-1])
    key, value = (np.repeat(each, query.shape[0] // each.shape[0], 0) for each in (key, value))
    mask = step(inputs[3] / scale) if facts["attn_mask"] else None
    return _attended(query, key, value, mask, scale, step)


def multi_head(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    """Inputs (n, d), one for all or one each for query, key and value, and a mask; result (n, d)."""
    facts: Mapping[str, Any] = describe(layer)
    given = inputs[:-1] if facts["attn_mask"] else inputs
    if facts["kv_cache"] or facts["quantize_term"] or any(each.ndim != 2 for each in given):
        return None
    query, key, value = (given[min(place, len(given) - 1)] for place in range(3))
    weights = {each.name: np.asarray(each.values(), np.float64) for each in layer.weights}
    heads, width = facts["num_heads"], facts["embed_dim"]

    def projected(x: Array, name: str, scale: float = 1.0) -> Array:
        weight = weights[f"{name}_weight_data"].reshape(-1, x.shape[-1])
        return step(_product(x[None], weight.T[None], weights[f"{name}_bias_data"], step)[0] * scale)

    q, k, v = (
        projected(x, name, scale).reshape(len(x), heads, width // heads).swapaxes(0, 1)
        for x, name, scale in ((query, "q", facts["scale"]), (key, "k", 1.0), (value, "v", 1.0))
    )
    found = _attended(q, k, v, inputs[-1] if facts["attn_mask"] else None, 1.0, step)
    return None if found is None else projected(found.swapaxes(0, 1).reshape(-1, width), "out")


def _attended(q: Array, k: Array, v: Array, mask: Array | None, scale: float, step: Round) -> Array | None:
    if q.size * k.shape[1] + q.shape[0] * q.shape[1] * v[0].size > _MOST_PRODUCTS:
        return None
    logits = _product(q, k.swapaxes(1, 2), np.zeros(()) if mask is None else mask, step)
    return _product(softmax(step(logits * scale), -1, step), v, np.zeros(()), step)


def _product(a: Array, b: Array, bias: Array, step: Round) -> Array:
    """(g, n, K) times (g, K, m), one product added after another, beginning with the bias."""
    total = np.broadcast_to(bias, (a.shape[0], a.shape[1], b.shape[2]))
    if not rounds(step):
        exact: Array = a @ b + total
        return exact
    for k in range(a.shape[2]):
        total = step(total + a[:, :, k, None] * b[:, None, k])
    return total
