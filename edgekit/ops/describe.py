"""A layer's parameters in words: kernel, stride, padding and activation instead of numbered values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edgekit.errors import FormatError
from edgekit.graph import Layer, Param
from edgekit.ops.spec import COMMON_PARAMS, LayerSpec, Params, decode
from edgekit.ops.table import spec_of

ACTIVATION_NAMES = ("none", "relu", "leakyrelu", "clip", "sigmoid", "mish", "hardswish")


@dataclass(frozen=True, slots=True)
class Activation:
    """An activation fused into a layer: its name and its parameters (slope, (min, max), (alpha, beta))."""

    name: str
    params: tuple[float, ...] = ()


Pads = tuple[tuple[int, int], ...]
Described = Param | Activation | Pads

_AXES = "dhw"
_WINDOW = ("kernel", "dilation", "stride")
_PADS = {"d": ("pad_front", "pad_behind"), "h": ("pad_top", "pad_bottom"), "w": ("pad_left", "pad_right")}
_HIDDEN = frozenset({"activation_type", "activation_params", "weight_data_size", "fixbug0"})


def activation(layer: Layer) -> Activation | None:
    """Return the activation fused into the layer, or None.

    Raises:
        UnknownLayerType: ncnn registers no such layer type.
        FormatError: the activation is none of those that ncnn knows.
    """
    params = decode(spec_of(layer.type, layer.name), layer)
    return _activation(params)


def _activation(params: Params) -> Activation | None:
    number = params.values.get("activation_type", 0)
    if not isinstance(number, int) or number == 0:
        return None
    if not 0 < number < len(ACTIVATION_NAMES):
        raise FormatError(
            f"{params.owner}: activation_type is {number}, 0 to 6 exist", "export the model again"
        )
    return Activation(ACTIVATION_NAMES[number], params.numbers("activation_params"))


def describe(layer: Layer) -> Mapping[str, Described]:
    """Return the layer's parameters by name, defaults filled in and enumerations named.

    Windows are outermost axis first: `kernel=(kh, kw)`, `pads=((top, bottom), (left, right))`.
    Layers with a window say `in_channels` where their weight tells it.

    Raises:
        UnknownLayerType: ncnn registers no such layer type.
        FormatError: the parameters contradict each other.
    """
    spec = spec_of(layer.type, layer.name)
    params = decode(spec, layer)
    left = {
        name: _named(spec, name, value)
        for name, value in params.values.items()
        if name not in _HIDDEN and (name not in _COMMON or str(_COMMON[name]) in layer.params)
    }
    described: dict[str, Described] = {}
    if "kernel_w" in left:
        described |= _window(left)
    described |= left
    fused = _activation(params)
    if fused is not None:
        described["activation"] = fused
    if layer.type.startswith(("Convolution", "Deconvolution", "Deformable")):
        described |= _in_channels(spec, params)
    return described


_COMMON = {param.name: param.id for param in COMMON_PARAMS}


def _named(spec: LayerSpec, name: str, value: Param) -> Param:
    for param in spec.params:
        if (
            param.name == name
            and param.choices
            and isinstance(value, int)
            and 0 <= value < len(param.choices)
        ):
            return param.choices[value] or value
    return value


def _window(left: dict[str, Param]) -> dict[str, Described]:
    """Take the window's parameters out of `left` and return them joined by axis."""
    axes = [axis for axis in _AXES if f"kernel_{axis}" in left]
    joined: dict[str, Described] = {}
    for what in _WINDOW:
        if f"{what}_w" in left:
            joined[what] = tuple(_int(left.pop(f"{what}_{axis}")) for axis in axes)
    if "pad_left" in left:
        sides = [_PADS[axis] for axis in axes]
        joined["pads"] = tuple((_int(left.pop(low)), _int(left.pop(high))) for low, high in sides)
    return joined


def _int(value: Param) -> int:
    assert isinstance(value, int)
    return value


def _in_channels(spec: LayerSpec, params: Params) -> dict[str, Described]:
    weights = spec.layout(params)
    if not weights:
        return {}
    group = params.integer("group") if "group" in params.values else 1
    return {"in_channels": weights[0].shape[1] * group}
