"""Recognise weighted layers by their weights, whatever a BatchNorm folded into them.

Folding scales each output channel's row of the weight matrix, so rows of unit length survive it up to
their sign. A layer is recognised when most of its rows point the same way as the candidate's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from edgekit.alignment import families
from edgekit.alignment.kinds import short
from edgekit.graph import Graph, Layer
from edgekit.runtimes.trace import Array, Trace

_SAME_DIRECTION = 0.9999  # fp16 rounding turns a row of random weights by about 2e-4
_MOST_ROWS = 64
_FEATURE_ROWS = 8
_DIRECTIONS = 4
_NEAR = 1e-3


def fingerprints(graph: Graph, trace: Trace) -> Mapping[int, frozenset[int]]:
    """Return, for each weighted layer that was recognised, the trace nodes with its weights.

    Several nodes when blocks share equal weights; a layer without weights at hand is left out.
    """
    weights = _product_weights(trace)
    groups: dict[tuple[object, ...], _Group] = {}
    found: dict[int, frozenset[int]] = {}
    for index, layer in enumerate(graph.layers):
        rows = _layer_rows(layer)
        if rows is None:
            continue
        key = (rows.shape, "Deconvolution" in layer.type)
        if key not in groups:
            groups[key] = _Group.of(layer, rows.shape, weights)
        nodes = groups[key].alike(rows)
        if nodes:
            found[index] = nodes
    return found


@dataclass(frozen=True, slots=True)
class _Group:
    """The trace's weights of one shape, with a short feature of each so that few have to be compared."""

    nodes: tuple[int, ...]
    rows: tuple[Array, ...]
    features: Array  # (weights, features)

    @classmethod
    def of(cls, layer: Layer, shape: tuple[int, ...], weights: Mapping[int, Array]) -> _Group:
        """Collect the weights that may be a layer's, each in every order in which the layer may hold it."""
        pairs = [
            (node, rows)
            for node, weight in weights.items()
            if weight.size == shape[0] * shape[1]
            for rows in _orders(layer, weight, shape)
        ]
        features = [_feature(rows) for _, rows in pairs]
        return cls(
            tuple(node for node, _ in pairs),
            tuple(rows for _, rows in pairs),
            np.stack(features) if features else np.empty((0, 1)),
        )

    def alike(self, rows: Array) -> frozenset[int]:
        """Return the nodes whose rows point the same ways as these."""
        distance = np.median(np.abs(self.features - _feature(rows)), axis=1)
        near = np.flatnonzero(distance < _NEAR)
        return frozenset(self.nodes[place] for place in near if _same(rows, self.rows[place]))


def _feature(rows: Array) -> Array:
    """|cosine| of a few rows with a few fixed random directions: blind to scale and sign of each row."""
    some = rows[:: max(1, rows.shape[0] // _FEATURE_ROWS)][:_FEATURE_ROWS].astype(np.float64)
    directions = np.random.default_rng(rows.shape[1]).standard_normal((rows.shape[1], _DIRECTIONS))
    directions /= np.linalg.norm(directions, axis=0)
    lengths = np.maximum(np.linalg.norm(some, axis=1, keepdims=True), 1e-30)
    feature: Array = np.abs(some @ directions / lengths).reshape(-1)
    return feature


def _product_weights(trace: Trace) -> dict[int, Array]:
    """Product node -> its constant weight, looked up through views (a linear layer multiplies by W^T)."""
    found = {}
    for node in trace.nodes:
        if short(node.op) not in families.PRODUCTS:
            continue
        for value in node.inputs:
            origin = _constant_behind(trace, value)
            if origin is not None and trace.values[origin].ndim >= 2:
                found[node.index] = trace.values[origin]
                break
    return found


def _constant_behind(trace: Trace, value: int) -> int | None:
    while value not in trace.constants:
        producer = trace.producers.get(value)
        if producer is None or not families.is_view(trace.nodes[producer].op):
            return None
        inputs = trace.nodes[producer].inputs
        if len(inputs) != 1:
            return None
        value = inputs[0]
    return value


def _layer_rows(layer: Layer) -> Array | None:
    """The layer's weight as (output channels, the rest), None without one."""
    if not families.is_weighted(layer):
        return None
    stored = next((weight for weight in layer.weights if weight.name == "weight_data"), None)
    if stored is None or stored.data.size == 0:
        return None
    data = np.asarray(stored.values(), np.float32)
    return data.reshape(data.shape[0], -1) if data.ndim > 1 else None


def _orders(layer: Layer, weight: Array, shape: tuple[int, ...]) -> list[Array]:
    """The trace's weight in the orders in which the layer may hold it."""
    found = [weight.reshape(shape)] if weight.shape[0] == shape[0] else []
    if "Deconvolution" in layer.type and weight.ndim > 2:
        swapped = np.swapaxes(weight, 0, 1)  # PyTorch: (in, out, ...); ncnn: (out, in, ...)
        if swapped.shape[0] == shape[0]:
            found.append(swapped.reshape(shape))
    if weight.ndim == 2 and weight.shape[1] == shape[0]:
        found.append(weight.T.reshape(shape))
    return found


def _same(mine: Array, theirs: Array) -> bool:
    step = max(1, mine.shape[0] // _MOST_ROWS)
    a, b = mine[::step].astype(np.float64), theirs[::step].astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    usable = lengths > 0
    if a.shape[1] == 1 or not usable.any():
        return False
    cosines = np.abs(np.sum(a * b, axis=1)[usable] / lengths[usable])
    return bool(np.mean(cosines > _SAME_DIRECTION) > 0.5)
