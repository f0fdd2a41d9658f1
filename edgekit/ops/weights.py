"""Which weights a layer has, from its parameters alone."""

from __future__ import annotations

from collections.abc import Sequence

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


def is_quantised(weight: WeightSpec, layout: Sequence[WeightSpec]) -> bool:
    """Tell whether a layer's parameters announce a weight in int8: it has scales beside it."""
    return any(other.name.startswith(f"{weight.name}_int8_scale") for other in layout)


def is_scale(weight: WeightSpec) -> bool:
    """Tell quantisation scales from weights that a model was trained for."""
    return weight.name.endswith(_SCALE_SUFFIXES)
