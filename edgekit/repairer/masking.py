"""Write feature masks into a graph so that ncnn survives them, and carry its alignment over.

A layer whose storage mask is set must never be handed a 16-bit blob: ncnn 1.0.20261020 converts a blob to
float32 only where storage is *on* and the layer type has no fp16 kernel, so a masked layer would read
halves as floats (it crashes, or gives garbage). Before such a layer stands therefore a layer without fp16
kernels that changes nothing, `Permute` of order 0: it is handed float32 and hands on float32. Behind the
masked layers nothing is needed: a layer with storage on takes float32 and rounds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edgekit.alignment.model import Alignment, BlobAlignment, LayerAlignment
from edgekit.alignment.noise import LayerNoise
from edgekit.alignment.sample import Sample
from edgekit.alignment.scaled import ScaledCase
from edgekit.graph import Graph, Layer
from edgekit.numerics.floors import Noise, largest
from edgekit.ops.half import MASK_PARAM, mask_of, stores_half
from edgekit.repairer.model import Keep

_WIDEN = "Permute"
_AS_IT_IS: dict[str, int] = {"0": 0}


@dataclass(frozen=True, eq=False)
class Masked:
    """A graph with masks in it.

    `place` maps the index of an old layer to its new one; `widened` an inserted blob to the blob that it
    repeats; `inserted` are the new indices of the layers that widen.
    """

    graph: Graph
    place: Mapping[int, int]
    widened: Mapping[str, str]
    inserted: tuple[int, ...]


def with_masks(graph: Graph, masks: Mapping[int, Keep]) -> Masked:
    """Return the graph with the masks of layers by index, and a widening layer wherever one is needed."""
    wide = _float32_blobs(graph, masks)
    layers: list[Layer] = []
    place: dict[int, int] = {}
    widened: dict[str, str] = {}
    inserted: list[int] = []
    names = {layer.name for layer in graph.layers}
    for index, layer in enumerate(graph.layers):
        renamed: dict[str, str] = {}
        if masks.get(index) is Keep.ALL:
            for blob in dict.fromkeys(layer.inputs):
                if blob in wide:
                    continue
                copy, name = _fresh(f"{blob}_wide", graph.blobs), _fresh(f"widen_{len(widened)}", names)
                inserted.append(len(layers))
                layers.append(Layer(_WIDEN, name, (blob,), (copy,), dict(_AS_IT_IS)))
                widened[copy], renamed[blob] = blob, copy
        place[index] = len(layers)
        layers.append(_masked(layer, masks.get(index), renamed))
    return Masked(replace(graph, layers=tuple(layers)), place, widened, tuple(inserted))


def _masked(layer: Layer, keep: Keep | None, renamed: Mapping[str, str]) -> Layer:
    if keep is None:
        return layer
    params = {**layer.params, MASK_PARAM: mask_of(layer) | int(keep)}
    return replace(layer, inputs=tuple(renamed.get(blob, blob) for blob in layer.inputs), params=params)


def _float32_blobs(graph: Graph, masks: Mapping[int, Keep]) -> frozenset[str]:
    """Blobs that reach their reader in float32: of masked layers, of types without fp16, inputs."""
    found: set[str] = set()
    for index, layer in enumerate(graph.layers):
        if layer.type == "Input" or masks.get(index) is Keep.ALL or not stores_half(layer.type):
            found.update(layer.outputs)
    return frozenset(found)


def _fresh(wanted: str, taken: object) -> str:
    name, number = wanted, 1
    while name in taken:  # type: ignore[operator]
        number += 1
        name = f"{wanted}_{number}"
    return name


def carried_alignment(masked: Masked, alignment: Alignment) -> Alignment:
    """Return the alignment of the masked graph: inserted blobs stand for the tensor that they repeat."""
    blobs = dict(alignment.blobs)
    for copy, blob in masked.widened.items():
        if blob in alignment.blobs:
            blobs[copy] = replace(alignment.blobs[blob], blob=copy)
    old = {new: index for index, new in masked.place.items()}
    layers = [
        _carried(masked, alignment, index, old[index], blobs)
        if index in old
        else _widening(masked, alignment, index, old, blobs)
        for index in range(len(masked.graph.layers))
    ]
    return Alignment(tuple(layers), blobs, alignment.suspects)


def _carried(
    masked: Masked, alignment: Alignment, index: int, old: int, blobs: Mapping[str, BlobAlignment]
) -> LayerAlignment:
    entry = alignment.layers[old]
    renamed = {
        masked.widened[blob]: blob for blob in masked.graph.layers[index].inputs if blob in masked.widened
    }
    anchors = tuple(renamed[blob] if renamed.get(blob) in blobs else blob for blob in entry.anchors)
    return replace(entry, index=index, anchors=anchors)


def _widening(
    masked: Masked,
    alignment: Alignment,
    index: int,
    old: Mapping[int, int],
    blobs: Mapping[str, BlobAlignment],
) -> LayerAlignment:
    """Of an inserted layer: it belongs to the line of code that the layer behind it was made from."""
    layer = masked.graph.layers[index]
    behind = next(number for number in range(index, len(masked.graph.layers)) if number in old)
    source = alignment.layers[old[behind]].source
    copy, blob = layer.outputs[0], layer.inputs[0]
    if copy not in blobs:
        reason = f"repeats blob '{blob}', which stands for no PyTorch tensor"
        return LayerAlignment(index, layer.name, layer.type, (), (), source=source, reason=reason)
    return LayerAlignment(index, layer.name, layer.type, (copy,), (blob,), source=source)


def carried_sample(masked: Masked, sample: Sample) -> Sample:
    """Return the sample with the numbers of the inserted blobs, which are exact copies."""
    blobs, noise = dict(sample.blobs), dict(sample.noise)
    for copy, blob in masked.widened.items():
        if blob not in blobs:
            continue
        blobs[copy] = blobs[blob]
        whole = noise[blob].propagated if blob in noise else Noise(0.0, 0.0, largest(blobs[blob]), exact=True)
        noise[copy] = LayerNoise(Noise(0.0, 0.0, largest(blobs[blob]), exact=True), whole)
    return Sample(sample.name, blobs, noise, tuple(_scaled(masked, case) for case in sample.scaled))


def _scaled(masked: Masked, case: ScaledCase) -> ScaledCase:
    index = masked.place[case.layer]
    renamed = {
        masked.widened[blob]: blob for blob in masked.graph.layers[index].inputs if blob in masked.widened
    }
    inputs = {renamed.get(blob, blob): array for blob, array in case.inputs.items()}
    return replace(case, layer=index, inputs=inputs)


def carried_samples(masked: Masked, samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Return all samples for the masked graph."""
    return tuple(carried_sample(masked, sample) for sample in samples)
