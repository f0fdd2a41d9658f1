"""Forecast one layer on one sample: exact ranges first, then its own arithmetic on a part of it.

moved     the numbers are rounded once: u max|y|
sums      a part of the products is added up as ncnn does (`sums`)
functions all numbers go through the function as ncnn computes it (`functions`)
the rest  what rounding every input and weight once changes, E_c u / u32 (E_c was measured at export, see
numerics.floors), and rounding the result, u max|y| / 2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgekit.alignment.noise import LayerNoise
from edgekit.forecaster.functions import of_function
from edgekit.forecaster.kernels import Kernel
from edgekit.forecaster.model import INSIDE, READS
from edgekit.forecaster.outcome import Outcome, State, state_of
from edgekit.forecaster.products import products_of, tiles_of
from edgekit.forecaster.spread import handed_on
from edgekit.forecaster.sums import of_products
from edgekit.forecaster.winograd import of_tiles
from edgekit.graph import Layer
from edgekit.numerics.floors import UNITS, largest
from edgekit.numerics.halves import overflows, rounded

Array = npt.NDArray[Any]


def predicted(
    layer: Layer, kernel: Kernel, blobs: Mapping[str, Array], blob: str, noise: LayerNoise, precision: str
) -> Outcome:
    """Return what `blob`, an output of the layer, is off by when the layer runs alone on `blobs`."""
    output = blobs[blob]
    if kernel is Kernel.WIDE:
        u32 = UNITS["fp32"]
        return Outcome(max(noise.isolated.rounding, u32 * noise.isolated.peak))
    if kernel is Kernel.CHAIN:
        return _of_conditioning(noise, output, precision)
    if kernel is Kernel.MOVED:
        return _of_rounding(output, precision)
    if not _broken_weights(layer, precision):
        found = of_function(layer, blobs, output, kernel, precision)
        if found is not None:
            return found
    tiles = tiles_of(layer, blobs, output) if kernel is Kernel.HALF else None
    products = products_of(layer, blobs, output)
    if tiles is not None:
        found = of_tiles(tiles, output)
    elif products is not None:
        found = of_products(products, kernel, precision)
    elif (read := _read(layer, blobs, precision)) is not State.FINITE:
        return Outcome(None, read)
    else:
        found = _of_conditioning(noise, output, precision)
    stored = _of_rounding(output, precision)  # a part of the layer may not hold its largest number
    return found if found.state.rank >= stored.state.rank else stored


def _read(layer: Layer, blobs: Mapping[str, Array], precision: str) -> State:
    """Return the worst number that comes of reading numbers beyond the precision."""
    beyond = [name in blobs and overflows(_peak(blobs[name]), precision) for name in layer.inputs]
    return handed_on(layer, [State.INF if each else State.FINITE for each in beyond])


def _of_rounding(output: Array, precision: str) -> Outcome:
    stored = rounded(output, precision)
    state = state_of(stored)
    if state is not State.FINITE:
        return Outcome(None, state)
    return Outcome(float(np.max(np.abs(stored.astype(np.float64) - output), initial=0.0)))


def _of_conditioning(noise: LayerNoise, output: Array, precision: str) -> Outcome:
    if state_of(rounded(output, precision)) is not State.FINITE:
        return Outcome(None, State.INF)
    alone, u = noise.isolated, UNITS[precision]
    return Outcome(max(alone.conditioning * u / UNITS["fp32"], _half_step(largest(output), u)))


def _half_step(peak: float, u: float) -> float:
    """Half the distance between numbers as large as the peak."""
    return u * 2.0 ** float(np.floor(np.log2(peak))) if peak > 0 else 0.0


def _broken_weights(layer: Layer, precision: str) -> bool:
    return any(overflows(_peak(each.values()), precision) for each in layer.weights)


def where(layer: Layer, blobs: Mapping[str, Array], precision: str) -> str:
    """Return which part of a layer leaves the range of the precision."""
    if _broken_weights(layer, precision):
        return f"a weight ({max(_peak(each.values()) for each in layer.weights):.3g})"
    for names, what in ((layer.inputs, READS), (layer.outputs, "what it writes")):
        peaks = [_peak(blobs[blob]) for blob in names if blob in blobs]
        if any(overflows(peak, precision) for peak in peaks):
            return f"{what} ({max(peaks):.3g})"
    return INSIDE


def _peak(array: Array) -> float:
    return largest(np.asarray(array, np.float32)) if array.dtype.kind == "f" else 0.0
