"""GRU and LSTM in half precision, as ncnn computes them.

A gate is four sums in fp16 that are added at the end; sigmoid, tanh and the state are float32
(`gru_arm_asimdhp.cpp`, `lstm_arm_asimdhp.cpp`). The state is rounded where it is multiplied again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.graph import Layer
from edgekit.ops import decode, spec_of

Array = npt.NDArray[Any]
Round = Callable[[Array], Array]
Steps = Callable[[Array, Array, Array, Array, Round], Array]


def gru(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    """Input (t, size); one or two directions; gates in ncnn's order reset, update, new."""
    return _unrolled(layer, inputs, step, (3, 4, 3), _gru_steps)


def lstm(layer: Layer, inputs: list[Array], step: Round) -> Array | None:
    """Input (t, size); one or two directions, no projection; gates: input, forget, output, new."""
    params = decode(spec_of(layer.type, layer.name), layer)
    if params.integer("hidden_size") not in (0, params.integer("num_output")):
        return None
    return _unrolled(layer, inputs, step, (4, 4, 4), _lstm_steps)


def _unrolled(
    layer: Layer, inputs: list[Array], step: Round, gates: tuple[int, int, int], run: Steps
) -> Array | None:
    """Run every direction; `gates` are those of the input's weights, of the biases and of the state's."""
    if len(inputs) != 1 or inputs[0].ndim != 2:
        return None
    params = decode(spec_of(layer.type, layer.name), layer)
    count, direction = params.integer("num_output"), params.integer("direction")
    weights = {each.name: np.asarray(each.values(), np.float64) for each in layer.weights}
    directions = 2 if direction == 2 else 1
    xc = weights["weight_xc_data"].reshape(directions, gates[0], count, -1)
    bias = weights["bias_c_data"].reshape(directions, gates[1], count)
    hc = weights["weight_hc_data"].reshape(directions, gates[2], count, count)
    found = []
    for number in range(directions):
        backwards = direction == 1 or number == 1
        steps = inputs[0][::-1] if backwards else inputs[0]
        result = run(steps, xc[number], bias[number], hc[number], step)
        found.append(result[::-1] if backwards else result)
    return np.concatenate(found, -1)


def _gru_steps(x: Array, xc: Array, bias: Array, hc: Array, step: Round) -> Array:
    """R, U, N from x_t and h; N = tanh(b + R (hc h + b') + xc x); h = (1 - U) N + U h."""
    hidden = np.zeros(xc.shape[1])
    found = []
    for row in x:
        state = step(hidden)
        reset, update = (sigmoid(_of_both(xc, hc, bias, gate, row, state, step)) for gate in (0, 1))
        new = _gate(hc[2], state, bias[2], step)
        new = step(bias[3] + step(reset) * new)
        new = np.tanh(_gate(xc[2], row, new, step))
        hidden = (1 - update) * new + update * hidden
        found.append(hidden)
    return np.stack(found)


def _lstm_steps(x: Array, xc: Array, bias: Array, hc: Array, step: Round) -> Array:
    """I, F, O, G from x_t and h; c = F c + I tanh(G); h = O tanh(c)."""
    hidden = np.zeros(xc.shape[1])
    cell = np.zeros(xc.shape[1])
    found = []
    for row in x:
        state = step(hidden)
        i, f, o, g = (_of_both(xc, hc, bias, gate, row, state, step) for gate in range(4))
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        found.append(hidden)
    return np.stack(found)


def _of_both(xc: Array, hc: Array, bias: Array, gate: int, row: Array, state: Array, step: Round) -> Array:
    """Return a gate before its function, of the input and the state together."""
    return _gate(np.hstack((xc[gate], hc[gate])), np.hstack((row, state)), bias[gate], step)


def _gate(weight: Array, x: Array, bias: Array, step: Round) -> Array:
    """Four sums over every fourth product, added at the end."""
    sums = [bias, np.zeros_like(bias), np.zeros_like(bias), np.zeros_like(bias)]
    for index in range(weight.shape[1]):
        sums[index % 4] = step(sums[index % 4] + weight[:, index] * x[index])
    return step(step(sums[0] + sums[1]) + step(sums[2] + sums[3]))


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))
