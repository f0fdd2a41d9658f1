"""What could have been meant: the layers that differ from a wrong one by one mistake that ports make.

Each variant is a layer with another value of one parameter, its inputs in another order, or its weights read
in another order; and the words for it. Nothing here runs: `verifier.remedy` tries them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from edgekit.graph import Layer, Param, Weight
from edgekit.numerics.metrics import Array
from edgekit.ops import spec_of
from edgekit.ops.describe import ACTIVATION_NAMES
from edgekit.ops.spec import LayerSpec, Params, decode
from edgekit.ops.table_elementwise import BINARY_OPS
from edgekit.verifier.gates import gate_orders
from edgekit.verifier.shapes import reshaped
from edgekit.verifier.variant import Variant, changed

_USUAL: Mapping[str, tuple[int | float, ...]] = {
    "align_corner": (0, 1),
    "alpha": (1.0, 0.2, 0.166666672),
    "avgpool_count_include_pad": (0, 1),
    "axis": (0, 1, 2, -1, -2),
    "eps": (1e-3, 1e-5, 1e-6, 1e-8, 1e-12),
    "fast_gelu": (0, 1),
    "group": (2, 3, 4, 8),
    "order_type": (0, 1, 2, 3, 4, 5),
    "reverse": (0, 1),
    "slope": (0.0, 0.01, 0.1, 0.2, 0.25),
    "transB": (0, 1),
}
"""Values that models use, by ncnn's name of the parameter."""

_DEPTHWISE = tuple(
    f"{kind}DepthWise{size}" for kind in ("Convolution", "Deconvolution") for size in ("", "1D", "3D")
)
_FUNCTIONS = ("ReLU", "Swish", "HardSwish", "GELU", "Sigmoid", "HardSigmoid", "TanH", "Mish", "ELU", "Noop")
"""Layers of every number for itself, without parameters; the last does nothing."""

_GROUPED = (*_DEPTHWISE, "GroupNorm")
_NOT_MEANT = {"Gemm": ("transB",), **dict.fromkeys(_GROUPED, ("group",))}
"""Parameters that say how the weights lie in the file: another value would read other weights."""

_WINDOWS = tuple(itertools.product((0, 1, 2, 3), (1, 2), (1, 2)))
"""Padding, stride and dilation of a square window."""

_MOST_INPUTS = 3
_IMAGE_CHANNELS = 3


def variants(layer: Layer, given: Array, wanted: Array) -> Iterator[Variant]:
    """Yield what could have been meant in place of `layer`.

    `given` is its first input and `wanted` what it should make of it: bounds and scalars are read off them.

    Raises:
        UnknownLayerType: ncnn has no such type.
    """
    spec = spec_of(layer.type, layer.name)
    params = decode(spec, layer)
    yield from reshaped(layer, params, given, wanted)
    yield from _input_orders(layer)
    if params.values.get("with_scalar"):
        yield from _operations(layer, spec, params, given, wanted)
    else:
        yield from _single_values(layer, spec, params)
    if layer.type == "Clip":
        yield from _bounds(layer, params, wanted)
    if "activation_type" in params.values:
        yield from _activations(layer, params, wanted)
    if "kernel_w" in params.values:
        yield from _windows(layer, params)
    yield from _weight_orders(layer)
    yield from _functions(layer)


def _functions(layer: Layer) -> Iterator[Variant]:
    """Another function of every number in place of this one, or of none at all."""
    if layer.type not in _FUNCTIONS or len(layer.inputs) != 1:
        return
    for kind in _FUNCTIONS[:-1]:
        if kind != layer.type:
            words = f"the layer type {kind} instead of {layer.type}"
            yield Variant(replace(layer, type=kind, params={}, text=None), words)


def _input_orders(layer: Layer) -> Iterator[Variant]:
    if not 2 <= len(layer.inputs) <= _MOST_INPUTS:
        return
    for order in itertools.permutations(layer.inputs):
        if order != layer.inputs:
            words = f"its inputs in the order {', '.join(order)} instead of {', '.join(layer.inputs)}"
            yield Variant(replace(layer, inputs=order), words)


def _single_values(layer: Layer, spec: LayerSpec, params: Params) -> Iterator[Variant]:
    kept = _NOT_MEANT.get(layer.type, ())
    for param in spec.params:
        if param.name in kept:
            continue
        names = dict(enumerate(param.choices))
        given = params.values[param.name]
        for value in names or _USUAL.get(param.name, ()):
            if value == given or (names and not names[int(value)]):
                continue
            words = f"{param.name} {_shown(value, names)} instead of {_shown(given, names)}"
            yield changed(layer, {str(param.id): value}, words)


