"""`forecast`: what half precision will do to every layer of a bundle, computed on any host with numpy."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.alignment import store
from edgekit.alignment.model import Alignment, LayerAlignment
from edgekit.alignment.sample import Sample
from edgekit.bundle import Bundle, open_bundle
from edgekit.errors import UserError, did_you_mean
from edgekit.forecaster.kernels import Kernel, kernel_of
from edgekit.forecaster.layer import predicted, where
from edgekit.forecaster.model import Forecast, LayerForecast, Risk
from edgekit.forecaster.outcome import State
from edgekit.forecaster.propagate import propagated
from edgekit.formats import ncnn
from edgekit.graph import Graph
from edgekit.numerics.floors import largest
from edgekit.numerics.halves import lost
from edgekit.verifier.limits import NO_LAYERS, Limits
from edgekit.verifier.storage import narrow_weights

Array = npt.NDArray[Any]

PRECISIONS = ("fp16", "fp16-storage", "bf16")
_MOST_LOST = 0.5
_SURE = 2.0  # a forecast is not exact, and an alarm has to be right


def forecast(bundle: str | os.PathLike[str] | Bundle, precision: str = "fp16") -> Forecast:
    """Forecast a bundle in fp16 (storage and arithmetic), fp16-storage or bf16 on an ARM core that has them.

    From the reference captures and the weights in the bundle; neither ncnn nor torch runs.

    Raises:
        UserError: a damaged bundle, or another precision.
    """
    if precision not in PRECISIONS:
        remedy = did_you_mean(precision, PRECISIONS) or "choose from " + ", ".join(PRECISIONS)
        raise UserError(f"'{precision}' cannot be forecast", remedy)
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    graph = ncnn.read(opened.param, opened.bin)
    alignment, samples, _ = store.read(opened.path)
    stored = narrow_weights(graph, opened.manifest.precision)
    return forecast_graph(graph, alignment, samples, precision, stored)


def forecast_graph(
    graph: Graph,
    alignment: Alignment,
    samples: Sequence[Sample],
    precision: str,
    stored: Mapping[int, str] = NO_LAYERS,
) -> Forecast:
    """Forecast a graph whose references are at hand; of several samples a layer shows its worst.

    `stored` names the precision of layers whose weights are stored in less than float32.
    """
    limits = Limits(graph, alignment, samples, precision, stored)
    layers: list[LayerForecast] = []
    untold: dict[str, str] = {}
    for entry in alignment.layers:
        if not entry.outputs:
            untold[entry.name] = entry.reason or "it stands for no PyTorch tensor"
            continue
        found = [
            _one(graph, entry, sample, blob, precision, limits.isolated(blob, number))
            for number, sample in enumerate(samples)
            for blob in entry.outputs
        ]
        layers.append(max(found, key=_badness))
    return Forecast(precision, propagated(graph, layers, _peaks(samples), precision), untold)


def _one(
    graph: Graph, entry: LayerAlignment, sample: Sample, blob: str, precision: str, limit: float
) -> LayerForecast:
    layer = graph.layers[entry.index]
    kernel = kernel_of(layer, precision) if entry.anchors == layer.inputs else Kernel.CHAIN
    noise = sample.noise[blob]
    seen = predicted(layer, kernel, sample.blobs, blob, noise, precision)
    output = sample.blobs[blob]
    gone = 0.0 if kernel is Kernel.WIDE else lost(output, precision)
    return LayerForecast(
        index=entry.index,
        name=entry.name,
        type=entry.type,
        blob=blob,
        kernel=kernel,
        risk=_risk(seen.error, seen.state, limit, gone),
        error=seen.error,
        floor=limit,
        peak=_peak(layer.inputs, layer.outputs, sample.blobs),
        alone=seen.state,
        where=None if seen.state is State.FINITE else where(layer, sample.blobs, precision),
        lost=gone,
        holds=seen.peak,
        source=entry.source,
    )


def _risk(error: float | None, state: State, limit: float, gone: float) -> Risk:
    if state is not State.FINITE or error is None:
        return Risk.OVERFLOW
    if error > _SURE * limit:
        return Risk.ERROR
    return Risk.UNDERFLOW if gone > _MOST_LOST else Risk.NONE


def _peaks(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the largest number of each blob over all samples."""
    return {blob: max(_peak((blob,), (), sample.blobs) for sample in samples) for blob in samples[0].blobs}


def _peak(inputs: Sequence[str], outputs: Sequence[str], blobs: Mapping[str, Array]) -> float:
    return max((largest(blobs[blob]) for blob in (*inputs, *outputs) if blob in blobs), default=0.0)


def _badness(layer: LayerForecast) -> tuple[int, float]:
    """Order forecasts of one layer: overflow first, then by the error in units of the floor."""
    if layer.error is None:
        return (1, float(layer.alone.rank))
    return (0, layer.error / layer.floor if layer.floor > 0 else np.inf if layer.error else 0.0)
