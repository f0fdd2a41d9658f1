"""A layer that sums products, as rows times columns: patches of its input and rows of its weight.

Of a large layer a part is taken: some positions (those where the output is largest, and others spread
evenly) and some output channels. Every element of the part has all its products, in the order in which
ncnn adds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import UserError
from edgekit.graph import Layer
from edgekit.numerics.halves import NORMAL
from edgekit.ops import Activation, Params, activation, decode, describe, spec_of
from edgekit.ops.half import takes_winograd

Array = npt.NDArray[Any]
Sides = tuple[tuple[int, int], tuple[int, int]]

POSITIONS, CHANNELS = 48, 48
"""How much of a layer is taken at most."""


@dataclass(frozen=True, slots=True, eq=False)
class Products:
    """Groups of products: `rows` (g, positions, K), `columns` (g, channels, K), `bias` (g, channels).

    `size` is the number of elements of the whole output, `lanes` how many partial sums ncnn keeps.
    """

    rows: Array
    columns: Array
    bias: Array
    size: int
    activation: Activation | None = None
    lanes: int = 1

    @property
    def taken(self) -> int:
        """How many elements of the output the part has."""
        return int(self.rows.shape[0] * self.rows.shape[1] * self.columns.shape[1])


def products_of(layer: Layer, inputs: Mapping[str, Array], output: Array) -> Products | None:
    """Return the products behind a layer's output, None for a layer that sums none or in another way."""
    rule = {
        "Convolution": _convolution,
        "ConvolutionDepthWise": _convolution,
        "Convolution1D": _convolution,
        "Deconvolution": _deconvolution,
        "DeconvolutionDepthWise": _deconvolution,
        "InnerProduct": _inner_product,
        "Gemm": _gemm,
        "MatMul": _matmul,
    }.get(layer.type)
    if rule is None or any(blob not in inputs for blob in layer.inputs):
        return None
    try:
        return rule(layer, [np.asarray(inputs[blob], np.float32) for blob in layer.inputs], output)
    except (UserError, ValueError, IndexError, KeyError):
        return None  # an exotic form of the layer: the caller has a rule for any


