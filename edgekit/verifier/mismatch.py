"""Where a .param is no longer the one that a bundle was made with: the first layer that shows it."""

from __future__ import annotations

from math import prod

from edgekit.alignment import store
from edgekit.alignment.model import Alignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import Bundle
from edgekit.errors import FormatError, UserError
from edgekit.formats import ncnn
from edgekit.graph import Graph, Layer
from edgekit.ops import spec_of
from edgekit.ops.spec import decode

_REBUILT = ("zoo", "file", "torchscript", "onnx")
"""Kinds of models whose spec can be named on a command line."""


def first_difference(graph: Graph, alignment: Alignment) -> str | None:
    """Return how the first differing layer differs: `layer 'silu_3' is HardSwish, was Swish`."""
    for layer, entry in zip(graph.layers, alignment.layers, strict=False):
        if layer.name != entry.name:
            return f"layer {entry.index} is '{layer.name}' ({layer.type}), was '{entry.name}' ({entry.type})"
        if layer.type != entry.type:
            return f"layer '{layer.name}' is {layer.type}, was {entry.type}"
        if not set(entry.outputs) <= set(layer.outputs):
            return f"layer '{layer.name}' gives {_listed(layer.outputs)}, gave {_listed(entry.outputs)}"
    if len(graph) != len(alignment.layers):
        return f"there are {len(graph)} layers, there were {len(alignment.layers)}"
    return None


def other_types(graph: Graph, alignment: Alignment) -> list[str]:
    """Warn of layers that have become ones of another type: `layer 'silu_3' is HardSwish, was Swish`."""
    return [
        f"layer '{layer.name}' is {layer.type}, was {entry.type}"
        for layer, entry in zip(graph.layers, alignment.layers, strict=True)
        if layer.type != entry.type
    ]


def comparison(bundle: Bundle) -> str:
    """Return the command that shows all differences between the .param and its model."""
    model = bundle.manifest.model
    return f"edgekit diff {bundle.param} {model.spec if model.kind in _REBUILT else 'MODEL'}"


def explained(bundle: Bundle, error: FormatError) -> FormatError:
    """Return the error on a .bin that does not fit its .param, with the layer that no longer fits, if known.

    What a layer reads and gives stands in the alignment; a declared number of weights that does not go with
    that was changed after the export.
    """
    try:
        graph = ncnn.read(bundle.param)
        alignment, samples, _ = store.read(bundle.path)
    except UserError:
        return error
    found = first_difference(graph, alignment)
    if found is None and samples:
        found = _misfit(graph, alignment, samples[0])
    if found is None:
        return error
    return FormatError(f"{error.message}; {found}", error.remedy)


def _listed(blobs: tuple[str, ...]) -> str:
    return ", ".join(f"blob '{blob}'" for blob in blobs) or "no blob"


def _misfit(graph: Graph, alignment: Alignment, sample: Sample) -> str | None:
    for layer, entry in zip(graph.layers, alignment.layers, strict=True):
        known = all(blob in sample.blobs for blob in (*layer.inputs, *layer.outputs))
        if not known or entry.anchors != layer.inputs or not layer.inputs or not layer.outputs:
            continue
        shapes = sample.blobs[layer.inputs[0]].shape, sample.blobs[layer.outputs[0]].shape
        wanted = _weights(layer, *shapes)
        if wanted is not None and wanted[0] != wanted[1]:
            has, needs = wanted
            return f"layer '{layer.name}' declares {has} weights, and at the export it had {needs}"
    return None


def _weights(layer: Layer, given: tuple[int, ...], made: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the declared number of weights and the one that goes with what is read and given."""
    params = decode(spec_of(layer.type, layer.name), layer)
    if layer.type == "InnerProduct" and given and made:
        read = given[-1] if len(made) > 1 else prod(given)
        return params.integer("weight_data_size"), made[-1] * read
    if layer.type in ("Convolution", "Deconvolution") and len(given) == len(made) == 3:
        kernel = params.integer("kernel_w") * params.integer("kernel_h")
        return params.integer("weight_data_size"), made[0] * given[0] * kernel
    return None
