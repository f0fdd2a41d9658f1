"""Layers that are computed whole, above all functions of single numbers, in half precision as ncnn does.

fp16's `exp` takes its argument as 10.74 at most (`c_exp_hi_f16` in neon_mathfun_fp16s.h): it saturates near
46300 and never becomes infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import UserError
from edgekit.forecaster.attention import multi_head, rounds, sdpa, softmax
from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.outcome import Outcome, outcome
from edgekit.forecaster.recurrent import gru, lstm, sigmoid
from edgekit.forecaster.windows import average
from edgekit.graph import Layer
from edgekit.numerics.floors import largest
from edgekit.numerics.halves import cast, rounded
from edgekit.ops import decode, describe, spec_of

Array = npt.NDArray[Any]
Round = Callable[[Array], Array]

_EXP_HIGHEST = 10.7421875


def _above_zero(x: Array) -> Array:
    """The logarithm of zero is NaN in ncnn's vectors."""
    return np.where(x > 0, x, np.nan)


_UNARY: Mapping[str, Callable[[Array], Array]] = {
    "abs": np.abs, "neg": np.negative, "square": np.square, "sqrt": np.sqrt, "exp": np.exp,
    "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x, "tanh": np.tanh, "sin": np.sin,
    "cos": np.cos, "log": lambda x: np.log(_above_zero(x)), "log10": lambda x: np.log10(_above_zero(x)),
}  # fmt: skip
_BINARY: Mapping[str, Callable[[Array, Array], Array]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "max": np.maximum,
    "min": np.minimum, "pow": np.power, "rsub": lambda x, y: y - x, "rdiv": lambda x, y: y / x,
}  # fmt: skip


def of_function(
    layer: Layer, inputs: Mapping[str, Array], output: Array, kernel: Kernel, precision: str
) -> Outcome | None:
    """Return what a layer that is a function of its inputs gives; None for a type that is not known here."""
    rule = _RULES.get(layer.type)
    if rule is None or any(blob not in inputs for blob in layer.inputs):
        return None
    arrays = [np.asarray(inputs[blob], np.float64) for blob in layer.inputs]
    halves = [cast(inputs[blob], precision).astype(np.float64) for blob in layer.inputs]
    step = _step(kernel, precision)
    with np.errstate(all="ignore"):
        try:
            wanted = rule(layer, arrays, lambda x: x)
            got = rule(_in_half(layer, precision), halves, step)
        except (UserError, ValueError, KeyError):
            return None
        if wanted is None or got is None or wanted.size != output.size:
            return None
        return replace(outcome(rounded(got, precision), wanted), peak=largest(got))


def _in_half(layer: Layer, precision: str) -> Layer:
    """Return the layer with its weights as ncnn keeps them."""
    weights = tuple(
        replace(each, data=rounded(each.values(), precision), table=None, kind=None) for each in layer.weights
    )
    return replace(layer, weights=weights)


def _step(kernel: Kernel, precision: str) -> Round:
    if kernel is Kernel.HALF:
        return lambda x: rounded(x, precision).astype(np.float64)
    return lambda x: x


def _unary(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    name = str(describe(layer)["op_type"])
    if name == "exp" and rounds(step):
        return step(np.exp(np.minimum(inputs[0], _EXP_HIGHEST)))
    return step(_UNARY[name](inputs[0]))


def _binary(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    params = decode(spec_of(layer.type, layer.name), layer)
    function = _BINARY[str(describe(layer)["op_type"])]
    if params.integer("with_scalar"):
        return step(function(inputs[0], step(np.asarray(params.number("b")))))
    return step(function(*_aligned(*inputs)))


def _aligned(x: Array, y: Array) -> tuple[Array, Array]:
    """Bring a vector beside (c, h, w) into its place: ncnn broadcasts along the outer axes."""
    if x.ndim > y.ndim and y.ndim and y.shape[0] == x.shape[0]:
        return x, y.reshape(*y.shape, *(1,) * (x.ndim - y.ndim))
    if y.ndim > x.ndim and x.ndim and x.shape[0] == y.shape[0]:
        return x.reshape(*x.shape, *(1,) * (y.ndim - x.ndim)), y
    return x, y


def _softmax(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    return softmax(inputs[0], decode(spec_of(layer.type, layer.name), layer).integer("axis"), step)


def _plain(function: Callable[[Array], Array]) -> Callable[[Layer, list[Array], Round], Array | None]:
    return lambda layer, inputs, step: step(function(inputs[0]))


def _clip(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    params = decode(spec_of(layer.type, layer.name), layer)
    return np.clip(inputs[0], params.number("min"), params.number("max"))


_RULES: Mapping[str, Callable[[Layer, list[Array], Round], Array | None]] = {
    "UnaryOp": _unary,
    "BinaryOp": _binary,
    "Softmax": _softmax,
    "SDPA": sdpa,
    "MultiHeadAttention": multi_head,
    "GRU": gru,
    "LSTM": lstm,
    "Clip": _clip,
    "Pooling": average,
    "Sigmoid": _plain(sigmoid),
    "TanH": _plain(np.tanh),
    "Swish": _plain(lambda x: x * sigmoid(x)),
}