def _spread(count: int, most: int) -> Array:
    """Return at most `most` indices below `count`, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def strongest(strength: Array, most: int) -> Array:
    """Return indices: half of them those with the largest strength, half spread evenly."""
    if strength.size <= most:
        return np.arange(strength.size)
    count = (most + 1) // 2
    top = np.argsort(-strength, kind="stable")[:count]
    return np.union1d(top, _spread(strength.size, most - count)) if most > count else top


def _values(layer: Layer, name: str) -> Array | None:
    for weight in layer.weights:
        if weight.name == name:
            return np.asarray(weight.values(), np.float32)
    return None


def _bias(layer: Layer, count: int) -> Array:
    found = _values(layer, "bias_data")
    return np.zeros(count, np.float32) if found is None or found.size != count else found.reshape(-1)


def _convolution(layer: Layer, inputs: list[Array], output: Array) -> Products | None:
    """Input (c, [h,] w), weight (o, c / g, [kh,] kw), output (o, [oh,] ow)."""
    facts = describe(layer)
    weight = _values(layer, "weight_data")
    if weight is None or len(inputs) != 1:
        return None
    planar = inputs[0] if layer.type != "Convolution1D" else inputs[0][:, None, :]
    if planar.ndim != 3:
        return None
    result = output if output.ndim == 3 else output[:, None, :]
    kernel, stride, dilation, pads = (_two(facts[key]) for key in ("kernel", "stride", "dilation", "pads"))
    sides = _sides(pads, planar.shape[1:], result.shape[1:], kernel, stride, dilation)
    padded = np.pad(planar, ((0, 0), *sides))
    places = strongest(np.abs(result).max(0).reshape(-1), POSITIONS)
    top, left = places // result.shape[2] * stride[0], places % result.shape[2] * stride[1]
    return _grouped(layer, weight, result, _patches(padded, top, left, kernel, dilation))


def _grouped(layer: Layer, weight: Array, result: Array, patches: Array) -> Products:
    """Patches (positions, c, k), weight (o, c / g, ...): take the groups and channels with most in them."""
    channels, group, places = result.shape[0], _int(describe(layer).get("group", 1)), patches.shape[0]
    reach = np.abs(weight.reshape(channels, -1)).sum(1) + np.abs(result).reshape(channels, -1).max(1)
    groups = strongest(reach.reshape(group, -1).max(1), CHANNELS)
    inside = reach.reshape(group, -1).max(0)
    each = strongest(inside, max(1, CHANNELS // len(groups)))
    per = patches.shape[1] // group
    rows = patches.reshape(places, group, per, -1)[:, groups]  # (p, g, c / g, k)
    columns = weight.reshape(group, channels // group, per, -1)[groups][:, each]  # (g, o, c / g, k)
    bias = _bias(layer, channels).reshape(group, -1)[groups][:, each]
    return Products(
        rows=rows.transpose(1, 0, 2, 3).reshape(len(groups), places, -1),
        columns=columns.reshape(len(groups), len(each), -1),
        bias=bias,
        size=result.size,
        activation=activation(layer),
    )


def _deconvolution(layer: Layer, inputs: list[Array], output: Array) -> Products | None:
    """A convolution with the kernel turned round, over the input with zeros between its numbers.

    ncnn adds up the channels for each number of the kernel (a matrix product), then these sums.
    """
    facts = describe(layer)
    weight = _values(layer, "weight_data")
    if weight is None or len(inputs) != 1 or inputs[0].ndim != 3 or output.ndim != 3:
        return None
    kernel, stride, dilation, pads = (_two(facts[key]) for key in ("kernel", "stride", "dilation", "pads"))
    if min(low for low, _ in pads) < 0:
        return None
    x = inputs[0]
    wide = np.zeros(
        (x.shape[0], *(stride[axis] * (x.shape[axis + 1] - 1) + 1 for axis in (0, 1))), np.float32
    )
    wide[:, :: stride[0], :: stride[1]] = x
    reach = [dilation[axis] * (kernel[axis] - 1) for axis in (0, 1)]
    padded = np.pad(wide, ((0, 0), *((each, each + stride[axis]) for axis, each in enumerate(reach))))
    places = strongest(np.abs(output).max(0).reshape(-1), POSITIONS)
    top, left = places // output.shape[2] + pads[0][0], places % output.shape[2] + pads[1][0]
    found = _grouped(layer, weight[..., ::-1, ::-1], output, _patches(padded, top, left, kernel, dilation))
    return replace(found, lanes=kernel[0] * kernel[1] if layer.type == "Deconvolution" else 1)


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """A 3x3 convolution that ncnn computes in tiles: padded input (c, h, w), weight (o, c, 3, 3)."""

    padded: Array
    weight: Array
    bias: Array
    activation: Activation | None


def tiles_of(layer: Layer, inputs: Mapping[str, Array], output: Array) -> Tiles | None:
    """Return what a winograd kernel is given, None where ncnn has none for the layer."""
    weight = _values(layer, "weight_data")
    if not takes_winograd(layer) or weight is None or output.ndim != 3 or layer.inputs[0] not in inputs:
        return None
    x = np.asarray(inputs[layer.inputs[0]], np.float32)
    if x.ndim != 3:
        return None
    pads = _two(describe(layer)["pads"])
    sides = _sides(pads, x.shape[1:], output.shape[1:], (3, 3), (1, 1), (1, 1))
    shaped = weight.reshape(output.shape[0], x.shape[0], 3, 3)
    bias = _bias(layer, output.shape[0])
    return Tiles(np.pad(x, ((0, 0), *sides)), shaped, bias, activation(layer))


def _two(value: Any) -> tuple[Any, ...]:
    """Return a window's numbers for height and width; one-dimensional windows have height 1."""
    found = tuple(value)
    if len(found) == 2:
        return found
    return (((0, 0) if isinstance(found[0], tuple) else 1), found[0])


def _int(value: Any) -> int:
    return int(value)


