"""Functions of single numbers, softmax, and recurrent layers, in half precision as ncnn computes them.

fp16's `exp` takes its argument as 10.74 at most (`c_exp_hi_f16` in neon_mathfun_fp16s.h): it saturates near
46300 and never becomes infinite. A softmax takes off the maximum first and adds up in fp16. A gate of a GRU
or LSTM is four fp16 sums that are added at the end; sigmoid, tanh and the state are float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.errors import UserError
from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.outcome import Outcome, outcome
from edgekit.graph import Layer
from edgekit.numerics.floors import largest
from edgekit.numerics.halves import rounded
from edgekit.ops import decode, describe, spec_of

Array = npt.NDArray[Any]
Round = Callable[[Array], Array]

_EXP_HIGHEST = 10.7421875

_UNARY: Mapping[str, Callable[[Array], Array]] = {
    "abs": np.abs, "neg": np.negative, "square": np.square, "sqrt": np.sqrt, "exp": np.exp, "log": np.log,
    "rsqrt": lambda x: 1 / np.sqrt(x), "reciprocal": lambda x: 1 / x, "tanh": np.tanh, "sin": np.sin,
    "cos": np.cos, "log10": np.log10,
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
    halves = [rounded(array, precision).astype(np.float64) for array in arrays]
    step = _step(kernel, precision)
    with np.errstate(all="ignore"):
        try:
            wanted = rule(layer, arrays, lambda x: x)
            got = rule(layer, halves, step)
        except (UserError, ValueError, KeyError):
            return None
        if wanted is None or got is None or wanted.size != output.size:
            return None
        return replace(outcome(rounded(got, precision), wanted), peak=largest(got))


def _step(kernel: Kernel, precision: str) -> Round:
    if kernel is Kernel.HALF:
        return lambda x: rounded(x, precision).astype(np.float64)
    return lambda x: x


def _unary(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    name = str(describe(layer)["op_type"])
    if name == "exp" and step(np.float64(1 + 2.0**-20)) == 1:  # type: ignore[arg-type]
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


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _softmax(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    axis = decode(spec_of(layer.type, layer.name), layer).integer("axis")
    x = inputs[0]
    powers = step(np.exp(step(x - x.max(axis, keepdims=True))))
    if step(np.float64(1 + 2.0**-20)) != 1:  # type: ignore[arg-type]
        shares: Array = powers / powers.sum(axis, keepdims=True)
        return shares
    total = np.zeros_like(powers.take([0], axis))
    for index in range(powers.shape[axis]):
        total = step(total + powers.take([index], axis))
    return step(powers * step(1 / total))


def _gru(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    """Input (t, size); one or two directions; gates in ncnn's order reset, update, new."""
    if len(inputs) != 1 or inputs[0].ndim != 2:
        return None
    params = decode(spec_of(layer.type, layer.name), layer)
    count, direction = params.integer("num_output"), params.integer("direction")
    weights = {each.name: np.asarray(each.values(), np.float64) for each in layer.weights}
    directions = 2 if direction == 2 else 1
    xc = weights["weight_xc_data"].reshape(directions, 3, count, -1)
    bias = weights["bias_c_data"].reshape(directions, 4, count)
    hc = weights["weight_hc_data"].reshape(directions, 3, count, count)
    found = []
    for number in range(directions):
        backwards = direction == 1 or number == 1
        steps = inputs[0][::-1] if backwards else inputs[0]
        result = _gru_steps(steps, step(xc[number]), step(bias[number]), step(hc[number]), step)
        found.append(result[::-1] if backwards else result)
    return np.concatenate(found, -1)


def _gru_steps(x: Array, xc: Array, bias: Array, hc: Array, step: Round) -> Array:
    """R, U, N from x_t and h; N = tanh(b + R (hc h + b') + xc x); h = (1 - U) N + U h."""
    hidden = np.zeros(xc.shape[1])
    found = []
    for row in x:
        state = step(hidden)
        reset, update = (
            _sigmoid(_gate(np.hstack((xc[gate], hc[gate])), np.hstack((row, state)), bias[gate], step))
            for gate in (0, 1)
        )
        new = _gate(hc[2], state, bias[2], step)
        new = step(bias[3] + step(reset) * new)
        new = np.tanh(_gate(xc[2], row, new, step))
        hidden = (1 - update) * new + update * hidden
        found.append(hidden)
    return np.stack(found)


def _gate(weight: Array, x: Array, bias: Array, step: Round) -> Array:
    """Four sums over every fourth product, added at the end."""
    sums = [bias, np.zeros_like(bias), np.zeros_like(bias), np.zeros_like(bias)]
    for index in range(weight.shape[1]):
        sums[index % 4] = step(sums[index % 4] + weight[:, index] * x[index])
    return step(step(sums[0] + sums[1]) + step(sums[2] + sums[3]))


def _plain(function: Callable[[Array], Array]) -> Callable[[Layer, list[Array], Round], Array | None]:
    return lambda layer, inputs, step: step(function(inputs[0]))


def _clip(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    params = decode(spec_of(layer.type, layer.name), layer)
    return np.clip(inputs[0], params.number("min"), params.number("max"))


_RULES: Mapping[str, Callable[[Layer, list[Array], Round], Array | None]] = {
    "UnaryOp": _unary,
    "BinaryOp": _binary,
    "Softmax": _softmax,
    "GRU": _gru,
    "Clip": _clip,
    "Sigmoid": _plain(_sigmoid),
    "TanH": _plain(np.tanh),
    "Swish": _plain(lambda x: x * _sigmoid(x)),
}
