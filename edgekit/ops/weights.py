"""Which weights a layer has, from its parameters alone."""

from __future__ import annotations

from edgekit.errors import FormatError
from edgekit.graph import Layer
from edgekit.ops.spec import WeightSpec, decode, problems
from edgekit.ops.table import spec_of

_SCALE_SUFFIXES = ("_scale", "_scales")


def weight_layout(layer: Layer) -> tuple[WeightSpec, ...]:
    """Return what ncnn reads from the `.bin` for this layer, in order.

    Raises:
        UnknownLayerType: ncnn registers no such layer type.
        FormatError: the parameters contradict each other.
    """
    spec = spec_of(layer.type, layer.name)
    try:
        return spec.layout(decode(spec, layer))
    except FormatError as error:
        found = problems(spec, layer)
        if not found:
            raise
        raise FormatError(f"layer '{layer.name}' ({layer.type}): {found[0]}", error.remedy) from None


def is_scale(weight: WeightSpec) -> bool:
    """Tell quantisation scales from weights that a model was trained for."""
    return weight.name.endswith(_SCALE_SUFFIXES)