def _sides(
    pads: tuple[Any, ...],
    size: tuple[int, ...],
    out: tuple[int, ...],
    kernel: tuple[Any, ...],
    stride: tuple[Any, ...],
    dilation: tuple[Any, ...],
) -> Sides:
    """Return the padding; what ncnn computes from the output's size (-233, -234) is computed here too."""
    found = []
    for axis in (0, 1):
        low, high = (int(each) for each in pads[axis])
        if low < 0:
            need = max(
                0, (out[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - size[axis]
            )
            low, high = (need // 2, need - need // 2) if low == -233 else (need - need // 2, need // 2)
        found.append((low, high))
    return found[0], found[1]


def _patches(
    padded: Array, top: Array, left: Array, kernel: tuple[Any, ...], dilation: tuple[Any, ...]
) -> Array:
    """Return (positions, c, kh * kw): what a window with these upper left corners sees."""
    down = top[:, None] + np.arange(kernel[0]) * dilation[0]  # (p, kh)
    right = left[:, None] + np.arange(kernel[1]) * dilation[1]  # (p, kw)
    seen = padded[:, down[:, :, None], right[:, None, :]]  # (c, p, kh, kw)
    return seen.transpose(1, 0, 2, 3).reshape(len(top), padded.shape[0], -1)


def _dense(
    rows: Array, columns: Array, bias: Array, output: Array, fused: Activation | None = None
) -> Products:
    """Rows (p, K) and columns (o, K): take the strongest rows and some columns.

    What a cast may make zero counts as one size, so that the same rows are taken before and after it.
    """
    strength = np.maximum(np.abs(rows), NORMAL).astype(np.float64).sum(-1)
    places = strongest(strength, POSITIONS)
    each = strongest(np.abs(columns).astype(np.float64).sum(-1), CHANNELS)
    return Products(rows[places][None], columns[each][None], bias[each][None], output.size, fused)


def _inner_product(layer: Layer, inputs: list[Array], output: Array) -> Products | None:
    weight = _values(layer, "weight_data")
    if weight is None:
        return None
    columns = weight.reshape(_int(describe(layer)["num_output"]), -1)
    rows = inputs[0].reshape(-1, columns.shape[1])
    found = _dense(rows, columns, _bias(layer, columns.shape[0]), output, activation(layer))
    return replace(found, lanes=8 if rows.shape[0] == 1 else 1)


def _gemm(layer: Layer, inputs: list[Array], output: Array) -> Products | None:
    """A (M, K) times B (K, N) plus C, constant or blobs, in any order that `Gemm` knows."""
    params = decode(spec_of(layer.type, layer.name), layer)
    left, right = list(inputs), [_values(layer, name) for name in ("A_data", "B_data", "C_data")]
    a = right[0] if params.integer("constantA") else left.pop(0)
    b = right[1] if params.integer("constantB") else left.pop(0)
    if a is None or b is None or a.ndim > 2 or b.ndim > 2 or params.number("alpha") != 1:
        return None
    rows = a.T if params.integer("transA") else a
    columns = b if params.integer("transB") else b.T
    bias = _gemm_bias(params, right[2], columns.shape[0])
    return _dense(np.atleast_2d(rows), np.atleast_2d(columns), bias, output)


def _gemm_bias(params: Params, constant: Array | None, count: int) -> Array:
    if constant is not None and constant.size == count:
        return constant.reshape(-1) * params.number("beta")
    return np.zeros(count, np.float32)


def _matmul(layer: Layer, inputs: list[Array], output: Array) -> Products | None:
    """(..., M, K) times (..., K, N), or (..., N, K) transposed; the products of one matrix of the batch."""
    transposed = decode(spec_of(layer.type, layer.name), layer).integer("transB")
    a, b = inputs
    if a.ndim < 2 or b.ndim < 2:
        return None
    a, b = a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:])
    columns = b if transposed else b.swapaxes(-1, -2)
    batch = max(a.shape[0], columns.shape[0])
    chosen = _spread(batch, 8)
    a, columns = (np.broadcast_to(each, (batch, *each.shape[1:]))[chosen] for each in (a, columns))
    rows = a[:, _spread(a.shape[1], POSITIONS)]
    columns = columns[:, _spread(columns.shape[1], CHANNELS)]
    bias = np.zeros(columns.shape[:2], np.float32)
    return Products(rows, columns, bias, output.size)