def _shown(value: Param, names: Mapping[int, str]) -> str:
    if isinstance(value, int):
        return names.get(value, str(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _operations(
    layer: Layer, spec: LayerSpec, params: Params, given: Array, wanted: Array
) -> Iterator[Variant]:
    """Another operation with the same scalar, then another scalar; last the larger or smaller of the two.

    To add a millionth and to take nothing below a thousandth give the same for most numbers.
    """
    bounds = []
    for variant in _single_values(layer, spec, params):
        if BINARY_OPS[int(str(variant.layer.params["0"]))] in ("max", "min"):
            bounds.append(variant)
        else:
            yield variant
    yield from _scalars(layer, params, given, wanted)
    yield from bounds


def _scalars(layer: Layer, params: Params, given: Array, wanted: Array) -> Iterator[Variant]:
    """The scalar that the numbers ask for."""
    x, y = given.astype(np.float64).reshape(-1), wanted.astype(np.float64).reshape(-1)
    if x.shape != y.shape or not x.any():
        return
    factor = float(x @ y / (x @ x))
    operation = BINARY_OPS[params.integer("op_type")]
    asked = {
        "add": float(np.mean(y - x)),
        "sub": float(np.mean(x - y)),
        "rsub": float(np.mean(y + x)),
        "mul": factor,
        "div": 1 / factor if factor else 0.0,
    }
    if operation in asked:
        scalar = float(np.float32(asked[operation]))
        yield changed(layer, {"2": scalar}, f"scalar {scalar:.6g} instead of {params.number('b'):.6g}")


def _bounds(layer: Layer, params: Params, wanted: Array) -> Iterator[Variant]:
    low, high = float(wanted.min()), float(wanted.max())
    before = f"{params.number('min'):g} to {params.number('max'):g}"
    yield changed(layer, {"0": low, "1": high}, f"bounds {low:g} to {high:g} instead of {before}")


_WITH_NUMBERS = (2, 3, 6)


def _activations(layer: Layer, params: Params, wanted: Array) -> Iterator[Variant]:
    low, high = float(wanted.min()), float(wanted.max())
    tried: tuple[tuple[int, tuple[float, ...]], ...] = (
        (0, ()),
        (1, ()),
        *((2, (slope,)) for slope in (0.01, 0.1, 0.2, 0.25)),
        (3, (0.0, 6.0)),
        (3, (low, high)),
        (4, ()),
        (5, ()),
        (6, (0.166666672, 0.5)),
    )
    given = (params.integer("activation_type"), params.numbers("activation_params"))
    for kind, numbers in dict.fromkeys(tried):
        if (kind, numbers) == given:
            continue
        changes: dict[str, Param] = {"9": kind, "10": numbers} if numbers else {"9": kind}
        stripped = replace(layer, params={key: each for key, each in layer.params.items() if key != "10"})
        words = f"activation {_activation(kind, numbers)} instead of {_activation(*given)}"
        yield changed(stripped, changes, words)


def _activation(kind: int, numbers: tuple[float, ...]) -> str:
    name = ACTIVATION_NAMES[kind] if 0 <= kind < len(ACTIVATION_NAMES) else str(kind)
    takes = kind in _WITH_NUMBERS and numbers  # whoever edits a .param may leave those of another behind
    return name + (f"({', '.join(f'{number:g}' for number in numbers)})" if takes else "")


def _windows(layer: Layer, params: Params) -> Iterator[Variant]:
    """Other paddings, strides and dilations: alone first, then together."""
    ids = {param.name: str(param.id) for param in spec_of(layer.type, layer.name).params}
    roles = (
        (
            "padding",
            [name for name in ids if name.startswith("pad_") and name not in ("pad_value", "pad_mode")],
        ),
        ("stride", [name for name in ids if name.startswith("stride_")]),
        ("dilation", [name for name in ids if name.startswith("dilation_")]),
    )
    found = []
    for values in _WINDOWS:
        changes: dict[str, Param] = {}
        words = []
        for (role, names), value in zip(roles, values, strict=True):
            given = [params.values[name] for name in names]
            if not names or all(each == value for each in given):
                continue
            changes |= {ids[name]: value for name in names}
            words.append(f"{role} {value} instead of {_joined(given)}")
        if changes:
            found.append((len(words), changed(layer, changes, " and ".join(words))))
    yield from (variant for _, variant in sorted(found, key=lambda pair: pair[0]))
    yield from _one_sided(layer, params, ids)


def _one_sided(layer: Layer, params: Params, ids: Mapping[str, str]) -> Iterator[Variant]:
    """The same padding in sum, more of it on one side, as TensorFlow pads."""
    before, after = ("pad_left", "pad_top"), ("pad_right", "pad_bottom")
    if any(name not in ids for name in (*before, *after)):
        return
    for step in (1, -1):
        changes: dict[str, Param] = {ids[name]: params.integer(name) - step for name in before}
        changes |= {ids[name]: params.integer(name) + step for name in after}
        if all(isinstance(value, int) and value >= 0 for value in changes.values()):
            sides = "right and bottom" if step == 1 else "left and top"
            yield changed(layer, changes, f"one more pixel of its padding {sides}")


def _weight_orders(layer: Layer) -> Iterator[Variant]:
    """A first convolution that takes BGR for RGB; a kernel with rows for columns; gates in another order."""
    yield from gate_orders(layer)
    if not layer.weights or not layer.type.startswith("Convolution"):
        return
    weight, *others = layer.weights
    data = weight.data
    if data.ndim == 4 and data.shape[1] == _IMAGE_CHANNELS:
        yield Variant(
            _reweighted(layer, weight, data[:, ::-1], others),
            "the input channels of its weights in reverse order: RGB and BGR are exchanged",
        )
    if data.ndim == 4 and data.shape[2] == data.shape[3] > 1:
        yield Variant(
            _reweighted(layer, weight, data.swapaxes(2, 3), others),
            "its kernel transposed: rows and columns are exchanged",
        )


def _reweighted(layer: Layer, weight: Weight, data: Array, others: list[Weight]) -> Layer:
    return replace(layer, weights=(replace(weight, data=np.ascontiguousarray(data)), *others))


def _joined(values: list[Param]) -> str:
    return str(values[0]) if len(set(values)) == 1 else "/".join(map(str, values))
