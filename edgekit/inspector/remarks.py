"""What is unusual about a model: each remark with a reason, and a remedy where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from edgekit.bencher.fastpath import slow_reason
from edgekit.errors import FormatError
from edgekit.graph import Graph, Layer, Weight
from edgekit.inspector.model import Remark
from edgekit.inspector.opened import Opened
from edgekit.ops import SPECS, Finding, activation, check_graph, decode

_LARGEST_FP16 = 65504.0
_ARCH = "aarch64"  # phones and boards, where these models are to run
_ACTIVATIONS = frozenset({"ReLU", "Clip", "Sigmoid", "Mish", "HardSwish"})
_FUSABLE = {  # source: the passes of ncnn's tools/ncnnoptimize.cpp
    "Convolution": _ACTIVATIONS,
    "ConvolutionDepthWise": _ACTIVATIONS,
    "Deconvolution": frozenset({"ReLU", "Clip", "Sigmoid"}),
    "DeconvolutionDepthWise": frozenset({"ReLU", "Clip", "Sigmoid"}),
    "InnerProduct": _ACTIVATIONS,
}
_FOLDABLE = frozenset({"BatchNorm", "Scale", "Bias"})
_OPTIMISED = frozenset({"BatchNorm"})


def remarks(opened: Opened, registered: Mapping[str, bool]) -> tuple[Remark, ...]:
    """Return all remarks: on the file, on ncnn's build, then layer by layer.

    `registered` says which layer types the ncnn build at hand has, empty when none was asked.
    """
    return (
        *(Remark("file", note) for note in opened.notes),
        *_missing(opened.graph, registered),
        *sorted(_of_layers(opened), key=lambda remark: remark.layer or 0),
    )


def _missing(graph: Graph, registered: Mapping[str, bool]) -> Iterator[Remark]:
    for index, layer in enumerate(graph):
        if layer.type in SPECS and not registered.get(layer.type, True):
            yield Remark(
                "unknown",
                f"the installed ncnn was built without {layer.type}",
                index,
                layer.name,
                "build ncnn with it, or replace the operator",
            )


def _of_layers(opened: Opened) -> Iterator[Remark]:
    graph = opened.graph
    yield from map(_from_finding, check_graph(graph))
    yield from _shapes(opened)
    precision = "fp32" if opened.bundle is None else opened.bundle.manifest.precision
    for index, layer in enumerate(graph):
        for kind, message, remedy in (
            *_dead(opened, layer),
            *_odd_weights(layer.weights),
            *_slow(layer, precision),
            *_unfused(graph, layer),
        ):
            yield Remark(kind, message, index, layer.name, remedy)


def _from_finding(finding: Finding) -> Remark:
    starts = {"parameter": "parameter", "input '": "dead", "ncnn registers": "unknown"}
    kind = next((kind for start, kind in starts.items() if finding.message.startswith(start)), None)
    if kind is None:
        kind = "unknown" if "ncnn's own builds" in finding.message else "weights"
    return Remark(kind, finding.message, finding.layer, finding.name, finding.remedy)


Found = Iterable[tuple[str, str, str | None]]


def _shapes(opened: Opened) -> Iterator[Remark]:
    """Say where shapes begin to be unknown, and where the file's hints are not what follows from it."""
    graph, inferred = opened.graph, opened.inferred
    yield from _open_inputs(opened)
    for blob, reason in inferred.unknown.items():
        layer = graph.layers[graph.blobs[blob].producer]
        if not reason.startswith("the shape of '") and layer.type in SPECS and layer.type != "Input":
            message = f"the shape of '{blob}' is not known: {reason}"
            yield Remark("shape", message, graph.blobs[blob].producer, layer.name)
    for blob, hint in graph.shapes.items():
        found = inferred.shapes.get(blob)
        if found is not None and min(hint) > 0 and found != hint and not opened.given:
            index = graph.blobs[blob].producer
            message = f"the file says '{blob}' is {_text(hint)}, its layers make it {_text(found)}"
            yield Remark("shape", message, index, graph.layers[index].name, "ncnn does not need the hint")


def _open_inputs(opened: Opened) -> Iterator[Remark]:
    """Say which inputs have no shape, each in its turn: they are named by what the user gives."""
    blobs = [blob for blob in opened.inferred.unknown if blob in opened.graph.input_blobs]
    name = blobs[0] if len(blobs) == 1 else "NAME"
    for blob in blobs:
        message = "the file leaves the shape of this input open"
        remedy = f"give it with --input {name}=SHAPE"
        yield Remark("shape", message, opened.graph.blobs[blob].producer, blob, remedy)


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _dead(opened: Opened, layer: Layer) -> Found:
    outputs = set(opened.outputs)
    if layer.type == "Input":
        return
    for blob in layer.outputs:
        if not opened.graph.blobs[blob].consumers and blob not in outputs:
            yield "dead", f"nothing reads '{blob}', and it is no output of the model", None


def _odd_weights(weights: Iterable[Weight]) -> Found:
    for weight in weights:
        values = weight.values()
        if not np.issubdtype(values.dtype, np.floating) or values.size == 0:
            continue
        if values.size > 1 and not np.any(values) and weight.name.endswith("weight_data"):
            yield (
                "weights",
                f"all {values.size} values of {weight.name} are zero",
                "check the trained weights",
            )
        if values.dtype == np.float32:
            largest = float(np.max(np.abs(values)))
            if _LARGEST_FP16 < largest < np.inf:
                yield (
                    "weights",
                    f"{weight.name} reaches {largest:.3g}, beyond what fp16 holds",
                    "keep this layer in fp32 (31=3)",
                )


def _slow(layer: Layer, precision: str) -> Found:
    try:
        reason = slow_reason(layer, precision, _ARCH)
    except FormatError:
        return  # the layer's parameters contradict each other, which is remarked elsewhere
    if reason is not None:
        yield "slow", reason, None


def _unfused(graph: Graph, layer: Layer) -> Found:
    """Say what a converter would have merged into the convolution beside it."""
    if len(layer.inputs) != 1 or layer.type not in (_ACTIVATIONS | _FOLDABLE | {"Padding"}):
        return
    before = graph.layers[graph.blobs[layer.inputs[0]].producer]
    only = len(graph.blobs[layer.inputs[0]].consumers) == 1
    if layer.type == "Padding":
        readers = [graph.layers[index] for index in graph.blobs[layer.outputs[0]].consumers]
        if readers and all(each.type.startswith("Convolution") for each in readers) and _pads_zeros(layer):
            yield (
                "unfused",
                f"the padding could be that of the {readers[0].type} behind it",
                "pad in the convolution",
            )
    elif only and layer.type in _parts(before) and _without_activation(before):
        optimised = layer.type not in _FOLDABLE or layer.type in _OPTIMISED
        remedy = "run ncnnoptimize" if optimised else "fold it into the weights before the export"
        yield "unfused", f"{layer.type} could be part of the {before.type} before it", remedy


def _parts(layer: Layer) -> frozenset[str]:
    """Return the types that could be part of a layer before them."""
    activations = _FUSABLE.get(layer.type)
    return frozenset() if activations is None else activations | _FOLDABLE


def _pads_zeros(layer: Layer) -> bool:
    params = decode(SPECS["Padding"], layer)
    return (
        params.integer("type") == 0
        and params.number("value") == 0
        and not params.integer("per_channel_pad_data_size")
        and params.integer("front") == params.integer("behind") == 0
    )


def _without_activation(layer: Layer) -> bool:
    try:
        return layer.type in SPECS and activation(layer) is None
    except FormatError:
        return False
