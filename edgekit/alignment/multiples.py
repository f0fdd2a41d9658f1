"""Blobs that hold a multiple of a PyTorch tensor: the first half of what a converter wrote as two layers.

A sum over one axis, for example, goes to ncnn by ONNX as the mean and a multiplication by the axis's size.
The mean is the sum in other units: it has the sum's operations, place and noise, divided by the size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgekit.alignment.matching import TOLERANCE, Observation
from edgekit.alignment.model import BlobAlignment, Method
from edgekit.alignment.noise import is_exact
from edgekit.alignment.state import State
from edgekit.graph import Layer

_MUL, _DIV = 2, 3  # ncnn BinaryOp, parameter 0


def align_multiples(state: State, seen: Mapping[str, Observation]) -> None:
    """Give a blob without a tensor that of the layer that only multiplies it, where the numbers agree."""
    for layer in state.graph.layers:
        factor = _factor(layer)
        if factor is None or layer.outputs[0] not in state.chosen or layer.inputs[0] in state.chosen:
            continue
        blob, found = layer.inputs[0], seen.get(layer.inputs[0])
        producer = state.graph.layers[state.graph.blobs[blob].producer]
        if is_exact(producer):  # of a tensor in other units no layer has every bit
            continue
        if found is not None and found.finite and len(state.graph.blobs[blob].consumers) == 1:
            entry = _in_other_units(state, blob, found, state.chosen[layer.outputs[0]], factor)
            if entry is not None:
                state.chosen[blob] = entry


def _factor(layer: Layer) -> float | None:
    """What a layer multiplies its one input by; None for one that does something else."""
    operation, number = layer.params.get("0", 0), layer.params.get("2", 0.0)
    scalar = layer.type == "BinaryOp" and layer.params.get("1", 0) == 1 and len(layer.inputs) == 1
    if not scalar or operation not in (_MUL, _DIV) or not isinstance(number, int | float) or number == 0:
        return None
    return float(number) if operation == _MUL else 1 / float(number)


def _in_other_units(
    state: State, blob: str, seen: Observation, product: BlobAlignment, factor: float
) -> BlobAlignment | None:
    times = replace(seen, arrays=tuple(array * np.float32(factor) for array in seen.arrays))
    if times.arrays[0].shape != product.layout.shape:
        return None
    error = state.index.error(times, product.value, product.layout)
    if error > TOLERANCE:
        return None
    return BlobAlignment(
        blob, product.value, product.layout, Method.TOPOLOGY, product.confidence, error, 1 / factor
    )
