"""One row for each layer: shapes, cost, storage and parameters in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.errors import FormatError
from edgekit.graph import Graph, Layer, Weight
from edgekit.inspector.model import LayerSummary, PrecisionShare, Shape, Totals
from edgekit.inspector.opened import Opened
from edgekit.ops import SPECS, Cost, cost, describe, weight_layout
from edgekit.ops.weights import is_quantised, is_scale

_FEATURES = {
    1: "fp16 arithmetic",
    2: "fp16 storage",
    4: "bf16 storage",
    8: "int8",
    16: "Vulkan",
    32: "sgemm",
    64: "winograd",
    128: "threads",
}
_MASK = "31"
_HIDDEN_FACTS = frozenset({"top_shapes", "featmask"})


def summaries(opened: Opened) -> tuple[LayerSummary, ...]:
    """Return the rows of all layers."""
    return tuple(summary(opened, index, layer, {}, None) for index, layer in enumerate(opened.graph))


def summary(
    opened: Opened, index: int, layer: Layer, registered: Mapping[str, bool], module: str | None
) -> LayerSummary:
    """Return the row of one layer; `registered` says which types the ncnn at hand has."""
    inputs = tuple(opened.shape(blob) for blob in layer.inputs)
    outputs = tuple(opened.shape(blob) for blob in layer.outputs)
    spent = _cost(layer, inputs, outputs)
    parameters, weight_bytes = _size(layer)
    return LayerSummary(
        index=index,
        name=layer.name,
        type=layer.type,
        inputs=layer.inputs,
        outputs=layer.outputs,
        input_shapes=inputs,
        output_shapes=outputs,
        parameters=parameters,
        macs=None if spent is None else spent.macs * _batch(opened, layer),
        weight_bytes=weight_bytes,
        activation_bytes=None if spent is None else spent.activation_bytes * _batch(opened, layer),
        precision=_precision(layer),
        turned_off=features(layer),
        facts=_facts(layer),
        registered=registered.get(layer.type, layer.type in SPECS),
        module=module,
    )


def _batch(opened: Opened, layer: Layer) -> int:
    return max((opened.inferred.batches.get(blob, 1) for blob in layer.outputs), default=1)


def _cost(layer: Layer, inputs: tuple[Shape | None, ...], outputs: tuple[Shape | None, ...]) -> Cost | None:
    known = [shape for shape in (*inputs, *outputs) if shape is not None]
    if layer.type not in SPECS or len(known) < len(inputs) + len(outputs):
        return None
    try:
        return cost(layer, known[: len(inputs)], known[len(inputs) :])
    except FormatError:
        return None


def _size(layer: Layer) -> tuple[int | None, int | None]:
    """Return the learned numbers and the bytes of all weights, None where the parameters do not tell."""
    if layer.type not in SPECS:
        return None, None
    try:
        layout = weight_layout(layer)
    except FormatError:
        return None, None
    parameters = sum(spec.size for spec in layout if not is_scale(spec))
    if layer.weights:
        return parameters, sum(_bytes(weight) for weight in layer.weights)
    return parameters, sum(share.bytes for share in _announced(layer).values())


def _bytes(weight: Weight) -> int:
    return int(weight.data.nbytes) + (0 if weight.table is None else int(weight.table.nbytes))


def storage(weight: Weight) -> str:
    """Return how a weight is stored: fp32, fp16, bf16, int8, table (256 values) or packed."""
    if weight.kind == "bf16":
        return "bf16"
    if weight.table is not None:
        return "table"
    return {"float32": "fp32", "float16": "fp16", "int8": "int8"}.get(weight.data.dtype.name, "packed")


def _announced(layer: Layer) -> dict[str, PrecisionShare]:
    """Return how the weights of a layer are stored as far as its parameters tell, without the `.bin`."""
    if layer.type not in SPECS:
        return {}
    mix: dict[str, PrecisionShare] = {}
    try:
        layout = weight_layout(layer)
    except FormatError:
        return {}
    for spec in layout:
        small = spec.storage == "bytes" or is_quantised(spec, layout)
        _add(mix, "int8" if small else "fp32", spec.size, spec.size * (1 if small else 4))
    return mix


def _add(mix: dict[str, PrecisionShare], name: str, parameters: int, size: int, weights: int = 1) -> None:
    before = mix.get(name, PrecisionShare(0, 0, 0))
    mix[name] = PrecisionShare(before.weights + weights, before.parameters + parameters, before.bytes + size)


def _precision(layer: Layer) -> str | None:
    """Return how the largest weight is stored: biases are always fp32."""
    if not layer.weights:
        announced = _announced(layer)
        return "int8" if "int8" in announced else None
    return storage(max(layer.weights, key=lambda weight: weight.data.size))


def precision_mix(graph: Graph) -> dict[str, PrecisionShare]:
    """Return how much of the weights is stored in which way; without a `.bin`, as the `.param` has it."""
    mix: dict[str, PrecisionShare] = {}
    for layer in graph:
        for weight in layer.weights:
            _add(mix, storage(weight), int(weight.data.size), _bytes(weight))
        for name, share in {} if layer.weights else _announced(layer).items():
            _add(mix, name, share.parameters, share.bytes, share.weights)
    return mix


def features(layer: Layer) -> tuple[str, ...]:
    """Return the features that the layer's mask turns off."""
    mask = layer.params.get(_MASK, 0)
    if not isinstance(mask, int):
        return ()
    return tuple(name for bit, name in _FEATURES.items() if mask & bit)


def _facts(layer: Layer) -> dict[str, object]:
    if layer.type not in SPECS:
        return {key: value for key, value in layer.params.items() if key not in ("30", _MASK)}
    try:
        return {name: value for name, value in describe(layer).items() if name not in _HIDDEN_FACTS}
    except FormatError:
        return {}


def totals(opened: Opened, rows: Sequence[LayerSummary]) -> Totals:
    """Return the sums over all layers."""
    counted = [row for row in rows if row.macs is not None]
    unknown = [row for row in rows if row.macs is None and (row.parameters or not row.registered)]
    told = sum(row.parameters or 0 for row in counted) >= sum(row.parameters or 0 for row in unknown)
    return Totals(
        layers=len(rows),
        parameters=sum(row.parameters or 0 for row in rows),
        macs=sum(row.macs or 0 for row in counted) if counted and told else None,
        macs_unknown=len(unknown),
        weight_bytes=sum(row.weight_bytes or 0 for row in rows),
        param_file_bytes=opened.param.stat().st_size,
        bin_file_bytes=None if opened.bin is None else opened.bin.stat().st_size,
    )
