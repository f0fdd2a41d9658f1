"""The self-test of a bundle, worked out beforehand: what ncnn has to run, what comes out, what is noise.

    selftest/message.json, tensors.bin   a request for the worker (`edgekit.worker.protocol`): the cases of
                                         `edgekit verify`, and every reference tensor, once
    selftest.json                        edgekit.selftest/1: layers with their sources, and for each sample
                                         and blob the key of its reference, its scale and its floors; by
                                         precision, below what zeros say nothing

A phone runs the request, compares, and labels by the same floors as `edgekit verify`, without numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit import schema
from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import BIN_FILE, PARAM_FILE, TensorSpec
from edgekit.graph import Graph
from edgekit.numerics.floors import SMALLEST, floor
from edgekit.packager.model import SELFTEST_SCHEMA
from edgekit.runtimes.ncnn import FP32, PRECISIONS, Feed, request
from edgekit.runtimes.trace import Array, finite_scale
from edgekit.verifier.limits import Limits
from edgekit.verifier.run import cases_of
from edgekit.verifier.storage import narrow_weights
from edgekit.worker.protocol import write_message

REQUEST_FOLDER = "selftest"
EXPECTED_FILE = "selftest.json"
_MOST_PRECISE = "fp32"


def write_selftest(
    folder: Path,
    graph: Graph,
    alignment: Alignment,
    samples: Sequence[Sample],
    outputs: Sequence[TensorSpec],
    declared: str,
    warnings: Sequence[str],
) -> None:
    """Write both parts of the self-test into a bundle's folder; `declared` is the bundle's own precision."""
    keys = _Keys(alignment)
    stored = narrow_weights(graph, declared)
    limits = {precision: Limits(graph, alignment, samples, precision, stored) for precision in PRECISIONS}
    blobs = [output.blob for output in outputs]
    expected = [_sample_json(number, sample, limits, keys) for number, sample in enumerate(samples)]
    cases = cases_of(graph, alignment, samples, blobs, _MOST_PRECISE)
    message, tensors = request(PARAM_FILE, BIN_FILE, cases, FP32, keys.feeds)
    place = folder / REQUEST_FOLDER
    place.mkdir()
    write_message(str(place), message, tensors)
    document = {
        "schema": SELFTEST_SCHEMA,
        "precisions": PRECISIONS,
        "smallest": SMALLEST,
        "layers": [_layer_json(entry, graph, alignment) for entry in alignment.layers],
        "outputs": [{"name": output.name, "blob": output.blob} for output in outputs],
        "samples": expected,
        "weights": Counter(stored.values()),
        "warnings": list(warnings),
    }
    schema.write_json(document, folder / EXPECTED_FILE)


class _Keys:
    """Gives every reference array of the samples one key in the request."""

    def __init__(self, alignment: Alignment) -> None:
        self._alignment = alignment
        self._known: dict[int, str] = {}
        self.feeds: dict[str, Feed] = {}

    def of(self, array: Array, blob: str) -> str:
        """Return the key of an array that stands for a blob."""
        mark = id(array)  # the samples keep their arrays alive
        if mark not in self._known:
            self._known[mark] = f"r{len(self._known)}"
            self.feeds[self._known[mark]] = Feed(array, self._alignment.blobs[blob].layout.batch_axis)
        return self._known[mark]


def _sample_json(
    number: int,
    sample: Sample,
    limits: Mapping[str, Limits],
    keys: _Keys,
) -> dict[str, Any]:
    return {
        "name": sample.name,
        "blobs": {
            blob: {
                "tensor": keys.of(array, blob),
                "scale": finite_scale(array),
                "floors": _floors_json(limits, blob, number) if blob in sample.noise else {},
            }
            for blob, array in sample.blobs.items()
        },
        "scaled": [
            {
                "layer": case.layer,
                "factor": case.factor,
                "blob": blob,
                "tensor": keys.of(array, blob),
                "floor": floor(case.noise[blob], _MOST_PRECISE, limits[_MOST_PRECISE].sums(blob)),
            }
            for case in sample.scaled
            for blob, array in case.outputs.items()
        ],
    }


def _floors_json(limits: Mapping[str, Limits], blob: str, number: int) -> dict[str, Any]:
    return {
        precision: {"isolated": each.isolated(blob, number), "propagated": each.propagated(blob, number)}
        for precision, each in limits.items()
    }


def _layer_json(entry: LayerAlignment, graph: Graph, alignment: Alignment) -> dict[str, Any]:
    layer = graph.layers[entry.index]
    return {
        "index": entry.index,
        "name": entry.name,
        "type": entry.type,
        "inputs": layer.inputs,
        "outputs": layer.outputs,
        "judged": entry.outputs,
        "anchors": entry.anchors,
        "source": entry.source,
        "reason": entry.reason,
        "methods": {blob: alignment.blobs[blob].method for blob in entry.outputs},
        "confidences": {blob: alignment.blobs[blob].confidence for blob in entry.outputs},
    }
